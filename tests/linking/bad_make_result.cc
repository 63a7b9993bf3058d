// A make that does not return a PyObject*, with the interpreter given.

#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/handle_cache.h"

PyObject* LookUp() {
  static const multislot::cpython::HandleCache<> cache;
  return cache.get_or_create(multislot::cpython::CurrentInterpreter(),
                             [] { return 42; });
}
