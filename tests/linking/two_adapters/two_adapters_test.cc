#include <Python.h>

#include <set>

#include "gtest/gtest.h"
#include "tests/cpython/embedded.h"
#include "tests/linking/two_adapters/code.h"

namespace multislot {
namespace cpython {
namespace {

std::set<PyObject*> Lists() {
  return {full_list(), full_list_in_c(), limited_list(), limited_list_in_c()};
}

// Each interpreter has four lists, and always the same ones.
TEST(TwoAdaptersTest, EachServesItsOwnCode) {
  Runtime runtime;
  const std::set<PyObject*> lists = Lists();
  EXPECT_EQ(lists.size(), 4u);
  EXPECT_EQ(lists.count(nullptr), 0u);
  EXPECT_EQ(Lists(), lists);
  {
    SubInterpreter sub;
    In in(sub);
    const std::set<PyObject*> others = Lists();
    EXPECT_EQ(others.size(), 4u);
    EXPECT_EQ(Lists(), others);
    for (PyObject* list : others) EXPECT_EQ(lists.count(list), 0u);
  }
  EXPECT_EQ(Lists(), lists);
}

// If both adapters' functions had the same names, the linker's command line
// would decide which ones are called.
TEST(TwoAdaptersTest, CCallsItsOwnAdapter) {
  const c_functions full = full_c_functions();
  const c_functions limited = limited_c_functions();
  EXPECT_NE(full.get, limited.get);
  EXPECT_NE(full.import_attr, limited.import_attr);
}

}  // namespace
}  // namespace cpython
}  // namespace multislot
