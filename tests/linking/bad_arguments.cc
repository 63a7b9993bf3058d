// A HandleCache with wrong template arguments, ARGUMENTS.

#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/single_interpreter_fast_path.h"
#include "multislot/single_slot.h"

PyObject* LookUp() {
  using multislot::SideTable;
  using multislot::SingleSlot;
  using multislot::cpython::SingleInterpreterFastPath;
  static const multislot::cpython::HandleCache<ARGUMENTS> cache;
  return cache.get_or_create([]() -> PyObject* { return nullptr; });
}
