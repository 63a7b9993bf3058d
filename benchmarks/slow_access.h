#ifndef BENCHMARKS_SLOW_ACCESS_H_
#define BENCHMARKS_SLOW_ACCESS_H_

#include "c10/util/python_stub.h"

namespace benchmarks {

// An accessor for benchmarks that measure only hits. It aborts. It is in its
// own translation unit, so that the compiler must expect it to return.
PyObject* SlowAccess(const void* object);

}  // namespace benchmarks

#endif  // BENCHMARKS_SLOW_ACCESS_H_
