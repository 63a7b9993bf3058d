// Uses the adapter. If it is built for another Python than the library, it must
// not link or must not be importable. The error must name both Pythons.

#include <Python.h>

#if defined(PRETEND_MINOR)
#undef PY_MINOR_VERSION
#define PY_MINOR_VERSION PRETEND_MINOR
#endif

#if defined(USE_C_HEADER)
#include "multislot/cpython/multislot.h"

static multislot_cache g_cache;
static PyObject* Find() {
  return multislot_get(
      &g_cache, [](void*) { return PyList_New(0); }, nullptr);
}
#else
#include "multislot/cpython/handle_cache.h"
#include "multislot/side_table.h"

static PyObject* Find() {
  static const multislot::cpython::HandleCache<multislot::SideTable> cache;
  return cache.get_or_create([] { return PyList_New(0); });
}
#endif

#if defined(AS_EXTENSION)
PyMODINIT_FUNC PyInit_wrong_python() {
  static PyModuleDef module = {PyModuleDef_HEAD_INIT,
                               "wrong_python",
                               nullptr,
                               0,
                               nullptr,
                               nullptr,
                               nullptr,
                               nullptr,
                               nullptr};
  if (Find() == nullptr) return nullptr;
  return PyModule_Create(&module);
}
#else
int main() { return Find() == nullptr ? 1 : 0; }
#endif
