// One program that links multislot and PyTorch, which share some names.

#include <string>

#include "c10/core/PyHandleCache.h"
#include "c10/core/impl/PyInterpreter.h"
#include "c10/util/Exception.h"
#include "gtest/gtest.h"
#include "multislot/py_handle_cache.h"
#include "tests/c10/pytorch_side.h"

namespace {

PyObject* Handle() {
  static char object;
  return reinterpret_cast<PyObject*>(&object);
}

TEST(BesidePyTorchTest, PyTorchIsItself) { EXPECT_TRUE(PyTorchIsItself()); }

TEST(BesidePyTorchTest, MultislotIsItself) {
  c10::impl::PyInterpreter bare(nullptr);
  bare.disarm();
  EXPECT_EQ(bare->name(), "<disarmed interpreter>");
  EXPECT_EQ(c10::str(1), "1");

  const c10::PyHandleCache seed;
  EXPECT_EQ(seed.ptr_or(&bare, Handle), Handle());
  int calls = 0;
  const auto count = [&calls] {
    ++calls;
    return Handle();
  };
  EXPECT_EQ(seed.ptr_or(&bare, count), Handle());
  EXPECT_EQ(calls, 0);

  multislot::Interpreter interpreter;
  const multislot::BasicPyHandleCache<multislot::SingleSlot> single;
  try {
    static_cast<void>(single.ptr_or(
        &interpreter, [&] { return single.ptr_or(&interpreter, Handle); }));
    ADD_FAILURE() << "did not throw";
  } catch (const c10::Error& error) {
    EXPECT_NE(std::string(error.what()).find("filled the slot"),
              std::string::npos);
  }
}

}  // namespace
