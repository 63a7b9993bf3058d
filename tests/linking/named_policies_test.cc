#include "tests/linking/named_policies.h"

#include <type_traits>

#include "c10/util/python_stub.h"
#include "gtest/gtest.h"
#include "multislot/interpreter.h"
#include "multislot/py_handle_cache.h"

namespace multislot {
namespace {

static_assert(!std::is_same<TwoSlots, ThreeSlots>::value, "");

TEST(NamedPoliciesTest, Coexist) {
  char objects[3];
  PyObject* handles[3];
  for (int i = 0; i < 3; ++i) {
    handles[i] = reinterpret_cast<PyObject*>(&objects[i]);
  }
  Interpreter interpreters[3];
  const ThreeSlots three;
  const PyHandleCache by_default;
  const BasicPyHandleCache<SingleSlot> single;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 3; ++i) {
      // Three slots hold every handle, two the first two, one the first.
      PyObject* offered = handles[round == 0 ? i : (i + 1) % 3];
      EXPECT_EQ(LookUpInTwoSlots(&interpreters[i], offered),
                i < 2 ? handles[i] : offered);
      EXPECT_EQ(LookUp(three, &interpreters[i], offered), handles[i]);
      EXPECT_EQ(three.peek(&interpreters[i]), handles[i]);
      EXPECT_EQ(single.ptr_or(&interpreters[i], [offered] { return offered; }),
                i == 0 ? handles[0] : offered);
      static_cast<void>(
          by_default.ptr_or(&interpreters[i], [offered] { return offered; }));
    }
  }
  EXPECT_EQ(by_default.peek(&interpreters[0]), handles[0]);
}

}  // namespace
}  // namespace multislot
