// What throws elsewhere ends the process where there are no exceptions.

#include <Python.h>

#include "gtest/gtest.h"
#include "multislot/cpython/call_once_and_store.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/side_table.h"
#include "tests/cpython/embedded.h"

#ifdef __cpp_exceptions
#error "compile this with -fno-exceptions"
#endif

namespace multislot {
namespace cpython {
namespace {

TEST(NoExceptionsDeathTest, WhereNothingIsStored) {
  Runtime runtime;
  static CallOnceAndStore<int, SideTable> storage;
  EXPECT_DEATH(static_cast<void>(storage.get_stored()),
               "get_stored.. before call_once_and_store_result");
  EXPECT_EQ(storage.call_once_and_store_result([] { return 3; }).get_stored(),
            3);
  EXPECT_EQ(storage.get_stored(), 3);
}

// A make() that fails says so by null, as with exceptions.
TEST(NoExceptionsTest, MakeFails) {
  Runtime runtime;
  static const HandleCache<SideTable> cache;
  const auto fail = []() -> PyObject* {
    PyErr_SetString(PyExc_ValueError, "no");
    return nullptr;
  };
  EXPECT_EQ(cache.get_or_create(fail), nullptr);
  EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_ValueError));
  PyErr_Clear();
  EXPECT_NE(cache.get_or_create([] { return PyList_New(0); }), nullptr);
}

}  // namespace
}  // namespace cpython
}  // namespace multislot
