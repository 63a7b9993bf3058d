// Everything in c10/ except the cache, which //tests/conformance covers.

#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

#include "c10/core/PyHandleCache.h"
#include "c10/core/impl/PyInterpreter.h"
#include "c10/util/Exception.h"
#include "c10/util/python_stub.h"
#include "gtest/gtest.h"
#include "tests/c10/written_for_pytorch.h"

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

// Returns the message of the c10::Error that `function` throws.
template <typename Function>
std::string ErrorOf(Function function) {
  try {
    function();
  } catch (const c10::Error& error) {
    EXPECT_EQ(std::string(error.what()), error.what_without_backtrace());
    return error.what();
  }
  ADD_FAILURE() << "did not throw";
  return std::string();
}

void ExpectParts(const std::string& text,
                 const std::vector<std::string>& parts) {
  std::size_t from = 0;
  for (const std::string& part : parts) {
    const std::size_t at = text.find(part, from);
    EXPECT_NE(at, std::string::npos) << part << " in: " << text;
    if (at != std::string::npos) from = at + part.size();
  }
}

TEST(ExceptionTest, AConditionThatHoldsDoesNothing) {
  int evaluated = 0;
  TORCH_INTERNAL_ASSERT(++evaluated == 1);
  TORCH_INTERNAL_ASSERT(++evaluated == 2, "parts are", ++evaluated);
  TORCH_CHECK(++evaluated == 3, ++evaluated);
  EXPECT_EQ(evaluated, 3);
}

TEST(ExceptionTest, AnErrorOfOnesOwn) {
  const c10::Error error("no");
  EXPECT_STREQ(error.what(), "no");
  EXPECT_EQ(error.msg(), "no");
}

TEST(ExceptionTest, AnErrorSaysWhereAndWhat) {
  ExpectParts(ErrorOf([] { TORCH_INTERNAL_ASSERT(1 + 1 == 3); }),
              {"c10_test.cc:", "operator()", "internal assert", "1 + 1 == 3"});
  ExpectParts(ErrorOf([] { TORCH_INTERNAL_ASSERT(1 + 1 == 3, "is off"); }),
              {"c10_test.cc:", "1 + 1 == 3", "is off"});
  ExpectParts(ErrorOf([] {
                TORCH_CHECK(false, "two ", 2, ' ', std::string("parts"), 0.5);
              }),
              {"c10_test.cc:", "check", "false", "two 2 parts0.5"});
}

TEST(ExceptionTest, TheMessageIsWhatThePartsMake) {
  try {
    TORCH_CHECK(false, "parts: ", 2);
    FAIL() << "did not throw";
  } catch (const c10::Error& error) {
    EXPECT_EQ(error.msg(), "parts: 2");
  }
}

TEST(ExceptionTest, DebugOnly) {
  int evaluated = 0;
  TORCH_INTERNAL_ASSERT_DEBUG_ONLY(++evaluated == 1, "x", 1);
#ifdef NDEBUG
  EXPECT_EQ(evaluated, 0);
#else
  EXPECT_EQ(evaluated, 1);
  ExpectParts(ErrorOf([] { TORCH_INTERNAL_ASSERT_DEBUG_ONLY(1 == 2); }),
              {"1 == 2"});
#endif
}

TEST(WrittenForPyTorchTest, Works) {
  c10::impl::PyInterpreter first(nullptr);
  c10::impl::PyInterpreter second(nullptr);
  static char object;
  PyObject* handle = reinterpret_cast<PyObject*>(&object);
  const user::LastObject last;
  EXPECT_EQ(last.get(&first, [&] { return handle; }), handle);
  EXPECT_EQ(last.get(&first, []() -> PyObject* { return nullptr; }), handle);
  ExpectParts(ErrorOf([&] {
                static_cast<void>(last.get(&second, [&] { return handle; }));
              }),
              {"written_for_pytorch.h:", "get", "owner == nullptr",
               "object of 0x", " wanted by 0x", ", after 1 lookups"});
  ExpectParts(ErrorOf([&] {
                static_cast<void>(last.get(nullptr, [&] { return handle; }));
              }),
              {"written_for_pytorch.h:", "get", "self"});
  EXPECT_EQ(user::half(4), 2);
  ExpectParts(ErrorOf([] { user::half(3); }),
              {"half", "number % 2 == 0", "3 is odd!"});
  ExpectParts(ErrorOf([] { user::half(-1); }), {"half", "false"});
}

}  // namespace
