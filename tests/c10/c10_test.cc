// What c10/ has besides the cache, whose behaviour //tests/conformance states.

#include <string>
#include <type_traits>

#include "c10/core/PyHandleCache.h"
#include "c10/core/impl/PyInterpreter.h"
#include "c10/util/Exception.h"
#include "c10/util/python_stub.h"
#include "gtest/gtest.h"

namespace {

static_assert(sizeof(c10::PyHandleCache) == 2 * sizeof(void*), "");
static_assert(std::is_trivially_destructible<c10::PyHandleCache>::value, "");
static_assert(!std::is_copy_constructible<c10::PyHandleCache>::value, "");
constexpr c10::PyHandleCache kConstantInitialised;

TEST(PyHandleCacheTest, IsConstantInitialised) {
  c10::impl::PyInterpreter interpreter(nullptr);
  static char object;
  PyObject* handle = reinterpret_cast<PyObject*>(&object);
  EXPECT_EQ(kConstantInitialised.ptr_or(&interpreter, [&] { return handle; }),
            handle);
  EXPECT_EQ(kConstantInitialised.ptr_or(&interpreter,
                                        []() -> PyObject* { return nullptr; }),
            handle);
}

class CountingVTable final : public c10::impl::PyInterpreterVTable {
 public:
  std::string name() const override { return "counting"; }
  void decref(PyObject*) const override { ++decrefs; }
  mutable int decrefs = 0;
};

TEST(PyInterpreterTest, OperationsAreTheVTables) {
  CountingVTable vtable;
  c10::impl::PyInterpreter interpreter(&vtable);
  EXPECT_EQ(interpreter->name(), "counting");
  (*interpreter).decref(nullptr);
  EXPECT_EQ(vtable.decrefs, 1);
}

TEST(PyInterpreterTest, DisarmedTouchesNothing) {
  CountingVTable vtable;
  c10::impl::PyInterpreter interpreter(&vtable);
  interpreter.disarm();
  interpreter->decref(nullptr);
  EXPECT_EQ(vtable.decrefs, 0);
  EXPECT_NE(interpreter->name(), "counting");
}

TEST(PyInterpreterTest, WithoutVTableIsDisarmed) {
  c10::impl::PyInterpreter interpreter(nullptr);
  interpreter->decref(nullptr);
  EXPECT_FALSE(interpreter->name().empty());
}

TEST(ExceptionTest, AssertThatHoldsDoesNothing) {
  TORCH_INTERNAL_ASSERT(1 + 1 == 2, "arithmetic");
}

TEST(ExceptionTest, AssertThatFailsSaysWhereAndWhat) {
  try {
    TORCH_INTERNAL_ASSERT(1 + 1 == 3, "arithmetic is off");
    FAIL() << "did not throw";
  } catch (const c10::Error& error) {
    const std::string text = error.what();
    for (const char* part :
         {"c10_test.cc:", "1 + 1 == 3", "arithmetic is off"}) {
      EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
    }
  }
}

}  // namespace
