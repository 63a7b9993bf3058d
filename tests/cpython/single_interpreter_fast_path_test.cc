// SingleInterpreterFastPath: when it asks CPython which interpreter is current.
// Lookups are right however a second interpreter is made. handle_cache_test,
// which is also built with it, covers the rest.

#include "multislot/cpython/single_interpreter_fast_path.h"

#include <Python.h>

#include <cstring>
#include <thread>

#include "gtest/gtest.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/side_table.h"
#include "tests/cpython/embedded.h"

namespace multislot {
namespace cpython {
namespace {

using Cache = HandleCache<SideTable, SingleInterpreterFastPath>;

// An object that knows its interpreter.
PyObject* Make() {
  return PyCapsule_New(PyInterpreterState_Get(), nullptr, nullptr);
}

// Whether a lookup returns the current interpreter's own object.
bool IsRight(const Cache& cache) {
  PyObject* object = cache.get_or_create(Make);
  return object != nullptr &&
         PyCapsule_GetPointer(object, nullptr) == PyInterpreterState_Get() &&
         SingleInterpreterFastPath::Find() == CurrentInterpreter();
}

bool Asks() { return !internal::HasOnly(); }

// Counts an audit event from now on, as long as the runtime lives.
class Events {
 public:
  explicit Events(const char* event) : event_(event) {
    EXPECT_EQ(PySys_AddAuditHook(
                  [](const char* name, PyObject*, void* data) {
                    auto* events = static_cast<Events*>(data);
                    if (std::strcmp(name, events->event_) == 0) {
                      ++events->count_;
                    }
                    return 0;
                  },
                  this),
              0);
  }
  int count() const { return count_; }

 private:
  const char* event_;
  int count_ = 0;
};

// Lookups of the interpreter work, but its address is not proven any more.
void RemoveWitnesses() {
  ASSERT_EQ(PyRun_SimpleString("import atexit, sys\n"
                               "atexit._clear()\n"
                               "for name in list(vars(sys)):\n"
                               "    if name.startswith('multislot.'):\n"
                               "        delattr(sys, name)\n"),
            0);
}

TEST(SingleInterpreterFastPathTest, AsksUntilSomebodyRegisters) {
  Events hooks_added("sys.addaudithook");
  Events questions("multislot.are_you_there");
  Runtime runtime;
  Cache cache;
  EXPECT_TRUE(IsRight(cache));
  EXPECT_TRUE(Asks());
  SingleInterpreterFastPath::Enable();
  EXPECT_EQ(questions.count(), 2);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(Asks());
    EXPECT_TRUE(IsRight(cache));
    SingleInterpreterFastPath::Enable();
    // Audited events of this interpreter.
    ASSERT_EQ(PyRun_SimpleString("import sys\nsys._getframe()\n"), 0);
  }
  EXPECT_EQ(hooks_added.count(), 1);
  EXPECT_EQ(questions.count(), 2);
}

TEST(SingleInterpreterFastPathTest, AThreadThatNeverAskedAsks) {
  Runtime runtime;
  Cache cache;
  SingleInterpreterFastPath::Enable();
  ASSERT_TRUE(IsRight(cache));
  PyThreadState* before = PyEval_SaveThread();
  std::thread([&] {
    PyGILState_STATE state = PyGILState_Ensure();
    EXPECT_TRUE(IsRight(cache));
    EXPECT_TRUE(IsRight(cache));
    PyGILState_Release(state);
  }).join();
  PyEval_RestoreThread(before);
  EXPECT_FALSE(Asks());
}

// The second interpreter does not register.
TEST(SingleInterpreterFastPathTest, AsksOnceThereIsAnother) {
  Runtime runtime;
  Cache cache;
  SingleInterpreterFastPath::Enable();
  ASSERT_TRUE(IsRight(cache));
  ASSERT_FALSE(Asks());
  {
    SubInterpreter sub(SubInterpreter::kOwn);
    EXPECT_TRUE(Asks());
    In in(sub);
    EXPECT_TRUE(IsRight(cache));
  }
  // It asks until somebody registers again.
  EXPECT_TRUE(Asks());
  EXPECT_TRUE(IsRight(cache));
  SingleInterpreterFastPath::Enable();
  EXPECT_FALSE(Asks());
  EXPECT_TRUE(IsRight(cache));
  SubInterpreter another;
  EXPECT_TRUE(Asks());
  SingleInterpreterFastPath::Enable();
  EXPECT_TRUE(Asks());
  In in(another);
  EXPECT_TRUE(IsRight(cache));
}

// Then there is no hook either, which would slow down all audited events.
TEST(SingleInterpreterFastPathTest, AsksIfThereIsAnOlderOne) {
  Events hooks_added("sys.addaudithook");
  Runtime runtime;
  Cache cache;
  SubInterpreter sub;
  SingleInterpreterFastPath::Enable();
  EXPECT_TRUE(Asks());
  EXPECT_EQ(hooks_added.count(), 0);
  EXPECT_TRUE(IsRight(cache));
  In in(sub);
  EXPECT_TRUE(IsRight(cache));
}

TEST(SingleInterpreterFastPathTest, AsksInASubInterpreter) {
  Runtime runtime;
  Cache cache;
  SubInterpreter sub;
  {
    In in(sub);
    SingleInterpreterFastPath::Enable();
    EXPECT_TRUE(Asks());
    EXPECT_TRUE(IsRight(cache));
  }
  EXPECT_TRUE(IsRight(cache));
}

// A second interpreter looked up and ended before anybody registered.
TEST(SingleInterpreterFastPathTest, OneThatHasEndedDoesNotCount) {
  Runtime runtime;
  Cache cache;
  {
    SubInterpreter sub;
    In in(sub);
    EXPECT_TRUE(IsRight(cache));
  }
  SingleInterpreterFastPath::Enable();
  EXPECT_FALSE(Asks());
  EXPECT_TRUE(IsRight(cache));
}

TEST(SingleInterpreterFastPathTest, EachRuntimeBeginsAnew) {
  Cache cache;
  for (int i = 0; i < 10; ++i) {
    Runtime runtime;
    EXPECT_TRUE(Asks());
    EXPECT_TRUE(IsRight(cache));
    SingleInterpreterFastPath::Enable();
    EXPECT_FALSE(Asks());
    EXPECT_TRUE(IsRight(cache));
    if (i % 2 == 0) {
      SubInterpreter sub;
      EXPECT_TRUE(Asks());
      In in(sub);
      EXPECT_TRUE(IsRight(cache));
    }
  }
}

// If another hook forbids it by a RuntimeError, PySys_AddAuditHook still
// reports success.
TEST(SingleInterpreterFastPathTest, AsksIfAnAuditHookForbidsOurs) {
  for (PyObject** forbids : {&PyExc_RuntimeError, &PyExc_ValueError}) {
    Runtime runtime;
    ASSERT_EQ(PySys_AddAuditHook(
                  [](const char* event, PyObject*, void* error) {
                    if (std::strcmp(event, "sys.addaudithook") != 0) return 0;
                    PyErr_SetNone(*static_cast<PyObject**>(error));
                    return -1;
                  },
                  forbids),
              0);
    SingleInterpreterFastPath::Enable();
    EXPECT_EQ(PyErr_Occurred(), nullptr);
    EXPECT_TRUE(Asks());
    PyErr_SetString(PyExc_KeyError, "from before");
    SingleInterpreterFastPath::Enable();
    EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_KeyError));
    PyErr_Clear();
    Cache cache;
    EXPECT_TRUE(IsRight(cache));
    SubInterpreter sub;
    In in(sub);
    EXPECT_TRUE(IsRight(cache));
  }
}

TEST(SingleInterpreterFastPathTest, RegisterLeavesAnErrorAlone) {
  Runtime runtime;
  PyErr_SetString(PyExc_KeyError, "from before");
  SingleInterpreterFastPath::Enable();
  EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_KeyError));
  PyErr_Clear();
  EXPECT_FALSE(Asks());
}

TEST(SingleInterpreterFastPathTest, AsksIfTheAddressIsNotProven) {
  Events hooks_added("sys.addaudithook");
  Runtime runtime;
  Cache cache;
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(IsRight(cache));
  RemoveWitnesses();
  EXPECT_TRUE(IsRight(cache));
  SingleInterpreterFastPath::Enable();
  EXPECT_TRUE(Asks());
  EXPECT_EQ(hooks_added.count(), 0);
  EXPECT_TRUE(IsRight(cache));
}

TEST(SingleInterpreterFastPathTest, AsksOnceTheAddressIsNotProvenAnyMore) {
  Runtime runtime;
  Cache cache;
  EXPECT_TRUE(IsRight(cache));
  SingleInterpreterFastPath::Enable();
  EXPECT_FALSE(Asks());
  RemoveWitnesses();
  EXPECT_TRUE(Asks());
  EXPECT_TRUE(IsRight(cache));
}

// Enable() is called so late that the interpreter has no record any more.
TEST(SingleInterpreterFastPathTest, AsksWhileTheInterpreterEnds) {
  static int called;
  called = 0;
  {
    Runtime runtime;
    PyObject* late = PyCapsule_New(&called, nullptr, [](PyObject*) {
      SingleInterpreterFastPath::Enable();
      EXPECT_TRUE(Asks());
      EXPECT_EQ(SingleInterpreterFastPath::Find(), nullptr);
      ++called;
    });
    PyObject* dict = PyInterpreterState_GetDict(PyInterpreterState_Get());
    ASSERT_EQ(PyDict_SetItemString(dict, "late", late), 0);
    Py_DECREF(late);
  }
  EXPECT_EQ(called, 1);
}

// Enable() calls an audit hook that removes the witnesses, so the address is no
// longer proven. If the interpreter's dict is kept too, nothing else would tell
// that the interpreter has ended.
TEST(SingleInterpreterFastPathTest, TheProofEndsWhileItEnables) {
  Cache cache;
  for (int life = 0; life < 3; ++life) {
    Runtime runtime;
    int made = 0;
    const auto make = [&made] {
      ++made;
      return Make();
    };
    PyObject* object = cache.get_or_create(make);
    EXPECT_EQ(made, 1) << "the object of an interpreter that has ended";
    bool done = life == 2;
    ASSERT_EQ(PySys_AddAuditHook(
                  [](const char* event, PyObject*, void* data) {
                    bool* is_done = static_cast<bool*>(data);
                    if (*is_done ||
                        std::strcmp(event, "multislot.are_you_there") != 0) {
                      return 0;
                    }
                    *is_done = true;
                    RemoveWitnesses();
                    return 0;
                  },
                  &done),
              0);
    SingleInterpreterFastPath::Enable();
    EXPECT_TRUE(done);
    EXPECT_EQ(PyErr_Occurred(), nullptr);
    EXPECT_EQ(Asks(), life != 2);
    if (life == 2) {
      EXPECT_EQ(cache.get_or_create(make), object);
    }
    Py_INCREF(PyInterpreterState_GetDict(PyInterpreterState_Get()));
  }
}

// The record ends although its interpreter goes on.
TEST(SingleInterpreterFastPathTest, TheDictIsCleared) {
  Runtime runtime;
  Cache cache;
  EXPECT_TRUE(IsRight(cache));
  SingleInterpreterFastPath::Enable();
  ASSERT_FALSE(Asks());
  PyDict_Clear(PyInterpreterState_GetDict(PyInterpreterState_Get()));
  EXPECT_TRUE(Asks());
  EXPECT_TRUE(IsRight(cache));
  SingleInterpreterFastPath::Enable();
  EXPECT_FALSE(Asks());
  EXPECT_TRUE(IsRight(cache));
}

#if PY_VERSION_HEX >= 0x030C0000

// An interpreter that CPython announces to no audit hook, because the thread
// that makes it is not attached. (From 3.13 on neither does it announce those
// that Python code makes.)
void LookUpInAnUnannouncedOne(const Cache& cache) {
  PyInterpreterConfig config = {};
  config.check_multi_interp_extensions = 1;
  config.gil = PyInterpreterConfig_OWN_GIL;
  PyThreadState* state;
  ASSERT_FALSE(
      PyStatus_Exception(Py_NewInterpreterFromConfig(&state, &config)));
  EXPECT_TRUE(Asks());
  EXPECT_TRUE(IsRight(cache));
  Py_EndInterpreter(state);
}

TEST(SingleInterpreterFastPathTest, AsksOnceThereIsAnUnannouncedOne) {
  for (const bool on_a_new_thread : {false, true}) {
    Runtime runtime;
    Cache cache;
    SingleInterpreterFastPath::Enable();
    ASSERT_TRUE(IsRight(cache));
    ASSERT_FALSE(Asks());
    PyThreadState* before = PyEval_SaveThread();
    if (on_a_new_thread) {
      std::thread([&] { LookUpInAnUnannouncedOne(cache); }).join();
    } else {
      LookUpInAnUnannouncedOne(cache);
    }
    PyEval_RestoreThread(before);
    EXPECT_TRUE(IsRight(cache));
  }
}

#endif  // PY_VERSION_HEX >= 0x030C0000

// An object that looks up as it dies.
Cache g_cache;
int g_right_while_dying;
PyObject* MakeOneThatLooksUp() {
  return PyCapsule_New(&g_cache, nullptr, [](PyObject*) {
    if (IsRight(g_cache)) ++g_right_while_dying;
  });
}

TEST(SingleInterpreterFastPathTest, LookupsWhileTheOnlyInterpreterEnds) {
  for (int life = 1; life <= 3; ++life) {
    g_right_while_dying = 0;
    Cache one;
    Cache two;
    {
      Runtime runtime;
      SingleInterpreterFastPath::Enable();
      static_cast<void>(
          one.get_or_create(MakeOneThatLooksUp));  // before the other's object,
      EXPECT_TRUE(IsRight(g_cache));
      static_cast<void>(two.get_or_create(MakeOneThatLooksUp));  // and after it
      EXPECT_FALSE(Asks());
    }
    EXPECT_EQ(g_right_while_dying, 2);
    EXPECT_TRUE(Asks());
  }
}

TEST(SingleInterpreterFastPathDeathTest, WithoutThreadState) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Runtime runtime;
  Cache cache;
  SingleInterpreterFastPath::Enable();
  PyObject* object = cache.get_or_create(Make);
  PyThreadState* before = PyEval_SaveThread();
#ifdef NDEBUG
  EXPECT_EQ(cache.get_or_create(Make), object);
#else
  EXPECT_DEATH(static_cast<void>(cache.get_or_create(Make)),
               "not the only interpreter's thread");
#endif
  PyEval_RestoreThread(before);
  EXPECT_EQ(cache.get_or_create(Make), object);
}

}  // namespace
}  // namespace cpython
}  // namespace multislot
