#include "tests/linking/two_adapters/code.h"

#include "multislot/cpython/handle_cache.h"
#include "multislot/fixed_slots.h"

#define LIST_(flavour) flavour##_list
#define LIST(flavour) LIST_(flavour)

PyObject* LIST(FLAVOUR)(void) {
  static const multislot::cpython::HandleCache<multislot::FixedSlots<2>> cache;
  return cache.get_or_create([] { return PyList_New(0); });
}
