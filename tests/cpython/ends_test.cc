// Interpreters that end in unusual ways, and user code that takes away what the
// adapter relies on. (Sn) is the number of the scenario in docs/scenarios.md.
//
// What has to hold is always the same: no interpreter gets the object of
// another one, least of all of one that lay at the same address. So each test
// does something nasty to some interpreters and then lets others come and go
// until addresses are used again.

#include <Python.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/internal/records.h"
#include "multislot/fixed_slots.h"
#include "tests/cpython/embedded.h"

namespace multislot {
namespace cpython {
namespace {

using Cache = HandleCache<FixedSlots<8>>;

// Counts the lives of all interpreters of this process, so that an object can
// tell for which one it was made: addresses and ids come back.
int g_life = 0;

// Of the interpreter that a thread is attached to; kept where only that
// interpreter has it.
int Life() {
  PyObject* life = PySys_GetObject("multislot_life");
  return life == nullptr ? 0 : static_cast<int>(PyLong_AsLong(life));
}

void BeginLife() {
  PyObject* life = PyLong_FromLong(++g_life);
  ASSERT_EQ(PySys_SetObject("multislot_life", life), 0);
  Py_DECREF(life);
}

// An object that knows for which life it was made.
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

// Whether a lookup in the interpreter of this life finds its own object.
bool IsRight(const Cache& cache, int life) {
  return IsOf(cache.get_or_create([life] { return MakeOf(life); }), life);
}

void RunScript(const char* script) { ASSERT_EQ(PyRun_SimpleString(script), 0); }

// An object that calls the function as it dies.
PyObject* NewDying(std::function<void()> function) {
  auto* copy = new std::function<void()>(std::move(function));
  return PyCapsule_New(copy, nullptr, [](PyObject* self) {
    std::unique_ptr<std::function<void()>> kept(
        static_cast<std::function<void()>*>(
            PyCapsule_GetPointer(self, nullptr)));
    (*kept)();
  });
}

// Makes the object live as long as can be: in the fork handlers of the
// interpreter, which CPython drops after the interpreter's dict.
void KeepToTheLast(PyObject* object) {
  PyObject* keep = PyImport_AddModule("__main__");
  ASSERT_EQ(PyObject_SetAttrString(keep, "last", object), 0);
  RunScript(
      "import os\n"
      "def callback(last=last): pass\n"
      "os.register_at_fork(after_in_child=callback)\n"
      "del callback, last\n");
}

// Interpreters come and go, as sub-interpreters of one runtime or as runtimes,
// and what `nasty` does to one is not felt by the later ones.
enum class Kind { kSubInterpreters, kRuntimes };

class EndsTest : public ::testing::TestWithParam<Kind> {
 protected:
  // Lets `lives` interpreters come and go; each looks up what it may find of
  // those before it, then does what is nasty.
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
      // One that only looks up, and finds nothing old.
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
Cache EndsTest::cache_;

INSTANTIATE_TEST_SUITE_P(
    Of, EndsTest, ::testing::Values(Kind::kSubInterpreters, Kind::kRuntimes),
    [](const auto& kind) {
      return kind.param == Kind::kRuntimes ? "Runtimes" : "SubInterpreters";
    });

// (S31) The interpreter's first lookup comes after its dict was cleared.
TEST_P(EndsTest, TheFirstLookupIsLate) {
  int lookups = 0;
  Play(
      6,
      [&](const Cache& cache, int life) {
        PyObject* dying = NewDying([&cache, &lookups, life] {
          ++lookups;
          EXPECT_TRUE(IsRight(cache, life));
          EXPECT_TRUE(IsRight(cache, life));
          // It would never retire.
          EXPECT_EQ(CurrentInterpreter(), nullptr);
        });
        KeepToTheLast(dying);
        Py_DECREF(dying);
      },
      false);
  EXPECT_EQ(lookups, 6);
}

// The same of one that looked things up before.
TEST_P(EndsTest, ALaterLookupIsLate) {
  int lookups = 0;
  Play(6, [&](const Cache& cache, int life) {
    PyObject* dying = NewDying([&cache, &lookups, life] {
      ++lookups;
      EXPECT_TRUE(IsRight(cache, life));
    });
    KeepToTheLast(dying);
    Py_DECREF(dying);
  });
  EXPECT_EQ(lookups, 6);
}

// (S34) Somebody keeps the interpreter's dict.
TEST_P(EndsTest, TheDictIsKept) {
  Play(6, [](const Cache&, int) {
    Py_INCREF(PyInterpreterState_GetDict(PyInterpreterState_Get()));
  });
}

// The same, and what the collector knows, from an atexit callback too; before
// the first lookup and after it.
TEST_P(EndsTest, AllThatTheCollectorKnowsIsKept) {
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

// The interpreter's first lookup is in an atexit callback, in which all that
// the collector knows is kept.
TEST_P(EndsTest, TheFirstLookupIsInAnAtExitCallback) {
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

// User code takes away what the adapter relies on.
class ForgedTest : public EndsTest {
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
            // Never given back.
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

TEST_P(ForgedTest, SysModulesIsDeleted) {
  Forge("import sys; del sys.modules", false);
}
TEST_P(ForgedTest, SysModulesIsNone) {
  Forge("import sys; sys.modules = None", false);
}
TEST_P(ForgedTest, AtExitIsCleared) {
  Forge("import atexit; atexit._clear()", true);
}
TEST_P(ForgedTest, AtExitIsRun) {
  Forge("import atexit; atexit._run_exitfuncs()", true);
}
TEST_P(ForgedTest, AtExitIsMissing) {
  Forge("import sys; sys.modules['atexit'] = None", true);
}
TEST_P(ForgedTest, AtExitKeepsForEver) {
  Forge(
      "import sys, types\n"
      "kept = []\n"
      "fake = types.ModuleType('atexit')\n"
      "fake.register = kept.append\n"
      "sys.modules['atexit'] = fake\n",
      true);
}
TEST_P(ForgedTest, AtExitForgets) {
  Forge(
      "import sys, types\n"
      "fake = types.ModuleType('atexit')\n"
      "fake.register = lambda function: None\n"
      "sys.modules['atexit'] = fake\n",
      true);
}
TEST_P(ForgedTest, AtExitFails) {
  Forge(
      "import sys, types\n"
      "fake = types.ModuleType('atexit')\n"
      "sys.modules['atexit'] = fake\n",
      true);
}
TEST_P(ForgedTest, RegisterIsReplaced) {
  Forge(
      "import atexit\n"
      "kept = []\n"
      "atexit.register = lambda function: kept.append(function)\n",
      true);
}

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

// What one interpreter's fake atexit got is called in later ones, which lose no
// speed by it.
TEST_P(EndsTest, FunctionsOfInterpretersThatAreGone) {
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
        // Its own one, which says that it ends.
        ASSERT_FALSE(s_kept.empty());
        Py_XDECREF(PyObject_CallObject(s_kept.back(), nullptr));
        EXPECT_FALSE(is_proven());
        EXPECT_TRUE(IsRight(cache, life));
      },
      false);
}

// atexit drops what it gets, so that there is one witness only, and somebody
// keeps that one.
TEST_P(EndsTest, AtExitForgetsAndSysIsCopied) {
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

// Somebody clears atexit in mid-life, as multiprocessing does in the child of a
// fork. Before long lookups are as fast as before.
TEST_P(EndsTest, ClearedAtExitCostsNoSpeed) {
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

// The interpreter's dict is emptied. What was there is gone, and made anew.
TEST_P(EndsTest, TheDictIsCleared) {
  Play(4, [](const Cache& cache, int life) {
    PyDict_Clear(PyInterpreterState_GetDict(PyInterpreterState_Get()));
    EXPECT_TRUE(IsRight(cache, life));
    const int made = g_made;
    EXPECT_TRUE(IsRight(cache, life));
    EXPECT_EQ(g_made, made);
  });
}

// (S32) What an interpreter owns ends others while it ends; then late objects
// of it look up.
TEST(NestedEndsTest, WhatXOwnsEndsOthersWhileXEnds) {
  cpython::Runtime runtime;
  Cache cache;
  Cache ends_others;
  int lookups = 0;
  for (int round = 0; round < 4; ++round) {
    SubInterpreter x;
    auto others =
        std::make_shared<std::vector<std::unique_ptr<SubInterpreter>>>();
    for (int i = 0; i < 3; ++i) {
      others->push_back(std::make_unique<SubInterpreter>());
      In in(*others->back());
      BeginLife();
      EXPECT_TRUE(IsRight(cache, Life()));
    }
    {
      In in(x);
      BeginLife();
      const int life = Life();
      EXPECT_TRUE(IsRight(cache, life));
      const auto look_up = [&cache, &lookups, life] {
        ++lookups;
        EXPECT_TRUE(IsRight(cache, life));
      };
      ends_others.get_or_create([&] {
        return NewDying([others, look_up] {
          look_up();
          others->clear();
          look_up();
        });
      });
      PyObject* late = NewDying(look_up);
      KeepToTheLast(late);
      Py_DECREF(late);
    }
    x.End();
    EXPECT_EQ(lookups, 3 * (round + 1));
    for (int i = 0; i < 4; ++i) {
      SubInterpreter later;
      In in(later);
      BeginLife();
      EXPECT_TRUE(IsRight(cache, Life()));
      EXPECT_TRUE(IsRight(cache, Life()));
    }
  }
}

// (S33) A destructor at X's end waits for another thread that attaches to X and
// looks up. From 3.12 on CPython ends or hangs a thread that wants to.
#if PY_VERSION_HEX < 0x030C0000
TEST(NestedEndsTest, ADestructorWaitsForAnotherThreadThatLooksUp) {
  cpython::Runtime runtime;
  Cache cache;
  Cache waits;
  int lookups = 0;
  for (int round = 0; round < 4; ++round) {
    SubInterpreter x;
    {
      In in(x);
      BeginLife();
      const int life = Life();
      EXPECT_TRUE(IsRight(cache, life));
      PyInterpreterState* interpreter = x.interpreter();
      const auto elsewhere = [&cache, &lookups, life, interpreter] {
        PyThreadState* before = PyEval_SaveThread();
        std::thread([&] {
          PyThreadState* state = PyThreadState_New(interpreter);
          PyEval_RestoreThread(state);
          ++lookups;
          EXPECT_TRUE(IsRight(cache, life));
          PyThreadState_Clear(state);
          PyThreadState_DeleteCurrent();
        }).join();
        PyEval_RestoreThread(before);
      };
      waits.get_or_create([&] { return NewDying(elsewhere); });
    }
    x.End();
    EXPECT_EQ(lookups, round + 1);
    for (int i = 0; i < 4; ++i) {
      SubInterpreter later;
      In in(later);
      BeginLife();
      EXPECT_TRUE(IsRight(cache, Life()));
      EXPECT_TRUE(IsRight(cache, Life()));
    }
  }
}

#endif  // PY_VERSION_HEX < 0x030C0000

// (S41) A cache that goes leaves its object to the interpreter.
TEST(ShortLivedTest, ObjectsStayUntilTheInterpreterEnds) {
  int died = 0;
  {
    cpython::Runtime runtime;
    for (int i = 0; i < 100; ++i) {
      Cache().get_or_create([&] { return NewDying([&died] { ++died; }); });
    }
    EXPECT_EQ(died, 0);
  }
  EXPECT_EQ(died, 100);
}

// (S40) An object that the interpreter owns dies late, when builtins are gone.
TEST(ShortLivedTest, OwnedObjectsDieWhenBuiltinsAreGone) {
  for (int i = 0; i < 3; ++i) {
    std::string seen;
    {
      cpython::Runtime runtime;
      SubInterpreter sub;
      In in(sub);
      Cache().get_or_create([&] {
        return NewDying([&seen] {
          PyObject* builtins = PyEval_GetBuiltins();
          seen = builtins == nullptr ||
                         PyDict_GetItemString(builtins, "sum") == nullptr
                     ? "gone"
                     : "there";
        });
      });
      PyObject* module = PyImport_AddModule("kept_by_its_module");
      PyObject* dying = NewDying([] {
        EXPECT_NE(PyDict_GetItemString(PyEval_GetBuiltins(), "sum"), nullptr);
      });
      PyObject_SetAttrString(module, "object", dying);
      Py_DECREF(dying);
    }
    EXPECT_NE(seen, "");
    std::printf("builtins are %s\n", seen.c_str());
  }
}

}  // namespace
}  // namespace cpython
}  // namespace multislot
