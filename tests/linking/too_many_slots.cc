// A cache with one slot too many.

#include "multislot/basic_py_handle_cache.h"
#include "multislot/fixed_slots.h"
#include "multislot/interpreter.h"

PyObject* LookUp(multislot::Interpreter* interpreter) {
  static const multislot::BasicPyHandleCache<
      multislot::FixedSlots<multislot::kMaxFixedSlots + 1>>
      cache;
  return cache.ptr_or(interpreter, [] { return nullptr; });
}
