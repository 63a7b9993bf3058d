// A make that takes arguments.

#include "multislot/cpython/handle_cache.h"

PyObject* LookUp() {
  static const multislot::cpython::HandleCache<> cache;
  return cache.get_or_create([](PyObject* object) { return object; });
}
