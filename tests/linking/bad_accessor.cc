// A slow accessor that does not return a PyObject*.

#include "multislot/basic_py_handle_cache.h"
#include "multislot/fixed_slots.h"

PyObject* LookUp(multislot::Interpreter* interpreter) {
  static const multislot::BasicPyHandleCache<multislot::FixedSlots<8>> cache;
  return cache.ptr_or(interpreter, [] { return 42; });
}
