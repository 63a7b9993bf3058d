#include "multislot/cpython/multislot.h"
#include "tests/linking/two_adapters/code.h"

#define NAME_(flavour, name) flavour##_##name
#define NAME(flavour, name) NAME_(flavour, name)

static PyObject* make_list(void* arg) {
  (void)arg;
  return PyList_New(0);
}

PyObject* NAME(FLAVOUR, list_in_c)(void) {
  static multislot_cache cache = MULTISLOT_CACHE_INIT;
  return multislot_get(&cache, make_list, NULL);
}

c_functions NAME(FLAVOUR, c_functions)(void) {
  const c_functions functions = {multislot_get, multislot_import_attr};
  return functions;
}
