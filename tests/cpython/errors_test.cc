// (S35) A Python error is pending before a lookup. It is saved while make()
// runs, and afterwards:
//
//   make() returns an object      the pending error is set again
//   make() throws a C++ exception the pending error is set again
//   make() fails with an error    the caller sees make()'s error; the pending
//                                 one is at the end of its __context__ chain

#include <Python.h>

#include <functional>
#include <set>
#include <stdexcept>
#include <string>

#include "gtest/gtest.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/import_attr.h"
#include "multislot/cpython/internal/saved_error.h"
#include "multislot/cpython/multislot.h"
#include "multislot/fixed_slots.h"
#include "multislot/side_table.h"
#include "tests/cpython/embedded.h"
#include "tests/cpython/subject.h"

namespace multislot {
namespace cpython {
namespace {

using Make = std::function<PyObject*()>;

// Returns the error that is set as an exception object, and clears it. A new
// reference; null if none is set.
PyObject* TakeError() {
#if PY_VERSION_HEX >= 0x030C0000
  return PyErr_GetRaisedException();
#else
  PyObject* type;
  PyObject* value;
  PyObject* traceback;
  PyErr_Fetch(&type, &value, &traceback);
  if (type == nullptr) return nullptr;
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback != nullptr) PyException_SetTraceback(value, traceback);
  Py_XDECREF(type);
  Py_XDECREF(traceback);
  return value;
#endif
}

// Sets the error; does not steal the reference.
void SetError(PyObject* error) {
#if PY_VERSION_HEX >= 0x030C0000
  Py_INCREF(error);
  PyErr_SetRaisedException(error);
#else
  // PyErr_SetObject() would add a context.
  PyObject* type = reinterpret_cast<PyObject*>(Py_TYPE(error));
  Py_INCREF(type);
  Py_INCREF(error);
  PyErr_Restore(type, error, PyException_GetTraceback(error));
#endif
}

// A new exception. A pending error stays pending.
PyObject* New(PyObject* type, const char* text) {
  PyObject* pending = TakeError();
  PyObject* error = PyObject_CallFunction(type, "s", text);
  if (pending != nullptr) SetError(pending);
  Py_XDECREF(pending);
  return error;
}

// Makes `context` the context of `error`.
void SetContext(PyObject* error, PyObject* context) {
  Py_XINCREF(context);
  PyException_SetContext(error, context);
}

// Returns a borrowed reference.
PyObject* ContextOf(PyObject* error) {
  PyObject* context = PyException_GetContext(error);
  Py_XDECREF(context);
  return context;
}

// The chain of contexts as text: "own, pending, first".
std::string ChainOf(PyObject* error) {
  std::string chain;
  std::set<PyObject*> seen;
  for (; error != nullptr; error = ContextOf(error)) {
    PyObject* text = PyObject_Str(error);
    if (!chain.empty()) chain += ", ";
    chain += PyUnicode_AsUTF8(text);
    Py_DECREF(text);
    if (!seen.insert(error).second) return chain + ", a cycle";
  }
  return chain;
}

bool ChainHas(PyObject* error, PyObject* wanted) {
  std::set<PyObject*> seen;
  while (error != nullptr && seen.insert(error).second) {
    if (error == wanted) return true;
    error = ContextOf(error);
  }
  return false;
}

PyObject* CallMake(void* make) { return (*static_cast<Make*>(make))(); }

// Ways to look up: from C++, with and without a slot, and from C. Each uses a
// fresh cache.
struct Way {
  const char* name;
  PyObject* (*look_up)(Make);
};
const Way kWays[] = {
    {"Cpp", [](Make make) { return Subject<SideTable>().get_or_create(make); }},
    {"CppOverflow",
     [](Make make) {
       Subject<FixedSlots<1>> cache;
       {
         SubInterpreter sub;
         PyObject* pending = TakeError();
         {
           In in(sub);
           static_cast<void>(cache.get_or_create([] { return PyList_New(0); }));
         }
         if (pending != nullptr) {
           SetError(pending);
           Py_DECREF(pending);
         }
         return cache.get_or_create(make);
       }
     }},
    {"C",
     [](Make make) {
       multislot_cache cache = MULTISLOT_CACHE_INIT;
       return multislot_get(&cache, CallMake, &make);
     }},
};

class ErrorsTest : public ::testing::TestWithParam<Way> {
 protected:
  ErrorsTest() {
    // An error with a traceback and a context.
    PyObject* globals = PyDict_New();
    PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins());
    PyObject* none = PyRun_String(
        "try:\n"
        "  try: raise IndexError('first')\n"
        "  except IndexError: raise KeyError('pending')\n"
        "except KeyError as e: pending = e\n",
        Py_file_input, globals, globals);
    EXPECT_NE(none, nullptr);
    Py_XDECREF(none);
    pending_ = PyDict_GetItemString(globals, "pending");
    Py_INCREF(pending_);
    PyDict_Clear(globals);
    Py_DECREF(globals);
    context_ = PyException_GetContext(pending_);
    traceback_ = PyException_GetTraceback(pending_);
    SetError(pending_);
    references_ = Py_REFCNT(pending_);
  }
  ~ErrorsTest() override {
    PyErr_Clear();
    Py_CLEAR(pending_);
    Py_CLEAR(context_);
    Py_CLEAR(traceback_);
  }

  PyObject* LookUp(Make make) const { return GetParam().look_up(make); }

  // The pending error is set again, unchanged.
  void ExpectItIsStillPending() {
    PyObject* error = TakeError();
    EXPECT_EQ(error, pending_);
    if (error != pending_) {
      Py_XDECREF(error);
      return;
    }
    SetError(error);
    Py_DECREF(error);
    EXPECT_EQ(ContextOf(pending_), context_);
    EXPECT_EQ(Py_REFCNT(pending_), references_);
    PyObject* traceback = PyException_GetTraceback(pending_);
    EXPECT_EQ(traceback, traceback_);
    Py_XDECREF(traceback);
  }

  // make() fails with `own`. Returns what is set afterwards, borrowed.
  PyObject* Fail(PyObject* own) {
    EXPECT_EQ(LookUp([own]() -> PyObject* {
                SetError(own);
                return nullptr;
              }),
              nullptr);
    PyObject* seen = TakeError();
    EXPECT_EQ(seen, own);
    Py_XDECREF(seen);
    return seen;
  }

  Runtime runtime_;
  PyObject* pending_ = nullptr;
  PyObject* context_ = nullptr;
  PyObject* traceback_ = nullptr;
  Py_ssize_t references_ = 0;
};

TEST_P(ErrorsTest, ImportsAModule) {
  ASSERT_EQ(PyDict_GetItemString(PyImport_GetModuleDict(), "colorsys"),
            nullptr);
  PyObject* object = LookUp(ImportAttr("colorsys", "rgb_to_hsv"));
  ASSERT_NE(object, nullptr);
  EXPECT_TRUE(PyCallable_Check(object));
  ExpectItIsStillPending();
}

TEST_P(ErrorsTest, MakesAnExceptionType) {
  PyObject* object = LookUp(
      [] { return PyErr_NewException("errors.Error", nullptr, nullptr); });
  ASSERT_NE(object, nullptr);
  EXPECT_TRUE(PyExceptionClass_Check(object));
  ExpectItIsStillPending();
}

TEST_P(ErrorsTest, MakeSeesNoError) {
  bool one_was_set = true;
  EXPECT_NE(LookUp([&] {
              one_was_set = PyErr_Occurred() != nullptr;
              return PyList_New(0);
            }),
            nullptr);
  EXPECT_FALSE(one_was_set);
  ExpectItIsStillPending();
}

// make() runs Python code that handles its own errors.
TEST_P(ErrorsTest, MakeHandlesErrors) {
  EXPECT_NE(LookUp([]() -> PyObject* {
              if (PyRun_SimpleString("try: 1 / 0\n"
                                     "except ZeroDivisionError: pass\n"
                                     "made = [n for n in range(3)]") != 0) {
                return nullptr;
              }
              return ImportAttr("__main__", "made")();
            }),
            nullptr);
  ExpectItIsStillPending();
}

// make() looks up in other caches; one of those lookups fails.
TEST_P(ErrorsTest, MakeLooksUp) {
  PyObject* made = LookUp([this] {
    EXPECT_EQ(LookUp(ImportAttr("math", "no_such_thing")), nullptr);
    EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_AttributeError));
    // While that error is pending.
    EXPECT_NE(LookUp(ImportAttr("bisect", "bisect")), nullptr);
    EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_AttributeError));
    PyErr_Clear();
    EXPECT_NE(LookUp(ImportAttr("string", "Template")), nullptr);
    return PyList_New(0);
  });
  EXPECT_NE(made, nullptr);
  ExpectItIsStillPending();
}

TEST_P(ErrorsTest, ImportFails) {
  EXPECT_EQ(LookUp(ImportAttr("no_such_module", "thing")), nullptr);
  EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_ModuleNotFoundError));
  PyObject* seen = TakeError();
  ASSERT_NE(seen, nullptr);
  EXPECT_EQ(ChainOf(seen),
            "No module named 'no_such_module', 'pending', first");
  EXPECT_TRUE(ChainHas(seen, pending_));
  EXPECT_EQ(ContextOf(pending_), context_);
  Py_DECREF(seen);
  EXPECT_EQ(Py_REFCNT(pending_), references_ - 1);
}

TEST_P(ErrorsTest, MakeFails) {
  PyObject* own = New(PyExc_ValueError, "own");
  EXPECT_EQ(ChainOf(Fail(own)), "own, 'pending', first");
  Py_DECREF(own);
  EXPECT_EQ(Py_REFCNT(pending_), references_ - 1);
}

// make()'s error is not yet an object, before 3.12.
TEST_P(ErrorsTest, MakeFailsByATextOnly) {
  EXPECT_EQ(LookUp([]() -> PyObject* {
              PyErr_SetString(PyExc_ValueError, "own");
              return nullptr;
            }),
            nullptr);
  PyObject* seen = TakeError();
  ASSERT_NE(seen, nullptr);
  EXPECT_EQ(ChainOf(seen), "own, 'pending', first");
  Py_DECREF(seen);
}

TEST_P(ErrorsTest, MakeFailsWithAContext) {
  PyObject* own = New(PyExc_ValueError, "own");
  PyObject* its = New(PyExc_TypeError, "its");
  SetContext(own, its);
  EXPECT_EQ(ChainOf(Fail(own)), "own, its, 'pending', first");
  Py_DECREF(own);
  Py_DECREF(its);
}

TEST_P(ErrorsTest, MakeFailsWithThePendingError) {
  EXPECT_EQ(ChainOf(Fail(pending_)), "'pending', first");
  EXPECT_EQ(Py_REFCNT(pending_), references_ - 1);
}

TEST_P(ErrorsTest, MakeFailsBecauseOfThePendingError) {
  PyObject* own = New(PyExc_ValueError, "own");
  SetContext(own, pending_);
  EXPECT_EQ(ChainOf(Fail(own)), "own, 'pending', first");
  PyObject* outer = New(PyExc_TypeError, "outer");
  SetContext(outer, own);
  SetError(pending_);
  EXPECT_EQ(ChainOf(Fail(outer)), "outer, own, 'pending', first");
  Py_DECREF(outer);
  Py_DECREF(own);
  EXPECT_EQ(Py_REFCNT(pending_), references_ - 1);
}

// Both chains end in the same error. The joined chain ends too, and has both.
TEST_P(ErrorsTest, TheChainsShareAnError) {
  PyObject* own = New(PyExc_ValueError, "own");
  SetContext(own, context_);
  EXPECT_EQ(ChainOf(Fail(own)), "own, 'pending', first");
  Py_DECREF(own);
}

// make() fails with the pending error's own context.
TEST_P(ErrorsTest, MakeFailsWithThePendingErrorsContext) {
  EXPECT_EQ(ChainOf(Fail(context_)), "first, 'pending'");
}

TEST_P(ErrorsTest, MakeFailsWithTheContextOfThePendingErrorsContext) {
  PyObject* own = New(PyExc_ValueError, "own");
  SetContext(context_, own);
  EXPECT_EQ(ChainOf(Fail(own)), "own, 'pending', first");
  Py_DECREF(own);
}

// A chain is already a cycle. The lookup still returns.
TEST_P(ErrorsTest, ACycleIsThereAlready) {
  PyObject* own = New(PyExc_ValueError, "own");
  PyObject* its = New(PyExc_TypeError, "its");
  SetContext(own, its);
  SetContext(its, own);
  EXPECT_EQ(Fail(own), own);
  SetContext(its, nullptr);
  SetContext(own, nullptr);
  SetContext(context_, pending_);
  SetError(pending_);
  EXPECT_EQ(Fail(own), own);
  SetContext(own, nullptr);
  PyObject* next = ContextOf(pending_);
  if (next != nullptr) SetContext(next, nullptr);
  Py_DECREF(own);
  Py_DECREF(its);
}

TEST_P(ErrorsTest, MakeFailsWithoutAnError) {
  EXPECT_EQ(LookUp([]() -> PyObject* { return nullptr; }), nullptr);
  PyObject* seen = TakeError();
  EXPECT_TRUE(ChainHas(seen, pending_));
  Py_XDECREF(seen);
}

TEST_P(ErrorsTest, KeyboardInterruptIsPending) {
  PyErr_Clear();
  PyObject* interrupt = New(PyExc_KeyboardInterrupt, "stop");
  SetError(interrupt);
  EXPECT_NE(LookUp(ImportAttr("colorsys", "hsv_to_rgb")), nullptr);
  PyObject* seen = TakeError();
  EXPECT_EQ(seen, interrupt);
  Py_XDECREF(seen);
  Py_DECREF(interrupt);
}

// The pending error is not yet an object, before 3.12.
TEST_P(ErrorsTest, ATextOnlyIsPending) {
  PyErr_Clear();
  PyErr_SetString(PyExc_OSError, "text");
  EXPECT_NE(LookUp(ImportAttr("colorsys", "hsv_to_rgb")), nullptr);
  PyObject* seen = TakeError();
  ASSERT_NE(seen, nullptr);
  EXPECT_TRUE(PyErr_GivenExceptionMatches(seen, PyExc_OSError));
  EXPECT_EQ(ChainOf(seen), "text");
  Py_DECREF(seen);
  PyObject* own = New(PyExc_ValueError, "own");
  PyErr_SetString(PyExc_OSError, "text");
  ASSERT_EQ(ChainOf(Fail(own)), "own, text");
  EXPECT_TRUE(PyErr_GivenExceptionMatches(ContextOf(own), PyExc_OSError));
  Py_DECREF(own);
}

// Before 3.12 the traceback of an error is not yet in its object, and the type
// has a reference of its own.
TEST_P(ErrorsTest, PythonCodeRaisedThePendingError) {
  PyErr_Clear();
  PyObject* own = New(PyExc_ValueError, "own");
  PyObject* type = PyErr_NewException("errors.Error", nullptr, nullptr);
  PyObject* globals = PyDict_New();
  PyDict_SetItemString(globals, "Error", type);
  [[maybe_unused]] const Py_ssize_t references = Py_REFCNT(type);
  EXPECT_EQ(
      PyRun_String("raise Error('text')\n", Py_file_input, globals, globals),
      nullptr);
  ASSERT_EQ(ChainOf(Fail(own)), "own, text");
  PyObject* traceback = PyException_GetTraceback(ContextOf(own));
  ASSERT_NE(traceback, nullptr);
  EXPECT_TRUE(PyTraceBack_Check(traceback));
  // The exception has the other reference.
  EXPECT_EQ(Py_REFCNT(traceback), 2);
  Py_DECREF(traceback);
  SetContext(own, nullptr);
  Py_DECREF(own);
#ifndef Py_GIL_DISABLED  // There types become immortal.
  EXPECT_EQ(Py_REFCNT(type), references);
#endif
  Py_DECREF(globals);
  Py_DECREF(type);
}

// MemoryError: the process has only one such object, or a few.
TEST_P(ErrorsTest, MemoryErrorIsPendingAndIsMakesOwn) {
  PyErr_Clear();
  PyErr_NoMemory();
  EXPECT_EQ(LookUp([]() -> PyObject* { return PyErr_NoMemory(); }), nullptr);
  PyObject* seen = TakeError();
  ASSERT_NE(seen, nullptr);
  EXPECT_TRUE(PyErr_GivenExceptionMatches(seen, PyExc_MemoryError));
  EXPECT_EQ(ChainOf(seen).find("a cycle"), std::string::npos);
  SetContext(seen, nullptr);
  Py_DECREF(seen);
}

TEST(SavedErrorTest, RestoresOnce) {
  Runtime runtime;
  PyErr_SetString(PyExc_ValueError, "pending");
  internal::SavedError saved;
  EXPECT_EQ(PyErr_Occurred(), nullptr);
  saved.Restore();
  EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_ValueError));
  PyErr_Clear();
  saved.Restore();
  EXPECT_EQ(PyErr_Occurred(), nullptr);
}

INSTANTIATE_TEST_SUITE_P(By, ErrorsTest, ::testing::ValuesIn(kWays),
                         [](const auto& way) {
                           return std::string(way.param.name);
                         });

// C++ only: make() throws, with and without a Python error.
class ThrowTest : public ErrorsTest {};

TEST_P(ThrowTest, MakeThrows) {
  for (int i = 0; i < 2; ++i) {
    EXPECT_THROW(LookUp([]() -> PyObject* { throw std::runtime_error("own"); }),
                 std::runtime_error);
    ExpectItIsStillPending();
  }
}

TEST_P(ThrowTest, MakeThrowsWhatIsNoException) {
  EXPECT_THROW(LookUp([]() -> PyObject* { throw 1; }), int);
  ExpectItIsStillPending();
}

TEST_P(ThrowTest, MakeSetsAnErrorAndThrows) {
  EXPECT_THROW(LookUp([]() -> PyObject* {
                 PyErr_SetString(PyExc_ValueError, "own");
                 throw std::runtime_error("own");
               }),
               std::runtime_error);
  PyObject* seen = TakeError();
  EXPECT_TRUE(ChainHas(seen, pending_));
  Py_XDECREF(seen);
}

INSTANTIATE_TEST_SUITE_P(By, ThrowTest, ::testing::Values(kWays[0], kWays[1]),
                         [](const auto& way) {
                           return std::string(way.param.name);
                         });

// A race's loser is released while the error is pending; that runs Python code.
TEST_P(ErrorsTest, TheLosersObjectRaisesAsItDies) {
  ASSERT_EQ(TakeError(), pending_);
  Py_DECREF(pending_);
  ASSERT_EQ(PyRun_SimpleString("class Loser:\n"
                               "  def __del__(self):\n"
                               "    try: 1 / 0\n"
                               "    except ZeroDivisionError: import this_is_no"
                               "_module\n"
                               "import sys\n"
                               "sys.unraisablehook = lambda *args: None"),
            0);
  PyObject* type = ImportAttr("__main__", "Loser")();
  SetError(pending_);
  const Subject<SideTable> cache;
  PyObject* inner = nullptr;
  PyObject* outer = cache.get_or_create([&] {
    inner = cache.get_or_create([] { return PyList_New(0); });
    return PyObject_CallObject(type, nullptr);
  });
  EXPECT_NE(inner, nullptr);
  EXPECT_EQ(outer, inner);
  ExpectItIsStillPending();
  Py_DECREF(type);
}

// A hit while an error is pending.
TEST_P(ErrorsTest, AHit) {
  const Subject<SideTable> cache;
  PyObject* made = cache.get_or_create([] { return PyList_New(0); });
  ExpectItIsStillPending();
  EXPECT_EQ(cache.get_or_create([] { return PyList_New(0); }), made);
  ExpectItIsStillPending();
}

// A destructor looks up while a C++ exception unwinds the stack.
TEST(ThrowingTest, ALookupWhileAnExceptionIsInFlight) {
  cpython::Runtime runtime;
  struct LooksUp {
    ~LooksUp() {
      PyErr_SetString(PyExc_KeyError, "pending");
      Subject<SideTable> cache;
      EXPECT_NE(cache.get_or_create(ImportAttr("colorsys", "__name__")),
                nullptr);
      EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_KeyError));
      PyErr_Clear();
    }
  };
  EXPECT_THROW(
      {
        LooksUp looks_up;
        throw std::runtime_error("");
      },
      std::runtime_error);
}

}  // namespace
}  // namespace cpython
}  // namespace multislot
