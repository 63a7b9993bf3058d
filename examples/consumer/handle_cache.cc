// The part of an extension that uses multislot.

#include "multislot/cpython/handle_cache.h"

#include "multislot/cpython/import_attr.h"

// Borrowed.
extern "C" PyObject* Fraction() {
  static const multislot::cpython::HandleCache<> cache;
  return cache.get_or_create(
      multislot::cpython::ImportAttr("fractions", "Fraction"));
}
