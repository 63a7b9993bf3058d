// (S35) A Python error is pending when something is looked up, or make() fails,
// or both.

#include <Python.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/import_attr.h"
#include "multislot/cpython/multislot.h"
#include "multislot/fixed_slots.h"
#include "tests/cpython/embedded.h"

namespace multislot {
namespace cpython {
namespace {

using Cache = HandleCache<FixedSlots<8>>;

// Takes the pending error away: a new reference, or null.
PyObject* Take() {
#if PY_VERSION_HEX >= 0x030C0000
  return PyErr_GetRaisedException();
#else
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  Py_XDECREF(type);
  Py_XDECREF(traceback);
  return value;
#endif
}

void SetPending(PyObject* exception) {
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception)), exception);
}

PyObject* New(PyObject* type, const char* text) {
  return PyObject_CallFunction(type, "s", text);
}

// The exception and its contexts, as text: "ValueError: b <- KeyError: 'a'".
std::string ChainOf(PyObject* exception) {
  std::string text;
  Py_XINCREF(exception);
  for (int i = 0; i < 10 && exception != nullptr; ++i) {
    PyObject* message = PyObject_Str(exception);
    text += (i == 0 ? "" : " <- ") + std::string(Py_TYPE(exception)->tp_name) +
            ": " + PyUnicode_AsUTF8(message);
    Py_DECREF(message);
    PyObject* context = PyException_GetContext(exception);
    Py_DECREF(exception);
    exception = context;
  }
  EXPECT_EQ(exception, nullptr) << "a ring: " << text;
  Py_XDECREF(exception);
  return text;
}

std::string TakeChain() {
  PyObject* exception = Take();
  std::string text = ChainOf(exception);
  Py_XDECREF(exception);
  return text;
}

// The two ways to look up: from C++, and from C.
using Make = std::function<PyObject*()>;

PyObject* GetCpp(const Make& make) { return Cache().get_or_create(make); }

PyObject* GetC(const Make& make) {
  multislot_cache cache = MULTISLOT_CACHE_INIT;
  return multislot_get(
      &cache, [](void* arg) { return (*static_cast<const Make*>(arg))(); },
      const_cast<Make*>(&make));
}

class ErrorsTest : public ::testing::TestWithParam<bool> {
 protected:
  static PyObject* Get(const Make& make) {
    return GetParam() ? GetC(make) : GetCpp(make);
  }
  // With an error pending that has no context; returns it, borrowed.
  PyObject* SetFirst() {
    first_ = New(PyExc_KeyError, "first");
    SetPending(first_);
    return first_;
  }
  void ExpectFirstIsPending() {
    PyObject* now = Take();
    EXPECT_EQ(now, first_);
    EXPECT_EQ(ChainOf(now), "KeyError: 'first'");
    Py_XDECREF(now);
    Py_CLEAR(first_);
  }

  cpython::Runtime runtime_;
  PyObject* first_ = nullptr;
};

INSTANTIATE_TEST_SUITE_P(Of, ErrorsTest, ::testing::Bool(),
                         [](const auto& from_c) {
                           return from_c.param ? "C" : "Cpp";
                         });

TEST_P(ErrorsTest, AnImportWithAnErrorPending) {
  PyObject* modules = PySys_GetObject("modules");
  for (const char* name : {"textwrap", "colorsys"}) {
    ASSERT_EQ(PyDict_GetItemString(modules, name), nullptr);
    SetFirst();
    EXPECT_NE(Get(ImportAttr(name, "__name__")), nullptr);
    ExpectFirstIsPending();
  }
}

TEST_P(ErrorsTest, ANewExceptionTypeWithAnErrorPending) {
  SetFirst();
  PyObject* type = Get(
      [] { return PyErr_NewException("errors_test.Error", nullptr, nullptr); });
  ASSERT_NE(type, nullptr);
  EXPECT_TRUE(PyExceptionClass_Check(type));
  ExpectFirstIsPending();
}

TEST_P(ErrorsTest, NothingIsPendingWhileMakeRuns) {
  SetFirst();
  EXPECT_NE(Get([] {
              EXPECT_EQ(PyErr_Occurred(), nullptr);
              return PyList_New(0);
            }),
            nullptr);
  ExpectFirstIsPending();
}

TEST_P(ErrorsTest, MakeFailsWithNothingPending) {
  EXPECT_EQ(Get(ImportAttr("no_such_module", "x")), nullptr);
  EXPECT_EQ(TakeChain(),
            "ModuleNotFoundError: No module named 'no_such_module'");
}

TEST_P(ErrorsTest, MakeFailsWithAnErrorPending) {
  SetFirst();
  EXPECT_EQ(Get(ImportAttr("no_such_module", "x")), nullptr);
  EXPECT_EQ(TakeChain(),
            "ModuleNotFoundError: No module named 'no_such_module' <- "
            "KeyError: 'first'");
  Py_CLEAR(first_);
}

TEST_P(ErrorsTest, MakeFailsWithoutAnError) {
  SetFirst();
  EXPECT_EQ(Get([]() -> PyObject* { return nullptr; }), nullptr);
  ExpectFirstIsPending();
}

// Whatever error make() raises, the one from before is in its chain, once, and
// the chain ends.
TEST_P(ErrorsTest, ErrorsThatAreRelated) {
  const auto chain = [](const std::vector<PyObject*>& errors) {
    for (std::size_t i = 0; i + 1 < errors.size(); ++i) {
      Py_INCREF(errors[i + 1]);
      PyException_SetContext(errors[i], errors[i + 1]);
    }
  };
  const auto raised = [](PyObject* before, PyObject* later) {
    SetPending(before);
    EXPECT_EQ(Get([later]() -> PyObject* {
                SetPending(later);
                return nullptr;
              }),
              nullptr);
    return TakeChain();
  };
  const auto errors = [] {
    std::vector<PyObject*> four;
    for (const char* name : {"a", "b", "c", "d"}) {
      four.push_back(New(PyExc_ValueError, name));
    }
    return four;
  };
  const auto v = [](const std::string& names) {
    std::string text;
    for (char name : names) {
      text += (text.empty() ? "" : " <- ") + std::string("ValueError: ") + name;
    }
    return text;
  };
  std::vector<PyObject*> e = errors();
  EXPECT_EQ(raised(e[0], e[0]), v("a"));  // the same one
  e = errors();
  chain({e[1], e[2]});
  EXPECT_EQ(raised(e[0], e[1]), v("bca"));  // make()'s has a context of its own
  e = errors();
  chain({e[1], e[0]});
  EXPECT_EQ(raised(e[0], e[1]), v("ba"));  // which is the one from before
  e = errors();
  chain({e[0], e[2]});
  chain({e[1], e[2]});
  EXPECT_EQ(raised(e[0], e[1]), v("bac"));  // both have one
  e = errors();
  chain({e[0], e[2], e[3]});
  chain({e[1], e[3]});
  EXPECT_EQ(raised(e[0], e[1]), v("bacd"));  // of which one has more
  e = errors();
  chain({e[0], e[2], e[3]});
  EXPECT_EQ(raised(e[0], e[2]), v("ca"));  // make()'s is a context: cut there
}

TEST(ErrorsCppTest, MakeThrowsWithAnErrorPending) {
  cpython::Runtime runtime;
  Cache cache;
  for (const bool sets_one : {false, true}) {
    PyErr_SetString(PyExc_KeyError, "first");
    EXPECT_THROW(cache.get_or_create([sets_one]() -> PyObject* {
      EXPECT_EQ(PyErr_Occurred(), nullptr);
      if (sets_one) PyErr_SetString(PyExc_ValueError, "second");
      throw std::runtime_error("");
    }),
                 std::runtime_error);
    EXPECT_EQ(TakeChain(), sets_one ? "ValueError: second <- KeyError: 'first'"
                                    : "KeyError: 'first'");
  }
}

// A lookup in a destructor that runs because of another exception.
TEST(ErrorsCppTest, ALookupWhileAnExceptionIsInFlight) {
  cpython::Runtime runtime;
  struct LooksUp {
    ~LooksUp() {
      PyErr_SetString(PyExc_KeyError, "first");
      EXPECT_NE(Cache().get_or_create(ImportAttr("colorsys", "__name__")),
                nullptr);
      EXPECT_EQ(TakeChain(), "KeyError: 'first'");
    }
  };
  EXPECT_THROW(
      {
        LooksUp looks_up;
        throw std::runtime_error("");
      },
      std::runtime_error);
}

// What the adapter itself runs Python code for: its record, its loser.
TEST(ErrorsCppTest, ALosersDestructorWithAnErrorPending) {
  cpython::Runtime runtime;
  Cache cache;
  PyErr_SetString(PyExc_KeyError, "first");
  static bool s_died;
  s_died = false;
  cache.get_or_create([&] {
    cache.get_or_create([] { return PyList_New(0); });
    return PyCapsule_New(&s_died, nullptr, [](PyObject*) {
      EXPECT_EQ(PyErr_Occurred(), nullptr);
      s_died = true;
    });
  });
  EXPECT_TRUE(s_died);
  EXPECT_EQ(TakeChain(), "KeyError: 'first'");
}

}  // namespace
}  // namespace cpython
}  // namespace multislot
