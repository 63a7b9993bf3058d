#include "tests/linking/named_policies.h"

#include "c10/util/python_stub.h"
#include "multislot/interpreter.h"

PyObject* LookUpInTwoSlots(multislot::Interpreter* interpreter,
                           PyObject* if_missed) {
  static const TwoSlots cache;
  return cache.ptr_or(interpreter, [if_missed] { return if_missed; });
}

PyObject* LookUp(const ThreeSlots& cache, multislot::Interpreter* interpreter,
                 PyObject* if_missed) {
  return cache.ptr_or(interpreter, [if_missed] { return if_missed; });
}
