#ifndef BENCHMARKS_SLOW_ACCESS_H_
#define BENCHMARKS_SLOW_ACCESS_H_

#include "c10/util/python_stub.h"

namespace benchmarks {

// A slow accessor for where only hits are measured: aborts. In a translation
// unit of its own, so that the compiler does not know that, and has to make the
// slow path one that returns.
PyObject* SlowAccess(const void* object);

}  // namespace benchmarks

#endif  // BENCHMARKS_SLOW_ACCESS_H_
