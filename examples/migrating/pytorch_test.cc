// A host that has only c10's interpreters: the handle of a C++ object in each.

#include "c10/core/impl/PyInterpreter.h"
#include "examples/migrating/ask_python.h"
#include "examples/migrating/pytorch_after.h"
#include "examples/migrating/pytorch_before.h"
#include "gtest/gtest.h"

static int g_asked = 0;

PyObject* AskPython() {
  static char objects[8];
  return reinterpret_cast<PyObject*>(&objects[g_asked++]);
}

namespace {

// How often AskPython() is called in two rounds over three interpreters.
template <typename Object>
int Asked() {
  static c10::impl::PyInterpreter interpreters[3] = {
      c10::impl::PyInterpreter(nullptr),
      c10::impl::PyInterpreter(nullptr),
      c10::impl::PyInterpreter(nullptr),
  };
  const Object object;
  g_asked = 0;
  PyObject* first = object.handle(&interpreters[0]);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(object.handle(&interpreters[0]), first);
    for (int i = 1; i < 3; ++i) {
      EXPECT_NE(object.handle(&interpreters[i]), first);
    }
  }
  return g_asked;
}

TEST(PyTorchTest, OneSlotServesTheFirstInterpreterOnly) {
  EXPECT_EQ(Asked<Before>(), 5);
}

TEST(PyTorchTest, EachInterpreterHasASlot) { EXPECT_EQ(Asked<After>(), 3); }

}  // namespace
