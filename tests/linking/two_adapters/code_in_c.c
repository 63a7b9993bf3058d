#include "multislot/cpython/multislot.h"
#include "tests/linking/two_adapters/code.h"

#define LIST_(flavour) flavour##_list_in_c
#define LIST(flavour) LIST_(flavour)

static PyObject* make_list(void* arg) {
  (void)arg;
  return PyList_New(0);
}

PyObject* LIST(FLAVOUR)(void) {
  static multislot_cache cache = MULTISLOT_CACHE_INIT;
  return multislot_get(&cache, make_list, NULL);
}
