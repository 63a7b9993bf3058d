// The witnesses that prove a record's address (record_life.h): user code keeps
// them, drops them, or prevents them from being placed.
//
// In every case no interpreter may get an object of one that has ended. So each
// test does something nasty in some interpreters and lets others come and go in
// between, until addresses come back. ends_test covers other unusual ends.

#include <Python.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/internal/records.h"
#include "multislot/side_table.h"
#include "tests/cpython/embedded.h"
#include "tests/cpython/subject.h"

namespace multislot {
namespace cpython {
namespace {

using Cache = Subject<SideTable>;

// Numbers the lives of this process's interpreters, so that an object can tell
// which one it was made for: addresses and ids come back.
int g_life = 0;

// The current interpreter's life; only that interpreter can reach it.
int Life() {
  PyObject* life = PySys_GetObject("multislot_life");
  return life == nullptr ? 0 : static_cast<int>(PyLong_AsLong(life));
}

void BeginLife() {
  PyObject* life = PyLong_FromLong(++g_life);
  ASSERT_EQ(PySys_SetObject("multislot_life", life), 0);
  Py_DECREF(life);
}

// An object that knows the life it was made for.
int g_made = 0;
PyObject* MakeOf(int life) {
  ++g_made;
  return PyCapsule_New(reinterpret_cast<void*>(
                           static_cast<std::intptr_t>(life + 1)),  // not null
                       nullptr, nullptr);
}

bool IsOf(PyObject* object, int life) {
  return object != nullptr &&
         PyCapsule_GetPointer(object, nullptr) ==
             reinterpret_cast<void*>(static_cast<std::intptr_t>(life + 1));
}

// Whether a lookup returns an object of this life.
bool IsRight(const Cache& cache, int life) {
  return IsOf(cache.get_or_create([life] { return MakeOf(life); }), life);
}

void RunScript(const char* script) { ASSERT_EQ(PyRun_SimpleString(script), 0); }

// An object that calls `function` as it dies.
PyObject* NewDying(std::function<void()> function) {
  auto* copy = new std::function<void()>(std::move(function));
  return PyCapsule_New(copy, nullptr, [](PyObject* self) {
    std::unique_ptr<std::function<void()>> kept(
        static_cast<std::function<void()>*>(
            PyCapsule_GetPointer(self, nullptr)));
    (*kept)();
  });
}

// Makes the object live as long as possible: in the interpreter's fork
// handlers, which CPython drops after the interpreter's dict.
void KeepToTheLast(PyObject* object) {
  PyObject* keep = PyImport_AddModule("__main__");
  ASSERT_EQ(PyObject_SetAttrString(keep, "last", object), 0);
  RunScript(
      "import os\n"
      "def callback(last=last): pass\n"
      "os.register_at_fork(after_in_child=callback)\n"
      "del callback, last\n");
}

// Interpreters come and go, as sub-interpreters of one runtime or as main
// interpreters. What `nasty` does to one must not affect later ones.
enum class Kind { kSubInterpreters, kRuntimes };

class WitnessesTest : public ::testing::TestWithParam<Kind> {
 protected:
  // Lets `lives` interpreters come and go. Each looks up, to find leftovers of
  // earlier ones, then calls `nasty`.
  void Play(int lives, const std::function<void(const Cache&, int life)>& nasty,
            bool looks_up_first = true) {
    std::set<PyInterpreterState*> addresses;
    std::unique_ptr<cpython::Runtime> runtime;
    if (GetParam() == Kind::kSubInterpreters) {
      runtime = std::make_unique<cpython::Runtime>();
    }
    for (int i = 0; i < lives; ++i) {
      std::unique_ptr<SubInterpreter> sub;
      std::unique_ptr<In> in;
      if (GetParam() == Kind::kSubInterpreters) {
        sub = std::make_unique<SubInterpreter>();
        in = std::make_unique<In>(*sub);
      } else {
        runtime = std::make_unique<cpython::Runtime>();
      }
      addresses.insert(PyInterpreterState_Get());
      BeginLife();
      const int life = Life();
      ASSERT_GT(life, 0);
      if (looks_up_first) {
        EXPECT_TRUE(IsRight(cache_, life)) << life;
        EXPECT_TRUE(IsRight(cache_, life)) << life;
      }
      nasty(cache_, life);
      in.reset();
      sub.reset();
      if (GetParam() == Kind::kRuntimes) runtime.reset();
      // This one only looks up; it must find nothing old.
      if (GetParam() == Kind::kSubInterpreters) {
        sub = std::make_unique<SubInterpreter>();
        in = std::make_unique<In>(*sub);
      } else {
        runtime = std::make_unique<cpython::Runtime>();
      }
      addresses.insert(PyInterpreterState_Get());
      BeginLife();
      const int made = g_made;
      for (int j = 0; j < 3; ++j) EXPECT_TRUE(IsRight(cache_, Life()));
      EXPECT_EQ(g_made, made + 1);
      in.reset();
      sub.reset();
      if (GetParam() == Kind::kRuntimes) runtime.reset();
    }
    std::printf("%zu addresses in %d lives\n", addresses.size(), 2 * lives);
  }

  static Cache cache_;
};
Cache WitnessesTest::cache_;

INSTANTIATE_TEST_SUITE_P(Of, WitnessesTest,
                         ::testing::Values(Kind::kSubInterpreters,
                                           Kind::kRuntimes),
                         [](const auto& kind) {
                           return kind.param == Kind::kRuntimes
                                      ? "Runtimes"
                                      : "SubInterpreters";
                         });

// The interpreter's first lookup comes after its dict was cleared. No record is
// made any more.
TEST_P(WitnessesTest, TheFirstLookupIsLate) {
  int lookups = 0;
  Play(
      6,
      [&](const Cache& cache, int life) {
        PyObject* dying = NewDying([&cache, &lookups, life] {
          ++lookups;
          EXPECT_TRUE(IsRight(cache, life));
          EXPECT_TRUE(IsRight(cache, life));
          // A record made now would never retire.
          EXPECT_EQ(CurrentInterpreter(), nullptr);
        });
        KeepToTheLast(dying);
        Py_DECREF(dying);
      },
      false);
  EXPECT_EQ(lookups, 6);
}

// User code takes the record's capsule out of the interpreter's dict and keeps
// it, so that the record never ends. After the interpreter's end no other
// record is made: that one would never end either.
TEST_P(WitnessesTest, TheRecordIsTakenAway) {
  int lookups = 0;
  Play(6, [&](const Cache& cache, int life) {
    PyObject* dict = PyInterpreterState_GetDict(PyInterpreterState_Get());
    ASSERT_NE(PyDict_Copy(dict), nullptr);  // never given back
    PyDict_Clear(dict);
    PyObject* dying = NewDying([&cache, &lookups, life] {
      ++lookups;
      EXPECT_EQ(CurrentInterpreter(), nullptr);
      EXPECT_TRUE(IsRight(cache, life));
      EXPECT_EQ(CurrentInterpreter(), nullptr);
    });
    KeepToTheLast(dying);
    Py_DECREF(dying);
  });
  EXPECT_EQ(lookups, 6);
}

// User code keeps the interpreter's dict and all objects that the collector
// knows, also from an atexit callback. Before and after the first lookup.
TEST_P(WitnessesTest, AllThatTheCollectorKnowsIsKept) {
  for (const bool looks_up_first : {false, true}) {
    Play(
        4,
        [](const Cache& cache, int life) {
          RunScript(
              "import atexit, gc, sys\n"
              "kept = []\n"
              "atexit.register(lambda: kept.append(gc.get_objects()))\n");
          PyObject* kept =
              PyObject_GetAttrString(PyImport_AddModule("__main__"), "kept");
          ASSERT_NE(kept, nullptr);  // never given back
          Py_INCREF(PyInterpreterState_GetDict(PyInterpreterState_Get()));
          EXPECT_TRUE(IsRight(cache, life));
          RunScript("kept.append(gc.get_objects())");
        },
        looks_up_first);
  }
}

// The interpreter's first lookup is in an atexit callback, which keeps all
// objects that the collector knows.
TEST_P(WitnessesTest, TheFirstLookupIsInAnAtExitCallback) {
  static const Cache* looked_up;
  looked_up = &cache_;
  static int s_life;
  static PyMethodDef method = {"look_up",
                               [](PyObject*, PyObject*) -> PyObject* {
                                 EXPECT_TRUE(IsRight(*looked_up, s_life));
                                 EXPECT_TRUE(IsRight(*looked_up, s_life));
                                 Py_RETURN_NONE;
                               },
                               METH_NOARGS, nullptr};
  Play(
      4,
      [](const Cache&, int life) {
        s_life = life;
        Py_INCREF(PyInterpreterState_GetDict(PyInterpreterState_Get()));
        PyObject* main = PyImport_AddModule("__main__");
        PyObject* function = PyCFunction_New(&method, nullptr);
        PyObject_SetAttrString(main, "look_up", function);
        Py_DECREF(function);
        RunScript(
            "import atexit, gc\n"
            "kept = []\n"
            "def callback():\n"
            "    look_up(); kept.append(gc.get_objects()); look_up()\n"
            "atexit.register(callback)\n");
        ASSERT_NE(PyObject_GetAttrString(main, "kept"), nullptr);
      },
      false);
}

// User code removes what the adapter relies on.
class ForgedTest : public WitnessesTest {
 protected:
  void Forge(const char* script, bool keeps_its_object) {
    for (const bool looks_up_first : {false, true}) {
      Play(
          4,
          [&](const Cache& cache, int life) {
            RunScript(script);
            const int made = g_made;
            for (int i = 0; i < 10; ++i) EXPECT_TRUE(IsRight(cache, life));
            if (keeps_its_object) {
              EXPECT_EQ(g_made, made + (looks_up_first ? 0 : 1));
            }
            Py_INCREF(PyInterpreterState_GetDict(PyInterpreterState_Get()));
            // Never released.
            PyObject_GetAttrString(PyImport_AddModule("__main__"), "kept");
            PyErr_Clear();
          },
          looks_up_first);
    }
  }
};

INSTANTIATE_TEST_SUITE_P(
    Of, ForgedTest, ::testing::Values(Kind::kSubInterpreters, Kind::kRuntimes),
    [](const auto& kind) {
      return kind.param == Kind::kRuntimes ? "Runtimes" : "SubInterpreters";
    });

TEST_P(ForgedTest, SysIsCopied) {
  Forge("import sys; kept = dict(vars(sys))", true);
}
TEST_P(ForgedTest, SysIsCopiedAndAllIsKept) {
  Forge(
      "import atexit, gc, sys\n"
      "kept = []\n"
      "atexit.register(lambda: kept.append([dict(vars(sys)), "
      "gc.get_objects()]))",
      true);
}
TEST_P(ForgedTest, SysLosesWhatIsOurs) {
  Forge(
      "import sys\n"
      "for name in list(vars(sys)):\n"
      "    if name.startswith('multislot.'): delattr(sys, name)\n",
      true);
}
TEST_P(ForgedTest, SysHasSomethingElseOfThatName) {
  Forge(
      "import sys\n"
      "kept = []\n"
      "for name in list(vars(sys)):\n"
      "    if name.startswith('multislot.'):\n"
      "        kept.append(getattr(sys, name)); setattr(sys, name, 1)\n",
      true);
}

// What sys has of that name before the first lookup is no sign of this
// interpreter: another one's sign, or no sign at all.
TEST(SignTest, SysHasOneBeforeTheFirstLookup) {
  static const Cache cache;
  const auto make = [] { return PyList_New(0); };
  cpython::Runtime runtime;
  static_cast<void>(cache.get_or_create(make));
  RunScript(
      "import sys\n"
      "name, = [name for name in vars(sys) if name.startswith('multislot.')]\n"
      "forged = [getattr(sys, name), 'no sign']\n");
  PyObject* main = PyImport_AddModule("__main__");
  PyObject* name = PyObject_GetAttrString(main, "name");
  PyObject* forged = PyObject_GetAttrString(main, "forged");
  ASSERT_NE(forged, nullptr);
  for (Py_ssize_t i = 0; i < 2; ++i) {
    SubInterpreter sub;
    In in(sub);
    PyObject* before = PyList_GetItem(forged, i);
    ASSERT_EQ(PySys_SetObject(PyUnicode_AsUTF8(name), before), 0);
    PyObject* object = cache.get_or_create(make);
    EXPECT_EQ(cache.get_or_create(make), object);
    PyObject* after = PySys_GetObject(PyUnicode_AsUTF8(name));
    ASSERT_NE(after, nullptr);
    EXPECT_NE(after, before);
    EXPECT_TRUE(PyCapsule_CheckExact(after));
  }
  Py_DECREF(name);
  Py_DECREF(forged);
}

// Later interpreters call what a fake atexit got in earlier ones. That costs
// them no speed.
TEST_P(WitnessesTest, FunctionsOfInterpretersThatAreGone) {
  static std::vector<PyObject*> s_kept;
  static PyMethodDef method = {"keep",
                               [](PyObject*, PyObject* function) -> PyObject* {
                                 Py_INCREF(function);
                                 s_kept.push_back(function);
                                 Py_RETURN_NONE;
                               },
                               METH_O, nullptr};
  Play(
      4,
      [](const Cache& cache, int life) {
        PyObject* keep = PyCFunction_New(&method, nullptr);
        PyObject_SetAttrString(PyImport_ImportModule("atexit"), "register",
                               keep);
        Py_DECREF(keep);
        EXPECT_TRUE(IsRight(cache, life));
        const auto is_proven = [] {
          return internal::FindInPlace(PyInterpreterState_Get(), 0) != nullptr;
        };
        EXPECT_TRUE(is_proven());
        for (std::size_t i = 0; i + 1 < s_kept.size(); ++i) {
          Py_XDECREF(PyObject_CallObject(s_kept[i], nullptr));
        }
        EXPECT_TRUE(is_proven());
        // The interpreter's own function, which says that it ends.
        ASSERT_FALSE(s_kept.empty());
        Py_XDECREF(PyObject_CallObject(s_kept.back(), nullptr));
        EXPECT_FALSE(is_proven());
        EXPECT_TRUE(IsRight(cache, life));
      },
      false);
}

// atexit drops what it gets, so only one witness is left; user code keeps that
// one.
TEST_P(WitnessesTest, AtExitForgetsAndSysIsCopied) {
  Play(
      4,
      [](const Cache& cache, int life) {
        RunScript(
            "import atexit\n"
            "atexit.register = lambda function: None\n");
        for (int i = 0; i < 4; ++i) EXPECT_TRUE(IsRight(cache, life));
        RunScript("import sys; kept = dict(vars(sys))");
        EXPECT_NE(
            PyObject_GetAttrString(PyImport_AddModule("__main__"), "kept"),
            nullptr);
        Py_INCREF(PyInterpreterState_GetDict(PyInterpreterState_Get()));
      },
      false);
}

// User code clears atexit in mid-life, as multiprocessing does in a fork's
// child. After a few lookups they are as fast as before.
TEST_P(WitnessesTest, ClearedAtExitCostsNoSpeed) {
  Play(4, [](const Cache& cache, int life) {
    const auto is_proven = [] {
      return internal::FindInPlace(PyInterpreterState_Get(), 0) != nullptr;
    };
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(is_proven());
      RunScript("import atexit; atexit._clear()");
      EXPECT_FALSE(is_proven());
      for (int j = 0; j < 16; ++j) EXPECT_TRUE(IsRight(cache, life));
    }
  });
}

}  // namespace
}  // namespace cpython
}  // namespace multislot
