// The examples in the headers of multislot/ and c10/, which need no Python.

#include <cstdio>
#include <cstdlib>

#include "c10/core/PyHandleCache.h"
#include "c10/core/impl/PyInterpreter.h"
#include "multislot/bare_interpreter.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/fixed_slots.h"
#include "multislot/interpreter.h"
#include "multislot/py_handle_cache.h"
#include "multislot/side_table.h"
#include "multislot/single_slot.h"

namespace {

using multislot::BasicPyHandleCache;
using multislot::FixedSlots;
using multislot::SideTable;
using multislot::SingleSlot;

int g_slow_accesses = 0;
int g_objects[2];

// Stands for the slow way to a Python object. Returns a borrowed reference.
PyObject* FindOperator() {
  ++g_slow_accesses;
  return reinterpret_cast<PyObject*>(&g_objects[0]);
}

void Check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::exit(1);
}

// [py_handle_cache]
PyObject* Operator(multislot::Interpreter* interpreter) {
  static const multislot::PyHandleCache cache;
  return cache.ptr_or(interpreter, [] { return FindOperator(); });
}
// [end py_handle_cache]

// [basic_py_handle_cache]
PyObject* OperatorIn4(multislot::Interpreter* interpreter) {
  static const BasicPyHandleCache<FixedSlots<4>> cache;
  return cache.ptr_or(interpreter, [] { return FindOperator(); });
}
// [end basic_py_handle_cache]

// [fixed_slots]
const BasicPyHandleCache<FixedSlots<16>> g_in_16;
// [end fixed_slots]

// [side_table]
const BasicPyHandleCache<SideTable> g_in_all;
// [end side_table]

// [single_slot]
const BasicPyHandleCache<SingleSlot> g_in_one;
// [end single_slot]

// [bare_interpreter]
PyObject* OperatorOf(c10::impl::PyInterpreter* interpreter) {
  using Slots = FixedSlots<4, c10::impl::PyInterpreter>;
  static const BasicPyHandleCache<Slots> cache;
  return cache.ptr_or(interpreter, [] { return FindOperator(); });
}
// [end bare_interpreter]

// [c10]
PyObject* OperatorInC10(c10::impl::PyInterpreter* interpreter) {
  static const c10::PyHandleCache cache;
  return cache.ptr_or(interpreter, [] { return FindOperator(); });
}
// [end c10]

// Both calls return the object, and the second calls no accessor.
template <typename Get>
void CheckRemembers(const char* what, Get get) {
  g_slow_accesses = 0;
  Check(get() == FindOperator() && get() == FindOperator(), what);
  Check(g_slow_accesses == 3, what);
}

}  // namespace

int main() {
  const auto& cache = g_in_all;
  // [interpreter]
  multislot::Interpreter interpreter;  // beside each Python interpreter
  PyObject* handle = cache.ptr_or(&interpreter, FindOperator);
  // [end interpreter]
  Check(handle == FindOperator() && cache.peek(&interpreter) == handle,
        "an Interpreter");

  CheckRemembers("PyHandleCache", [&] { return Operator(&interpreter); });
  CheckRemembers("four slots", [&] { return OperatorIn4(&interpreter); });
  CheckRemembers("16 slots",
                 [&] { return g_in_16.ptr_or(&interpreter, FindOperator); });
  CheckRemembers("one slot",
                 [&] { return g_in_one.ptr_or(&interpreter, FindOperator); });
  c10::impl::PyInterpreter bare(nullptr);
  CheckRemembers("a bare interpreter", [&] { return OperatorOf(&bare); });
  CheckRemembers("c10's cache", [&] { return OperatorInC10(&bare); });

  // [retire]
  interpreter.retire();  // before Py_EndInterpreter(), or Py_Finalize()
  // [end retire]
  Check(cache.peek(&interpreter) == nullptr, "no hit once it has retired");
}
