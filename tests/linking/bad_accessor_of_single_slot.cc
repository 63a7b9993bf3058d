// A slow accessor that takes arguments.

#include "multislot/single_slot.h"

PyObject* LookUp(multislot::Interpreter* interpreter) {
  static const multislot::BasicPyHandleCache<multislot::SingleSlot> cache;
  return cache.ptr_or(interpreter, [](PyObject* object) { return object; });
}
