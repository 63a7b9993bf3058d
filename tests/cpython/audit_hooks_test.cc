// (S42, S43) SingleInterpreterFastPath beside audit hooks that veto its
// actions, and beside interpreters that no hook is told of.

#include <Python.h>

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "gtest/gtest.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/single_interpreter_fast_path.h"
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
         PyCapsule_GetPointer(object, nullptr) == PyInterpreterState_Get();
}

// Counts CPython's blocks of raw memory. Each hook takes one.
class RawBlocks {
 public:
  RawBlocks() {
    PyMem_GetAllocator(PYMEM_DOMAIN_RAW, &original_);
    PyMemAllocatorEx counting = {this, Malloc, Calloc, Realloc, Free};
    PyMem_SetAllocator(PYMEM_DOMAIN_RAW, &counting);
  }
  ~RawBlocks() { PyMem_SetAllocator(PYMEM_DOMAIN_RAW, &original_); }
  RawBlocks(const RawBlocks&) = delete;
  RawBlocks& operator=(const RawBlocks&) = delete;

  long count() const { return count_; }

 private:
  static void* Malloc(void* self, std::size_t size) {
    auto* blocks = static_cast<RawBlocks*>(self);
    ++blocks->count_;
    return blocks->original_.malloc(blocks->original_.ctx, size);
  }
  static void* Calloc(void* self, std::size_t count, std::size_t size) {
    auto* blocks = static_cast<RawBlocks*>(self);
    ++blocks->count_;
    return blocks->original_.calloc(blocks->original_.ctx, count, size);
  }
  static void* Realloc(void* self, void* block, std::size_t size) {
    auto* blocks = static_cast<RawBlocks*>(self);
    blocks->count_ += block == nullptr;
    return blocks->original_.realloc(blocks->original_.ctx, block, size);
  }
  static void Free(void* self, void* block) {
    auto* blocks = static_cast<RawBlocks*>(self);
    blocks->count_ -= block != nullptr;
    blocks->original_.free(blocks->original_.ctx, block);
  }

  PyMemAllocatorEx original_;
  std::atomic<long> count_{0};
};

// A hook that vetoes events by raising an error.
struct Veto {
  const char* name;
  bool (*event)(const std::string&);
  PyObject** error;
};

int Vetoes(const char* event, PyObject*, void* veto) {
  if (!static_cast<const Veto*>(veto)->event(event)) return 0;
  PyErr_SetString(*static_cast<const Veto*>(veto)->error, "vetoed");
  return -1;
}

int CountsAdditions(const char* event, PyObject*, void* count) {
  if (std::strcmp(event, "sys.addaudithook") == 0) ++*static_cast<int*>(count);
  return 0;
}

bool IsOurs(const std::string& event) {
  return event.rfind("multislot", 0) == 0;
}
bool IsAddition(const std::string& event) {
  return event == "sys.addaudithook";
}
bool IsEither(const std::string& event) {
  return IsOurs(event) || IsAddition(event);
}
// Every event that CPython raises during Register().
bool g_registering = false;
bool IsWhileRegistering(const std::string&) { return g_registering; }
bool IsWhileRegisteringButNoAddition(const std::string& event) {
  return g_registering && !IsAddition(event);
}
void Register() {
  g_registering = true;
  SingleInterpreterFastPath::Enable();
  g_registering = false;
}

const Veto kVetoes[] = {
    {"OursByRuntimeError", IsOurs, &PyExc_RuntimeError},
    {"OursByAnotherError", IsOurs, &PyExc_ValueError},
    {"OursByBaseException", IsOurs, &PyExc_KeyboardInterrupt},
    {"AdditionsByRuntimeError", IsAddition, &PyExc_RuntimeError},
    {"AdditionsByAnotherError", IsAddition, &PyExc_ValueError},
    {"BothByRuntimeError", IsEither, &PyExc_RuntimeError},
    {"BothByAnotherError", IsEither, &PyExc_ValueError},
    {"AllByRuntimeError", IsWhileRegistering, &PyExc_RuntimeError},
    {"AllByAnotherError", IsWhileRegistering, &PyExc_ValueError},
    {"AllButAdditions", IsWhileRegisteringButNoAddition, &PyExc_ValueError},
};

class VetoTest : public ::testing::TestWithParam<Veto> {
 protected:
  static void Add(Py_AuditHookFunction hook, void* data) {
    ASSERT_EQ(PySys_AddAuditHook(hook, data), 0);
  }
  bool VetoesAdditions() const {
    g_registering = true;
    const bool does = GetParam().event("sys.addaudithook");
    g_registering = false;
    return does;
  }
  void AddVeto() { Add(Vetoes, const_cast<Veto*>(&GetParam())); }
};

// (S42) A runtime gets at most one hook, however often modules register.
TEST_P(VetoTest, ThereIsAtMostOneHook) {
  for (int life = 0; life < 2; ++life) {
    Runtime runtime;
    int additions = 0;
    Add(CountsAdditions, &additions);
    AddVeto();
    additions = 0;
    Cache cache;
    EXPECT_TRUE(IsRight(cache));
    Register();
    // What the first call makes CPython keep, such as a name, is no hook.
    RawBlocks blocks;
    for (int i = 0; i < 10000; ++i) Register();
    EXPECT_EQ(PyErr_Occurred(), nullptr);
    EXPECT_LE(blocks.count(), 1);
    if (!VetoesAdditions()) {
      EXPECT_LE(additions, 1);
    }
    EXPECT_TRUE(IsRight(cache));
    {
      SubInterpreter sub;
      In in(sub);
      EXPECT_TRUE(IsRight(cache));
      Register();
      EXPECT_EQ(PyErr_Occurred(), nullptr);
      EXPECT_TRUE(IsRight(cache));
    }
    for (int i = 0; i < 1000; ++i) Register();
    if (!VetoesAdditions()) {
      EXPECT_LE(additions, 1);
    }
    EXPECT_TRUE(IsRight(cache));
  }
}

// The veto comes after modules have registered.
TEST_P(VetoTest, TheVetoComesLater) {
  Runtime runtime;
  int additions = 0;
  Add(CountsAdditions, &additions);
  additions = 0;
  Cache cache;
  Register();
  EXPECT_TRUE(IsRight(cache));
  EXPECT_LE(additions, 1);
  AddVeto();
  const int before = additions;
  for (int i = 0; i < 1000; ++i) Register();
  EXPECT_EQ(PyErr_Occurred(), nullptr);
  EXPECT_EQ(additions, before);
  EXPECT_TRUE(IsRight(cache));
  SubInterpreter sub;
  In in(sub);
  EXPECT_TRUE(IsRight(cache));
  Register();
  EXPECT_TRUE(IsRight(cache));
}

// A pending error survives registering.
TEST_P(VetoTest, APendingErrorStays) {
  Runtime runtime;
  AddVeto();
  PyErr_SetString(PyExc_KeyError, "pending");
  for (int i = 0; i < 3; ++i) {
    Register();
    EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_KeyError));
  }
  PyErr_Clear();
}

INSTANTIATE_TEST_SUITE_P(Of, VetoTest, ::testing::ValuesIn(kVetoes),
                         [](const auto& veto) {
                           return std::string(veto.param.name);
                         });

// (S42) No veto; interpreters come and go.
TEST(AuditHooksTest, ThereIsOneHook) {
  for (int life = 0; life < 3; ++life) {
    Runtime runtime;
    int additions = 0;
    ASSERT_EQ(PySys_AddAuditHook(CountsAdditions, &additions), 0);
    additions = 0;
    for (int i = 0; i < 5; ++i) {
      for (int j = 0; j < 100; ++j) SingleInterpreterFastPath::Enable();
      SubInterpreter sub;
      In in(sub);
      for (int j = 0; j < 100; ++j) SingleInterpreterFastPath::Enable();
    }
    EXPECT_LE(additions, 1);
  }
}

// An audit hook registers while CPython calls the hooks.
TEST(AuditHooksTest, RegisteringInAHook) {
  Runtime runtime;
  static int depth;
  depth = 0;
  ASSERT_EQ(PySys_AddAuditHook(
                [](const char*, PyObject*, void*) {
                  if (depth > 2) return 0;
                  ++depth;
                  SingleInterpreterFastPath::Enable();
                  --depth;
                  return 0;
                },
                nullptr),
            0);
  Cache cache;
  SingleInterpreterFastPath::Enable();
  EXPECT_TRUE(IsRight(cache));
  SubInterpreter sub;
  In in(sub);
  EXPECT_TRUE(IsRight(cache));
}

// A hook looks up in whichever interpreter it runs in.
TEST(AuditHooksTest, LookingUpInAHook) {
  static const Cache cache;
  static int wrong;
  static bool inside;
  wrong = 0;
  inside = false;
  {
    Runtime runtime;
    SingleInterpreterFastPath::Enable();
    EXPECT_TRUE(IsRight(cache));
    ASSERT_EQ(PySys_AddAuditHook(
                  [](const char* event, PyObject*, void*) {
                    // The thread's or interpreter's state may be half gone.
                    if (inside || std::strncmp(event, "cpython.", 8) == 0) {
                      return 0;
                    }
                    inside = true;
                    if (!IsRight(cache)) ++wrong;
                    inside = false;
                    return 0;
                  },
                  nullptr),
              0);
    for (int i = 0; i < 3; ++i) {
      SubInterpreter sub;
      In in(sub);
      EXPECT_TRUE(IsRight(cache));
    }
    EXPECT_TRUE(IsRight(cache));
    inside = true;
  }
  EXPECT_EQ(wrong, 0);
}

// A hook vetoes everything that the library might do in a first lookup, such as
// importing a module. The lookup is right and sets no error.
TEST(AuditHooksTest, AVetoInLookups) {
  static bool looking_up;
  static const HandleCache<SideTable> asks_always;
  const auto expect_right = [] {
    for (int i = 0; i < 3; ++i) {
      looking_up = true;
      PyObject* object = asks_always.get_or_create(Make);
      looking_up = false;
      ASSERT_NE(object, nullptr);
      EXPECT_EQ(PyCapsule_GetPointer(object, nullptr),
                PyInterpreterState_Get());
      EXPECT_EQ(PyErr_Occurred(), nullptr);
    }
  };
  looking_up = false;
  for (int life = 0; life < 3; ++life) {
    Runtime runtime;
    ASSERT_EQ(PySys_AddAuditHook(
                  [](const char*, PyObject*, void*) {
                    if (!looking_up) return 0;
                    PyErr_SetString(PyExc_PermissionError, "vetoed");
                    return -1;
                  },
                  nullptr),
              0);
    expect_right();
    for (int i = 0; i < 3; ++i) {
      SubInterpreter sub;
      In in(sub);
      expect_right();
    }
    expect_right();
  }
}

// (S43) A runtime whose interpreters import nothing at their start.
class BareRuntime {
 public:
  BareRuntime() {
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    config._install_importlib = 0;
    Check(PyConfig_SetBytesString(&config, &config.program_name,
                                  MULTISLOT_PYTHON_EXECUTABLE));
    Check(Py_InitializeFromConfig(&config));
    PyConfig_Clear(&config);
  }
  ~BareRuntime() {
    if (Py_FinalizeEx() != 0) std::abort();
  }
  BareRuntime(const BareRuntime&) = delete;
  BareRuntime& operator=(const BareRuntime&) = delete;

 private:
  static void Check(PyStatus status) {
    if (!PyStatus_Exception(status)) return;
    std::fprintf(stderr, "no Python: %s\n", status.err_msg);
    std::abort();
  }
};

TEST(BareTest, ARuntimeWithoutImportlib) {
  for (int life = 0; life < 2; ++life) {
    BareRuntime runtime;
    Cache cache;
    SingleInterpreterFastPath::Enable();
    EXPECT_TRUE(IsRight(cache));
    SubInterpreter subs[2];
    for (int i = 0; i < 3; ++i) {
      for (const SubInterpreter& sub : subs) {
        In in(sub);
        EXPECT_TRUE(IsRight(cache));
      }
      EXPECT_TRUE(IsRight(cache));
    }
  }
}

// From 3.12 on a thread cannot attach to such an interpreter: it has no GIL.
#if PY_VERSION_HEX < 0x030C0000

// (S43) An interpreter made by PyInterpreterState_New(). It has no modules and
// no small integers, and no audit hook hears of anything in it. Some CPythons
// cannot clear one, so the process exits without finalising.
[[noreturn]] void LookUpInABareInterpreter(bool registered_before) {
  static const Cache cache;
  Runtime runtime;
  if (registered_before) SingleInterpreterFastPath::Enable();
  int wrong = !IsRight(cache);
  PyInterpreterState* bare = PyInterpreterState_New();
  PyThreadState* state = PyThreadState_New(bare);
  if (!registered_before) SingleInterpreterFastPath::Enable();
  wrong += !IsRight(cache);
  for (int i = 0; i < 3; ++i) {
    PyThreadState* before = PyThreadState_Swap(state);
    wrong += !IsRight(cache);
    wrong += PyErr_Occurred() != nullptr;
    PyThreadState_Swap(before);
    wrong += !IsRight(cache);
  }
  std::fprintf(stderr, "<%d wrong>\n", wrong);
  std::_Exit(0);
}

TEST(BareDeathTest, AnInterpreterByPyInterpreterStateNew) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(LookUpInABareInterpreter(true), testing::ExitedWithCode(0),
              "<0 wrong>");
}

TEST(BareDeathTest, AnInterpreterFromBeforeRegistration) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(LookUpInABareInterpreter(false), testing::ExitedWithCode(0),
              "<0 wrong>");
}

#endif  // PY_VERSION_HEX < 0x030C0000

}  // namespace
}  // namespace cpython
}  // namespace multislot
