// A cache with no slots.

#include "multislot/basic_py_handle_cache.h"
#include "multislot/fixed_slots.h"
#include "multislot/interpreter.h"

PyObject* LookUp(multislot::Interpreter* interpreter) {
  static const multislot::BasicPyHandleCache<multislot::FixedSlots<0>> cache;
  return cache.ptr_or(interpreter, [] { return nullptr; });
}
