#include "benchmarks/slow_access.h"

#include <cstdlib>

#include "c10/util/python_stub.h"

namespace benchmarks {

PyObject* SlowAccess(const void*) { std::abort(); }

}  // namespace benchmarks
