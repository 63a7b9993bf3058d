// Looks up, in code for one Python.

#include <Python.h>

#if defined(PRETEND_MINOR)
#undef PY_MINOR_VERSION
#define PY_MINOR_VERSION PRETEND_MINOR
#endif

#include "multislot/cpython/handle_cache.h"
#include "multislot/fixed_slots.h"

int main() {
  static const multislot::cpython::HandleCache<multislot::FixedSlots<2>> cache;
  return cache.get_or_create([] { return PyList_New(0); }) == nullptr ? 1 : 0;
}
