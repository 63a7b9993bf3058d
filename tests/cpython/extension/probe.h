#ifndef TESTS_CPYTHON_EXTENSION_PROBE_H_
#define TESTS_CPYTHON_EXTENSION_PROBE_H_

#include <Python.h>

#include "multislot/cpython/handle_cache.h"
#include "multislot/side_table.h"

namespace probe {

inline long long InterpreterId() {
  return PyInterpreterState_GetID(PyInterpreterState_Get());
}

// A list with the current interpreter's id.
inline PyObject* MakeList() { return Py_BuildValue("[L]", InterpreterId()); }

// A cache in an inline function, as in header-only libraries. Two extensions
// that use it may share one cache in the process (gcc) or have two.
using Cache = multislot::cpython::HandleCache<multislot::SideTable>;
#if defined(__GNUC__)
__attribute__((visibility("default")))  // whatever -fvisibility says
#endif
inline const Cache&
SharedCache() {
  static const Cache cache;
  return cache;
}
inline PyObject* Shared() { return SharedCache().get_or_create(MakeList); }

}  // namespace probe

#endif  // TESTS_CPYTHON_EXTENSION_PROBE_H_
