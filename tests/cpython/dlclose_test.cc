// A shared object that embeds the adapter is closed while interpreters own its
// objects and CPython has its callbacks.

#include <Python.h>
#include <dlfcn.h>

#include <string>

#include "gtest/gtest.h"
#include "tests/cpython/embedded.h"

namespace multislot {
namespace cpython {
namespace {

using LookUp = bool();

class DlcloseTest : public ::testing::TestWithParam<const char*> {
 protected:
  void Open() {
    const std::string path = std::string(CLOSED) + GetParam() + "/closed.so";
    library_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library_, nullptr) << dlerror();
    look_up_ = reinterpret_cast<LookUp*>(dlsym(library_, "LookUp"));
    ASSERT_NE(look_up_, nullptr) << dlerror();
  }
  void Close() { EXPECT_EQ(dlclose(library_), 0); }
  bool look_up() { return look_up_(); }

 private:
  void* library_ = nullptr;
  LookUp* look_up_ = nullptr;
};

TEST_P(DlcloseTest, TheMainInterpreterEndsAfterIt) {
  Runtime runtime;
  Open();
  EXPECT_TRUE(look_up());
  Close();
  // Raises an audit event; at the end atexit's callbacks run.
  EXPECT_EQ(PyRun_SimpleString("import sys; sys.audit('multislot.test')"), 0);
}

TEST_P(DlcloseTest, ASubInterpreterEndsAfterIt) {
  Runtime runtime;
  Open();
  EXPECT_TRUE(look_up());
  {
    SubInterpreter sub;
    In in(sub);
    EXPECT_TRUE(look_up());
    Close();
  }
  Open();
  EXPECT_TRUE(look_up());
  SubInterpreter sub;
  {
    In in(sub);
    EXPECT_TRUE(look_up());
  }
  Close();
}

INSTANTIATE_TEST_SUITE_P(Visibility, DlcloseTest,
                         ::testing::Values("", "_hidden"));

}  // namespace
}  // namespace cpython
}  // namespace multislot
