// (S31 to S34, S39 to S41) Interpreters end in hostile ways: objects look up
// after everything else is gone, end other interpreters, wait for threads, keep
// what should have died. Whatever happens, no interpreter may get an object of
// another one, dead or alive.
//
// Every interpreter here has a numbered life, and every object knows the life
// that it was made in. Addresses would not tell: the next interpreter gets the
// memory of one that ended, and these tests make sure of that.

#include <Python.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/import_attr.h"
#include "multislot/fixed_slots.h"
#include "multislot/side_table.h"
#include "tests/cpython/embedded.h"
#include "tests/cpython/subject.h"

#if defined(__SANITIZE_ADDRESS__)
#define MULTISLOT_HAS_LSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MULTISLOT_HAS_LSAN 1
#endif
#endif
#if defined(MULTISLOT_HAS_LSAN)
#include <sanitizer/lsan_interface.h>
#endif

namespace multislot {
namespace cpython {
namespace {

// CPython's raw memory, except that a large freed block goes to the next caller
// that asks for that size. An interpreter is such a block, so the next
// interpreter gets the address of the last one, even under AddressSanitizer.
// Counts the calls in all of CPython's domains.
class Memory {
 public:
  // Called in each runtime: some CPythons forget the allocator at their start.
  static void Install() {
    PyMemAllocatorEx current;
    PyMem_GetAllocator(PYMEM_DOMAIN_RAW, &current);
    if (current.ctx == &g_domains[0]) return;
    {
      // Blocks may have been freed since without a call to this allocator.
      std::lock_guard<std::mutex> lock(Mutex());
      Sizes().clear();
      Freed().clear();
    }
    Hook(PYMEM_DOMAIN_RAW,
         {&g_domains[0], RawMalloc, RawCalloc, RawRealloc, RawFree});
    Hook(PYMEM_DOMAIN_MEM, {&g_domains[1], Malloc, Calloc, Realloc, Free});
    Hook(PYMEM_DOMAIN_OBJ, {&g_domains[2], Malloc, Calloc, Realloc, Free});
  }
  static long calls() { return g_calls; }
  // From now on this many allocations succeed, the next one fails, and later
  // ones succeed again. A negative number: all succeed.
  static void FailAfter(int allocations) { g_left = allocations; }

 private:
  static constexpr std::size_t kLarge = 4 * 1024;

  static void Hook(PyMemAllocatorDomain domain, PyMemAllocatorEx hook) {
    PyMem_GetAllocator(domain, static_cast<PyMemAllocatorEx*>(hook.ctx));
    PyMem_SetAllocator(domain, &hook);
  }

  static bool Fails() { return g_left >= 0 && g_left-- == 0; }

  static PyMemAllocatorEx* Original(void* context) {
    ++g_calls;
    return static_cast<PyMemAllocatorEx*>(context);
  }
  static void* Malloc(void* context, std::size_t size) {
    if (Fails()) return nullptr;
    PyMemAllocatorEx* original = Original(context);
    return original->malloc(original->ctx, size);
  }
  static void* Calloc(void* context, std::size_t count, std::size_t size) {
    if (Fails()) return nullptr;
    PyMemAllocatorEx* original = Original(context);
    return original->calloc(original->ctx, count, size);
  }
  static void* Realloc(void* context, void* block, std::size_t size) {
    if (Fails()) return nullptr;
    PyMemAllocatorEx* original = Original(context);
    return original->realloc(original->ctx, block, size);
  }
  static void Free(void* context, void* block) {
    PyMemAllocatorEx* original = Original(context);
    original->free(original->ctx, block);
  }

  static void* RawMalloc(void* context, std::size_t size) {
    if (size < kLarge) return Malloc(context, size);
    return TakeLarge(context, size);
  }
  static void* RawCalloc(void* context, std::size_t count, std::size_t size) {
    if (count != 1 || size < kLarge) return Calloc(context, count, size);
    void* block = TakeLarge(context, size);
    if (block != nullptr) std::memset(block, 0, size);
    return block;
  }
  static void* RawRealloc(void* context, void* block, std::size_t size) {
    {
      std::lock_guard<std::mutex> lock(Mutex());
      Sizes().erase(block);
    }
    return Realloc(context, block, size);
  }
  static void RawFree(void* context, void* block) {
    {
      std::lock_guard<std::mutex> lock(Mutex());
      const auto size = Sizes().find(block);
      if (size != Sizes().end()) {
        Freed()[size->second].push_back(block);
        return;
      }
    }
    Free(context, block);
  }
  static void* TakeLarge(void* context, std::size_t size) {
    {
      std::lock_guard<std::mutex> lock(Mutex());
      std::vector<void*>& freed = Freed()[size];
      if (!freed.empty()) {
        void* block = freed.back();
        freed.pop_back();
        return block;
      }
    }
    void* block = Malloc(context, size);
    std::lock_guard<std::mutex> lock(Mutex());
    if (block != nullptr) Sizes()[block] = size;
    return block;
  }

  static std::mutex& Mutex() {
    static auto* mutex = new std::mutex;
    return *mutex;
  }
  static std::map<void*, std::size_t>& Sizes() {
    static auto* sizes = new std::map<void*, std::size_t>;
    return *sizes;
  }
  static std::map<std::size_t, std::vector<void*>>& Freed() {
    static auto* freed = new std::map<std::size_t, std::vector<void*>>;
    return *freed;
  }

  static PyMemAllocatorEx g_domains[3];
  static std::atomic<long> g_calls;
  static std::atomic<int> g_left;
};
PyMemAllocatorEx Memory::g_domains[3];
std::atomic<long> Memory::g_calls{0};
std::atomic<int> Memory::g_left{-1};

// Records the life in which each object was made. Knows objects by address
// only, because a wrong object may already be freed.
class Lives {
 public:
  // Begins a new life of the current interpreter.
  static void Begin() {
    std::lock_guard<std::mutex> lock(Mutex());
    const bool is_new = Of().insert({PyInterpreterState_Get(), 0}).second;
    came_back += !is_new;
    Of()[PyInterpreterState_Get()] = ++g_last;
  }
  // The current interpreter's life.
  static int Now() {
    std::lock_guard<std::mutex> lock(Mutex());
    return Of()[PyInterpreterState_Get()];
  }
  // Makes an object of this life.
  static PyObject* Make() {
    const int life = Now();
    PyObject* object = PyCapsule_New(
        reinterpret_cast<void*>(std::intptr_t{life}), nullptr, Die);
    if (object == nullptr) return nullptr;
    ++made;
    std::lock_guard<std::mutex> lock(Mutex());
    Objects()[object] = life;
    return object;
  }
  // Whether the object is alive and was made in the current life.
  static bool IsOwn(PyObject* object) {
    const int life = Now();
    std::lock_guard<std::mutex> lock(Mutex());
    const auto found = Objects().find(object);
    return found != Objects().end() && found->second == life;
  }
  static void Reset() { made = died = died_elsewhere = came_back = 0; }

  static std::atomic<int> made;
  static std::atomic<int> died;
  static std::atomic<int> died_elsewhere;
  static int came_back;  // addresses that were used again

 private:
  static void Die(PyObject* object) {
    const int life = static_cast<int>(
        reinterpret_cast<std::intptr_t>(PyCapsule_GetPointer(object, nullptr)));
    ++died;
    if (life != Now()) ++died_elsewhere;
    std::lock_guard<std::mutex> lock(Mutex());
    const auto found = Objects().find(object);
    if (found != Objects().end() && found->second == life) {
      Objects().erase(found);
    }
  }

  static std::mutex& Mutex() {
    static auto* mutex = new std::mutex;
    return *mutex;
  }
  static std::map<PyInterpreterState*, int>& Of() {
    static auto* lives = new std::map<PyInterpreterState*, int>;
    return *lives;
  }
  static std::map<PyObject*, int>& Objects() {
    static auto* objects = new std::map<PyObject*, int>;
    return *objects;
  }

  static int g_last;
};
std::atomic<int> Lives::made{0};
std::atomic<int> Lives::died{0};
std::atomic<int> Lives::died_elsewhere{0};
int Lives::came_back = 0;
int Lives::g_last = 0;

// Passes the current interpreter, if the cache has that overload.
template <typename Cache>
auto GetGiven(const Cache& cache, int)
    -> decltype(cache.get_or_create(CurrentInterpreter(), Lives::Make)) {
  return cache.get_or_create(CurrentInterpreter(), Lives::Make);
}
template <typename Cache>
PyObject* GetGiven(const Cache& cache, long) {
  return cache.get_or_create(Lives::Make);
}

// Every test's caches: one with room for every interpreter, and one that
// overflows at once.
const Subject<SideTable> g_roomy;
const Subject<FixedSlots<1>> g_tight;

// Looks up several times; whether each lookup was right.
bool IsRight() {
  bool right = true;
  for (int i = 0; i < 2; ++i) {
    right = Lives::IsOwn(g_roomy.get_or_create(Lives::Make)) && right;
    right = Lives::IsOwn(g_tight.get_or_create(Lives::Make)) && right;
    right = Lives::IsOwn(GetGiven(g_roomy, 0)) && right;
  }
  return right;
}

// The same; the interpreter, which is not about to end, keeps its objects.
bool IsRightAndStays() {
  PyObject* roomy = g_roomy.get_or_create(Lives::Make);
  PyObject* tight = g_tight.get_or_create(Lives::Make);
  return IsRight() && g_roomy.get_or_create(Lives::Make) == roomy &&
         g_tight.get_or_create(Lives::Make) == tight;
}

// An object that calls a function as it dies. The thread is then attached to
// the interpreter that is ending.
using Function = std::function<void()>;
PyObject* CallsAtItsEnd(Function function) {
  return PyCapsule_New(
      new Function(std::move(function)), nullptr, [](PyObject* self) {
        std::unique_ptr<Function> last_act(
            static_cast<Function*>(PyCapsule_GetPointer(self, nullptr)));
        (*last_act)();
      });
}

// Counts the lookups of dying objects.
std::atomic<int> g_late{0};
std::atomic<int> g_late_and_wrong{0};
void LookUpLate() {
  ++g_late;
  if (!IsRight()) ++g_late_and_wrong;
}

// A callable that keeps the object alive and does nothing.
PyObject* CallableWith(PyObject* object) {
  static PyMethodDef nothing = {
      "nothing",
      reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(
          +[](PyObject*, PyObject*, PyObject*) -> PyObject* {
            Py_RETURN_NONE;
          })),
      METH_VARARGS | METH_KEYWORDS, nullptr};
  return PyCFunction_New(&nothing, object);
}

// Where an interpreter can hold an object. Most CPythons drop them in this
// order when the interpreter ends.
enum class Place {
  kAtExit,  // a callback of atexit
  kSys,     // an attribute of sys
  kThread,  // the dict of the thread state
  kCodecs,  // what codecs.register() was given
  kDict,    // the interpreter's dict
  kCache,   // what a cache owns
  kAtFork,  // what os.register_at_fork() was given; dropped last
};
constexpr Place kPlaces[] = {Place::kAtExit, Place::kSys,  Place::kThread,
                             Place::kCodecs, Place::kDict, Place::kCache,
                             Place::kAtFork};

void CallWith(const char* module, const char* function, const char* keyword,
              PyObject* object) {
  PyObject* callable = CallableWith(object);
  PyObject* target = ImportAttr(module, function)();
  ASSERT_NE(target, nullptr);
  PyObject* args =
      keyword == nullptr ? PyTuple_Pack(1, callable) : PyTuple_New(0);
  PyObject* kwargs = nullptr;
  if (keyword != nullptr) {
    kwargs = PyDict_New();
    PyDict_SetItemString(kwargs, keyword, callable);
  }
  PyObject* result = PyObject_Call(target, args, kwargs);
  EXPECT_NE(result, nullptr);
  for (PyObject* done : {callable, target, args, kwargs, result}) {
    Py_XDECREF(done);
  }
}

// Puts the object there; steals the reference.
void Put(Place place, PyObject* object) {
  static std::atomic<int> number{0};
  const std::string name = "a test's " + std::to_string(++number);
  switch (place) {
    case Place::kAtExit:
      CallWith("atexit", "register", nullptr, object);
      break;
    case Place::kSys:
      ASSERT_EQ(PySys_SetObject(name.c_str(), object), 0);
      break;
    case Place::kThread:
      ASSERT_EQ(
          PyDict_SetItemString(PyThreadState_GetDict(), name.c_str(), object),
          0);
      break;
    case Place::kCodecs:
      CallWith("codecs", "register", nullptr, object);
      break;
    case Place::kDict:
      ASSERT_EQ(PyDict_SetItemString(
                    PyInterpreterState_GetDict(PyInterpreterState_Get()),
                    name.c_str(), object),
                0);
      break;
    case Place::kCache:
      static_cast<void>(Subject<SideTable>().get_or_create([object] {
        Py_INCREF(object);
        return object;
      }));
      break;
    case Place::kAtFork:
      CallWith("posix", "register_at_fork", "after_in_child", object);
      break;
  }
  Py_DECREF(object);
}

void RunScript(const char* script) { EXPECT_EQ(PyRun_SimpleString(script), 0); }

std::vector<SubInterpreter::Gil> Gils() {
#if PY_VERSION_HEX >= 0x030C0000
  return {SubInterpreter::kShared, SubInterpreter::kOwn};
#else
  return {SubInterpreter::kShared};
#endif
}

class Runtime : public cpython::Runtime {
 public:
  Runtime() { Memory::Install(); }
};

// Runs `live` in a sub-interpreter with a new life, then ends it.
void Live(SubInterpreter::Gil gil, const Function& live) {
  SubInterpreter sub(gil);
  In in(sub);
  Lives::Begin();
  live();
}

// The same for a runtime and its main interpreter.
void LiveARuntime(const Function& live) {
  Runtime runtime;
  Lives::Begin();
  live();
}

// Later interpreters, some of them at the same address.
void ExpectLaterOnesAreRight(SubInterpreter::Gil gil) {
  for (int i = 0; i < 2; ++i) {
    Live(gil, [] { EXPECT_TRUE(IsRightAndStays()); });
  }
}
void ExpectLaterRuntimesAreRight() {
  for (int i = 0; i < 2; ++i) {
    LiveARuntime([] { EXPECT_TRUE(IsRightAndStays()); });
  }
}

class EndsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { Memory::Install(); }
  void SetUp() override {
    Lives::Reset();
    g_late = g_late_and_wrong = 0;
  }
  void TearDown() override {
    EXPECT_EQ(g_late_and_wrong, 0) << "of " << g_late;
    EXPECT_EQ(Lives::died_elsewhere, 0);
    EXPECT_GT(Lives::came_back, 0) << "no address came back";
  }
};

// (S31) An interpreter's first lookup comes from an object that is among the
// last to die.
TEST_F(EndsTest, TheFirstLookupIsLate) {
  Runtime runtime;
  Lives::Begin();
  for (const SubInterpreter::Gil gil : Gils()) {
    for (const Place place : kPlaces) {
      SCOPED_TRACE(static_cast<int>(place));
      Live(gil, [&] { Put(place, CallsAtItsEnd(LookUpLate)); });
      ExpectLaterOnesAreRight(gil);
    }
  }
  EXPECT_TRUE(IsRightAndStays());
}

TEST_F(EndsTest, TheFirstLookupOfARuntimeIsLate) {
  for (const Place place :
       {Place::kSys, Place::kCodecs, Place::kDict, Place::kAtFork}) {
    SCOPED_TRACE(static_cast<int>(place));
    LiveARuntime([&] { Put(place, CallsAtItsEnd(LookUpLate)); });
    ExpectLaterRuntimesAreRight();
  }
}

// (S31) Late lookups from every place, with and without earlier ones.
TEST_F(EndsTest, LookupsUntilTheLast) {
  for (int life = 0; life < 2; ++life) {
    LiveARuntime([] {
      for (const SubInterpreter::Gil gil : Gils()) {
        for (int i = 0; i < 3; ++i) {
          Live(gil, [i] {
            if (i > 0) {
              EXPECT_TRUE(IsRightAndStays());
            }
            for (const Place place : kPlaces) {
              Put(place, CallsAtItsEnd(LookUpLate));
            }
          });
        }
        EXPECT_TRUE(IsRightAndStays());
      }
      for (const Place place : kPlaces) {
        Put(place, CallsAtItsEnd(LookUpLate));
      }
    });
  }
}

// An object that ends an interpreter as it dies.
PyObject* Ends(SubInterpreter* other) {
  return CallsAtItsEnd([other] { other->End(); });
}

// (S32) X's end ends Y, because X owns it; then X's last objects look up.
TEST_F(EndsTest, OneEndsAnotherWhileItEnds) {
  Runtime runtime;
  Lives::Begin();
  for (const SubInterpreter::Gil gil : Gils()) {
    for (const Place place : {Place::kSys, Place::kDict, Place::kCache}) {
      for (const bool y_looks_up : {false, true}) {
        SCOPED_TRACE(static_cast<int>(place));
        SubInterpreter y(gil);
        {
          In in(y);
          Lives::Begin();
          if (y_looks_up) {
            EXPECT_TRUE(IsRightAndStays());
          }
          Put(Place::kDict, CallsAtItsEnd(LookUpLate));
        }
        Live(gil, [&] {
          EXPECT_TRUE(IsRightAndStays());
          Put(place, Ends(&y));
          Put(Place::kAtFork, CallsAtItsEnd(LookUpLate));
        });
        EXPECT_EQ(y.state(), nullptr);
        ExpectLaterOnesAreRight(gil);
      }
    }
  }
  EXPECT_TRUE(IsRightAndStays());
}

// (S32) W's end ends X, whose end ends Y, whose end ends Z.
TEST_F(EndsTest, NestedEnds) {
  Runtime runtime;
  Lives::Begin();
  for (const SubInterpreter::Gil gil : Gils()) {
    for (const Place place : {Place::kDict, Place::kAtFork}) {
      SubInterpreter z(gil);
      SubInterpreter y(gil);
      SubInterpreter x(gil);
      const auto prepare = [place](SubInterpreter* sub, SubInterpreter* next) {
        In in(*sub);
        Lives::Begin();
        EXPECT_TRUE(IsRightAndStays());
        Put(Place::kAtFork, CallsAtItsEnd(LookUpLate));
        if (next != nullptr) Put(place, Ends(next));
        Put(Place::kAtFork, CallsAtItsEnd(LookUpLate));
      };
      prepare(&z, nullptr);
      prepare(&y, &z);
      prepare(&x, &y);
      Live(gil, [&] {
        EXPECT_TRUE(IsRightAndStays());
        Put(place, Ends(&x));
        Put(Place::kAtFork, CallsAtItsEnd(LookUpLate));
      });
      EXPECT_EQ(z.state(), nullptr);
      ExpectLaterOnesAreRight(gil);
    }
  }
}

// (S32) One interpreter's end ends a whole pool, from several places.
TEST_F(EndsTest, OneEndsSeveral) {
  Runtime runtime;
  Lives::Begin();
  for (const SubInterpreter::Gil gil : Gils()) {
    std::vector<std::unique_ptr<SubInterpreter>> workers;
    SubInterpreter pool(gil);
    for (const Place place :
         {Place::kSys, Place::kDict, Place::kDict, Place::kAtFork}) {
      workers.push_back(std::make_unique<SubInterpreter>(gil));
      {
        In in(*workers.back());
        Lives::Begin();
        EXPECT_TRUE(IsRightAndStays());
      }
      In in(pool);
      if (workers.size() == 1) Lives::Begin();
      Put(Place::kAtFork, CallsAtItsEnd(LookUpLate));
      Put(place, Ends(workers.back().get()));
      Put(place, CallsAtItsEnd(LookUpLate));
    }
    pool.End();
    for (const auto& worker : workers) EXPECT_EQ(worker->state(), nullptr);
    ExpectLaterOnesAreRight(gil);
  }
}

// (S32) While one interpreter ends, another begins, looks up and ends.
TEST_F(EndsTest, AnotherLivesWhileOneEnds) {
  Runtime runtime;
  Lives::Begin();
  for (const SubInterpreter::Gil gil : Gils()) {
    for (const Place place : {Place::kAtExit, Place::kSys}) {
      SCOPED_TRACE(static_cast<int>(place));
      Live(gil, [&] {
        EXPECT_TRUE(IsRightAndStays());
        Put(place, CallsAtItsEnd([gil] {
              Live(gil, [] { EXPECT_TRUE(IsRightAndStays()); });
            }));
        Put(Place::kAtFork, CallsAtItsEnd(LookUpLate));
      });
      ExpectLaterOnesAreRight(gil);
    }
  }
}

// Another thread attaches to the interpreter and looks up; waits for it.
void WaitForAThreadThatLooksUp(PyInterpreterState* interpreter) {
  PyThreadState* before = PyEval_SaveThread();
  std::thread([interpreter] {
    PyThreadState* state = PyThreadState_New(interpreter);
    PyEval_RestoreThread(state);
    LookUpLate();
    PyThreadState_Clear(state);
    PyThreadState_DeleteCurrent();
  }).join();
  PyEval_RestoreThread(before);
}

// (S33) While an interpreter ends, something waits for another thread that
// looks up there. From 3.12 on, no thread can attach after atexit's callbacks
// have run.
TEST_F(EndsTest, AThreadLooksUpWhileItsInterpreterEnds) {
  Runtime runtime;
  Lives::Begin();
#if PY_VERSION_HEX >= 0x030C0000
  const std::vector<Place> places = {Place::kAtExit};
#else
  const std::vector<Place> places = {Place::kAtExit, Place::kSys, Place::kDict,
                                     Place::kAtFork};
#endif
  for (const bool looked_up_before : {false, true}) {
    for (const Place place : places) {
      SCOPED_TRACE(static_cast<int>(place));
      Live(SubInterpreter::kShared, [&] {
        if (looked_up_before) {
          EXPECT_TRUE(IsRightAndStays());
        }
        PyInterpreterState* self = PyInterpreterState_Get();
        const auto wait = [self] { WaitForAThreadThatLooksUp(self); };
        if (place == Place::kAtExit) {
          // atexit's last callback drops the object.
          RunScript("import atexit\natexit.register(lambda: atexit._clear())");
        }
        Put(place, CallsAtItsEnd(wait));
        Put(Place::kAtFork, CallsAtItsEnd(LookUpLate));
      });
      ExpectLaterOnesAreRight(SubInterpreter::kShared);
    }
  }
  EXPECT_GT(g_late, 0);
}

// The current interpreter's dict.
PyObject* Dict() {
  return PyInterpreterState_GetDict(PyInterpreterState_Get());
}

// While it lives, this thread's allocations may leak: the tests keep objects
// for ever, and everything that belongs to them.
class LeaksOnPurpose {
 public:
#if defined(MULTISLOT_HAS_LSAN)
  LeaksOnPurpose() { __lsan_disable(); }
  ~LeaksOnPurpose() { __lsan_enable(); }
#else
  LeaksOnPurpose() {}
  ~LeaksOnPurpose() {}
#endif
};

// (S34) User code keeps the interpreter's dict for ever.
TEST_F(EndsTest, TheDictIsKept) {
  LeaksOnPurpose leaks;
  Runtime runtime;
  Lives::Begin();
  for (const SubInterpreter::Gil gil : Gils()) {
    for (const bool before_the_first_lookup : {false, true}) {
      for (int i = 0; i < 3; ++i) {
        Live(gil, [&] {
          if (before_the_first_lookup) Py_INCREF(Dict());
          EXPECT_TRUE(IsRightAndStays());
          if (!before_the_first_lookup) Py_INCREF(Dict());
          if (i == 1) Put(Place::kAtFork, CallsAtItsEnd(LookUpLate));
        });
        ExpectLaterOnesAreRight(gil);
      }
    }
  }
  EXPECT_TRUE(IsRightAndStays());
}

TEST_F(EndsTest, TheDictOfARuntimeIsKept) {
  LeaksOnPurpose leaks;
  for (int i = 0; i < 2; ++i) {
    LiveARuntime([i] {
      EXPECT_TRUE(IsRightAndStays());
      Py_INCREF(Dict());
      if (i == 1) Put(Place::kAtFork, CallsAtItsEnd(LookUpLate));
    });
    ExpectLaterRuntimesAreRight();
  }
}

// (S34) The same from Python: a list of all objects is never released.
TEST_F(EndsTest, AListOfAllObjectsIsKept) {
  LeaksOnPurpose leaks;
  const auto keep = [] {
    EXPECT_TRUE(IsRightAndStays());
    // With such a value in it, the garbage collector tracks the dict.
    Put(Place::kDict, PyList_New(0));
    PyObject* all = nullptr;
    PyObject* get_objects = ImportAttr("gc", "get_objects")();
    all = PyObject_CallObject(get_objects, nullptr);
    Py_DECREF(get_objects);
    ASSERT_NE(all, nullptr);  // never released
  };
  for (int i = 0; i < 2; ++i) {
    LiveARuntime([&] {
      Live(SubInterpreter::kShared, keep);
      ExpectLaterOnesAreRight(SubInterpreter::kShared);
      keep();
    });
  }
  ExpectLaterRuntimesAreRight();
}

// (S34) A later interpreter at the same address releases an ended one's dict.
TEST_F(EndsTest, TheDictIsReleasedByALaterOne) {
  Runtime runtime;
  Lives::Begin();
  PyObject* kept = nullptr;
  Live(SubInterpreter::kShared, [&] {
    EXPECT_TRUE(IsRightAndStays());
    kept = Dict();
    Py_INCREF(kept);
  });
  for (const bool looked_up_before : {false, true}) {
    Live(SubInterpreter::kShared, [&] {
      PyObject* object = nullptr;
      if (looked_up_before) object = g_roomy.get_or_create(Lives::Make);
      Py_CLEAR(kept);
      EXPECT_TRUE(IsRightAndStays());
      if (looked_up_before) {
        EXPECT_EQ(g_roomy.get_or_create(Lives::Make), object);
      }
      // The ended one's objects die here; not the cache's fault.
      Lives::died_elsewhere = 0;
      kept = Dict();
      Py_INCREF(kept);
    });
  }
  ExpectLaterOnesAreRight(SubInterpreter::kShared);
  Py_CLEAR(kept);
  Lives::died_elsewhere = 0;
  EXPECT_TRUE(IsRightAndStays());
}

// What user code may do so that an interpreter seems to be at its end, or seems
// not to be.
const char* const kForgeries[] = {
    "import sys; del sys.modules",
    "import sys; sys.modules = None",
    "import sys; sys.modules = {}",
    "import sys; sys.modules.clear()",
    "import atexit; atexit._clear()",
    "import atexit; atexit._run_exitfuncs()",
    "import sys; sys.modules['atexit'] = None",
    "import sys; sys.modules.pop('atexit', None); sys.meta_path = []\n"
    "sys.path = []",
    // Fake modules whose register() keeps its argument, drops it, raises, is
    // missing, calls it at once, or registers it twice.
    "import sys\n"
    "class Fake:\n"
    "  kept = []\n"
    "  register = kept.append\n"
    "sys.modules['atexit'] = Fake",
    "import sys\n"
    "class Fake:\n"
    "  register = lambda function, *args, **kwargs: function\n"
    "sys.modules['atexit'] = Fake",
    "import sys\n"
    "class Fake:\n"
    "  def register(*args, **kwargs): raise ValueError\n"
    "sys.modules['atexit'] = Fake",
    "import sys; sys.modules['atexit'] = object()",
    "import sys\n"
    "class Fake:\n"
    "  register = lambda function, *args, **kw: function(*args, **kw)\n"
    "sys.modules['atexit'] = Fake",
    "import sys, atexit\n"
    "real = atexit.register\n"
    "class Fake:\n"
    "  def register(*args, **kwargs):\n"
    "    real(*args, **kwargs); return real(*args, **kwargs)\n"
    "sys.modules['atexit'] = Fake",
    // Replaces register().
    "import atexit; atexit.register = lambda *args: 1 / 0",
    // Breaks imports.
    "import builtins; del builtins.__import__",
    "import builtins\n"
    "def refuse(*args, **kwargs): raise ImportError\n"
    "builtins.__import__ = refuse",
};

// Both before an interpreter's first lookup and between two lookups.
TEST_F(EndsTest, ForgedSigns) {
  Runtime runtime;
  Lives::Begin();
  EXPECT_TRUE(IsRightAndStays());
  for (const char* forgery : kForgeries) {
    SCOPED_TRACE(forgery);
    for (const bool looked_up_before : {false, true}) {
      const SubInterpreter::Gil gil =
          looked_up_before ? Gils().back() : SubInterpreter::kShared;
      Live(gil, [&] {
        Put(Place::kAtFork, CallsAtItsEnd(LookUpLate));
        if (looked_up_before) {
          EXPECT_TRUE(IsRightAndStays());
        }
        RunScript(forgery);
        EXPECT_TRUE(IsRight());
        EXPECT_EQ(PyErr_Occurred(), nullptr);
        if (looked_up_before) {
          EXPECT_TRUE(IsRight());
        }
      });
      Live(gil, [] { EXPECT_TRUE(IsRightAndStays()); });
    }
  }
  EXPECT_TRUE(IsRightAndStays());
}

// The same in runtimes. Skips what leaves CPython itself unable to end.
TEST_F(EndsTest, ForgedSignsInRuntimes) {
  for (const char* forgery : kForgeries) {
    if (std::strstr(forgery, "atexit") == nullptr &&
        std::strstr(forgery, "del sys.modules") == nullptr) {
      continue;
    }
    SCOPED_TRACE(forgery);
    LiveARuntime([&] {
      RunScript(forgery);
      EXPECT_TRUE(IsRight());
      EXPECT_TRUE(IsRight());
    });
    LiveARuntime([] { EXPECT_TRUE(IsRightAndStays()); });
  }
}

// A fake atexit.register() keeps callbacks beyond the interpreter's end. They
// are called in a later interpreter at the same address.
TEST_F(EndsTest, CallbacksThatAreCalledElsewhere) {
  Runtime runtime;
  Lives::Begin();
  PyObject* kept = nullptr;
  Live(SubInterpreter::kShared, [&] {
    RunScript(
        "import sys\n"
        "class Fake:\n"
        "  kept = []\n"
        "  def register(*args, **kwargs):\n"
        "    Fake.kept.append((args, kwargs))\n"
        "sys.modules['atexit'] = Fake\n"
        "sys.kept = Fake.kept");
    EXPECT_TRUE(IsRightAndStays());
    kept = PySys_GetObject("kept");
    Py_INCREF(kept);
  });
  const auto call_them = [&] {
    for (Py_ssize_t i = 0; i < PyList_Size(kept); ++i) {
      PyObject* args = PyTuple_GetItem(PyList_GetItem(kept, i), 0);
      PyObject* rest = PyTuple_GetSlice(args, 1, PyTuple_Size(args));
      PyObject* result = PyObject_Call(PyTuple_GetItem(args, 0), rest, nullptr);
      if (result == nullptr) PyErr_Clear();
      Py_XDECREF(result);
      Py_DECREF(rest);
    }
  };
  for (const bool looked_up_before : {false, true}) {
    Live(SubInterpreter::kShared, [&] {
      PyObject* object = nullptr;
      if (looked_up_before) object = g_roomy.get_or_create(Lives::Make);
      call_them();
      EXPECT_TRUE(IsRightAndStays());
      if (looked_up_before) {
        EXPECT_EQ(g_roomy.get_or_create(Lives::Make), object);
      }
      Put(Place::kAtFork, CallsAtItsEnd(LookUpLate));
    });
    ExpectLaterOnesAreRight(SubInterpreter::kShared);
  }
  call_them();  // in the main interpreter
  EXPECT_TRUE(IsRightAndStays());
}

// User code clears the interpreter's dict. Cached objects may be gone then, but
// the next lookups are right.
TEST_F(EndsTest, TheDictIsCleared) {
  Runtime runtime;
  Lives::Begin();
  for (const SubInterpreter::Gil gil : Gils()) {
    for (const bool by_threads_too : {false, true}) {
      Live(gil, [&] {
        PyInterpreterState* self = PyInterpreterState_Get();
        EXPECT_TRUE(IsRightAndStays());
        PyDict_Clear(Dict());
        EXPECT_TRUE(IsRight());
        if (by_threads_too) {
          WaitForAThreadThatLooksUp(self);
          EXPECT_TRUE(IsRight());
          PyDict_Clear(Dict());
          EXPECT_TRUE(IsRight());
        }
        Put(Place::kAtFork, CallsAtItsEnd(LookUpLate));
      });
      ExpectLaterOnesAreRight(gil);
    }
  }
  EXPECT_TRUE(IsRightAndStays());
}

// User code overwrites every value in the interpreter's dict.
TEST_F(EndsTest, TheDictIsOverwritten) {
  Runtime runtime;
  Lives::Begin();
  for (int i = 0; i < 2; ++i) {
    Live(SubInterpreter::kShared, [&] {
      EXPECT_TRUE(IsRightAndStays());
      PyObject* keys = PyDict_Keys(Dict());
      for (Py_ssize_t j = 0; j < PyList_Size(keys); ++j) {
        ASSERT_EQ(PyDict_SetItem(Dict(), PyList_GetItem(keys, j), Py_None), 0);
      }
      Py_DECREF(keys);
      EXPECT_TRUE(IsRight());
      WaitForAThreadThatLooksUp(PyInterpreterState_Get());
      EXPECT_TRUE(IsRight());
      Put(Place::kAtFork, CallsAtItsEnd(LookUpLate));
    });
    ExpectLaterOnesAreRight(SubInterpreter::kShared);
  }
}

// make() ends another interpreter and makes a new one.
TEST_F(EndsTest, MakeEndsAndMakesInterpreters) {
  Runtime runtime;
  Lives::Begin();
  for (const SubInterpreter::Gil gil : Gils()) {
    Subject<FixedSlots<2>> cache;
    SubInterpreter old(gil);
    {
      In in(old);
      Lives::Begin();
      EXPECT_TRUE(Lives::IsOwn(cache.get_or_create(Lives::Make)));
    }
    PyObject* object = cache.get_or_create([&] {
      old.End();
      Live(gil, [&] {
        EXPECT_TRUE(Lives::IsOwn(cache.get_or_create(Lives::Make)));
        EXPECT_TRUE(IsRightAndStays());
      });
      return Lives::Make();
    });
    EXPECT_TRUE(Lives::IsOwn(object));
    EXPECT_EQ(cache.get_or_create(Lives::Make), object);
    Live(gil,
         [&] { EXPECT_TRUE(Lives::IsOwn(cache.get_or_create(Lives::Make))); });
  }
}

// The loser's object ends an interpreter and looks up as it is released.
TEST_F(EndsTest, TheLosersEndIsAnothersToo) {
  Runtime runtime;
  Lives::Begin();
  Subject<SideTable> cache;
  SubInterpreter other;
  {
    In in(other);
    Lives::Begin();
    EXPECT_TRUE(IsRightAndStays());
  }
  PyObject* inner = nullptr;
  PyObject* outer = cache.get_or_create([&] {
    inner = cache.get_or_create(Lives::Make);
    return CallsAtItsEnd([&] {
      other.End();
      Live(SubInterpreter::kShared, [] { EXPECT_TRUE(IsRightAndStays()); });
      LookUpLate();
      EXPECT_EQ(cache.get_or_create(Lives::Make), inner);
    });
  });
  EXPECT_EQ(outer, inner);
  EXPECT_EQ(other.state(), nullptr);
  ExpectLaterOnesAreRight(SubInterpreter::kShared);
}

// make() does what user code may do to the interpreter.
TEST_F(EndsTest, ForgedSignsInMake) {
  Runtime runtime;
  Lives::Begin();
  for (const char* forgery : kForgeries) {
    SCOPED_TRACE(forgery);
    Live(SubInterpreter::kShared, [&] {
      Put(Place::kAtFork, CallsAtItsEnd(LookUpLate));
      const auto make = [&] {
        RunScript(forgery);
        return Lives::Make();
      };
      EXPECT_TRUE(Lives::IsOwn(g_roomy.get_or_create(make)));
      EXPECT_TRUE(IsRight());
      EXPECT_TRUE(Lives::IsOwn(g_tight.get_or_create([] {
        PyDict_Clear(Dict());
        return Lives::Make();
      })));
      EXPECT_TRUE(IsRight());
    });
    Live(SubInterpreter::kShared, [] { EXPECT_TRUE(IsRightAndStays()); });
  }
}

// User code copies everything from one interpreter's dict to another's.
TEST_F(EndsTest, TheDictIsCopied) {
  Runtime runtime;
  Lives::Begin();
  EXPECT_TRUE(IsRightAndStays());
  PyObject* kept = nullptr;
  // From a live interpreter, then from one that has ended.
  Live(SubInterpreter::kShared, [&] {
    EXPECT_TRUE(IsRightAndStays());
    kept = PyDict_Copy(Dict());
    for (const bool looked_up_before : {false, true}) {
      Live(SubInterpreter::kShared, [&] {
        if (looked_up_before) {
          EXPECT_TRUE(IsRightAndStays());
        }
        EXPECT_EQ(PyDict_Update(Dict(), kept), 0);
        EXPECT_TRUE(IsRight());
      });
      EXPECT_TRUE(IsRightAndStays());
    }
  });
  for (int i = 0; i < 2; ++i) {
    Live(SubInterpreter::kShared, [&] {
      EXPECT_EQ(PyDict_Update(Dict(), kept), 0);
      EXPECT_TRUE(IsRight());
      EXPECT_TRUE(IsRight());
    });
  }
  Py_CLEAR(kept);
  Lives::died_elsewhere = 0;  // not the cache's fault
  ExpectLaterOnesAreRight(SubInterpreter::kShared);
  EXPECT_TRUE(IsRightAndStays());
}

// An interpreter keeps its objects until its dict is cleared, even after
// atexit's callbacks have run and while its modules go.
TEST_F(EndsTest, ItKeepsItsObjectsUntilItsDictGoes) {
  static PyObject* roomy;
  static PyObject* tight;
  static int lookups;
  static int others;
  const auto compare = [] {
    ++lookups;
    others += g_roomy.get_or_create(Lives::Make) != roomy;
    others += g_tight.get_or_create(Lives::Make) != tight;
  };
  const auto live = [&] {
    lookups = others = 0;
    EXPECT_TRUE(IsRightAndStays());
    roomy = g_roomy.get_or_create(Lives::Make);
    tight = g_tight.get_or_create(Lives::Make);
    RunScript("import atexit; atexit.register(atexit._clear)");
    for (const Place place : {Place::kAtExit, Place::kSys}) {
      Put(place, CallsAtItsEnd(compare));
    }
    RunScript("import atexit; atexit.register(print, end='')");
  };
  for (int i = 0; i < 2; ++i) {
    LiveARuntime([&] {
      for (const SubInterpreter::Gil gil : Gils()) {
        Live(gil, live);
        EXPECT_EQ(lookups, 2);
        EXPECT_EQ(others, 0);
      }
      live();
    });
    EXPECT_EQ(lookups, 2);
    EXPECT_EQ(others, 0);
  }
}

// An interpreter is ended by another thread than the one that looked up there.
TEST_F(EndsTest, AnotherThreadEndsThem) {
  Runtime runtime;
  Lives::Begin();
  for (const bool looked_up_before : {false, true}) {
    for (int i = 0; i < 3; ++i) {
      PyThreadState* state;
      {
        PyThreadState* before = PyThreadState_Get();
        state = Py_NewInterpreter();
        ASSERT_NE(state, nullptr);
        Lives::Begin();
        if (looked_up_before) {
          EXPECT_TRUE(IsRightAndStays());
        }
        Put(Place::kAtFork, CallsAtItsEnd(LookUpLate));
        PyThreadState_Swap(before);
      }
      PyThreadState* before = PyEval_SaveThread();
      std::thread([state] {
        PyEval_RestoreThread(state);
        Py_EndInterpreter(state);
#if PY_VERSION_HEX < 0x030C0000
        // It leaves the thread the GIL but no thread state to release it with.
        PyThreadState* main = PyThreadState_New(PyInterpreterState_Main());
        PyThreadState_Swap(main);
        PyThreadState_Clear(main);
        PyThreadState_DeleteCurrent();
#endif
      }).join();
      PyEval_RestoreThread(before);
      ExpectLaterOnesAreRight(SubInterpreter::kShared);
    }
  }
}

// Each runtime is in its own thread.
TEST_F(EndsTest, EachRuntimeInAThreadOfItsOwn) {
  for (int i = 0; i < 4; ++i) {
    std::thread([i] {
      LiveARuntime([i] {
        if (i % 2 == 0) {
          EXPECT_TRUE(IsRightAndStays());
        }
        Put(Place::kAtFork, CallsAtItsEnd(LookUpLate));
        Live(SubInterpreter::kShared, [] { EXPECT_TRUE(IsRightAndStays()); });
      });
    }).join();
  }
}

#if PY_VERSION_HEX >= 0x030C0000

// Each thread has interpreters with their own GIL, one after the other. They
// get the memory of other threads' interpreters.
TEST_F(EndsTest, LivesInParallel) {
  Runtime runtime;
  Lives::Begin();
  EXPECT_TRUE(IsRightAndStays());
  PyThreadState* before = PyEval_SaveThread();
  std::mutex beginning;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&beginning] {
      for (int life = 0; life < 8; ++life) {
        PyInterpreterConfig config = {};
        config.check_multi_interp_extensions = 1;
        config.gil = PyInterpreterConfig_OWN_GIL;
        PyThreadState* state;
        {
          // Starting one sorts a table that all interpreters share.
          std::lock_guard<std::mutex> lock(beginning);
          ASSERT_FALSE(
              PyStatus_Exception(Py_NewInterpreterFromConfig(&state, &config)));
        }
        Lives::Begin();
        if (life % 3 != 0) {
          EXPECT_TRUE(IsRightAndStays());
        }
        if (life % 3 != 1) {
          Put(Place::kSys, CallsAtItsEnd(LookUpLate));
          Put(Place::kAtFork, CallsAtItsEnd(LookUpLate));
        }
        Py_EndInterpreter(state);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  PyEval_RestoreThread(before);
  EXPECT_TRUE(IsRightAndStays());
}

#endif  // PY_VERSION_HEX >= 0x030C0000

// Ctrl-C or an asynchronous exception arrives just before a first lookup, which
// may run Python code. It must not be lost.
TEST_F(EndsTest, InterruptsAreNotLost) {
  const auto is_delivered = [](PyObject* object) {
    if (object != nullptr) {
      EXPECT_TRUE(Lives::IsOwn(object));
      EXPECT_EQ(PyErr_Occurred(), nullptr);
      PyObject* globals = PyDict_New();
      PyObject* result = PyRun_String("for i in [1, 2, 3]: pass", Py_file_input,
                                      globals, globals);
      Py_DECREF(globals);
      if (result != nullptr) {
        Py_DECREF(result);
        return false;
      }
    }
    const bool is = PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) != 0;
    PyErr_Clear();
    return is;
  };
  for (int i = 0; i < 2; ++i) {
    LiveARuntime([&] {
      RunScript(
          "import signal\n"
          "signal.signal(signal.SIGINT, signal.default_int_handler)");
      PyErr_SetInterrupt();
      EXPECT_TRUE(is_delivered(g_roomy.get_or_create(Lives::Make)));
      EXPECT_TRUE(IsRightAndStays());
    });
    LiveARuntime([&] {
      RunScript("import _thread; me = _thread.get_ident()");
      PyObject* me = ImportAttr("__main__", "me")();
      EXPECT_EQ(PyThreadState_SetAsyncExc(PyLong_AsUnsignedLong(me),
                                          PyExc_KeyboardInterrupt),
                1);
      Py_DECREF(me);
      EXPECT_TRUE(is_delivered(g_tight.get_or_create(Lives::Make)));
      EXPECT_TRUE(IsRightAndStays());
    });
  }
  Lives::came_back = 1;
}

// Memory runs out during a first lookup: null, or the right object.
TEST_F(EndsTest, OutOfMemory) {
  Runtime runtime;
  Lives::Begin();
  int unproven = 0;
  for (int i = 0; i < 40; ++i) {
    SCOPED_TRACE(i);
    Live(SubInterpreter::kShared, [&] {
      // The adapter imports it. CPython 3.12.1 and 3.13.0 crash by themselves
      // if memory runs out during an import in a sub-interpreter.
      RunScript("import atexit");
      Memory::FailAfter(i);
      PyObject* object = g_roomy.get_or_create(Lives::Make);
      Memory::FailAfter(-1);
      if (object == nullptr) {
        EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_MemoryError));
        PyErr_Clear();
      } else {
        EXPECT_TRUE(Lives::IsOwn(object));
        EXPECT_EQ(PyErr_Occurred(), nullptr);
      }
      // Later lookups prove its address, for which they leave a sign in sys.
      for (int later = 0; later < 4; ++later) EXPECT_TRUE(IsRightAndStays());
      RunScript(
          "import sys\n"
          "proven = any(name.startswith('multislot.') for name in vars(sys))");
      PyObject* proven = ImportAttr("__main__", "proven")();
      if (proven != Py_True) ++unproven;
      Py_DECREF(proven);
    });
  }
  // The one whose sign was made, and died because sys could not take it.
  EXPECT_LE(unproven, 1);
  ExpectLaterOnesAreRight(SubInterpreter::kShared);
}

// Memory runs out while the record is made. What is left of it must not make
// later lookups ask for the dict of an ended interpreter: CPython would make a
// new one, which nobody would free.
TEST_F(EndsTest, OutOfMemoryLeavesNothingToLookFor) {
  static long calls;
  Runtime runtime;
  Lives::Begin();
  const auto late_calls = [](int allocations, bool* has_record) {
    calls = -1;
    Live(SubInterpreter::kShared, [&] {
      RunScript("import atexit");
      Put(Place::kAtFork, CallsAtItsEnd([] {
            const long before = Memory::calls();
            EXPECT_EQ(CurrentInterpreter(), nullptr);
            calls = Memory::calls() - before;
          }));
      if (allocations < 0) return;
      Memory::FailAfter(allocations);
      *has_record = CurrentInterpreter() != nullptr;
      Memory::FailAfter(-1);
    });
    return calls;
  };
  const long without_a_lookup = late_calls(-1, nullptr);
  EXPECT_GE(without_a_lookup, 0);
  int failed = 0;
  for (int i = 0; i < 20; ++i) {
    SCOPED_TRACE(i);
    bool has_record = false;
    EXPECT_EQ(late_calls(i, &has_record), without_a_lookup);
    if (!has_record) ++failed;
  }
  EXPECT_GT(failed, 0);
}

// Objects of the cache die with the dict. Their lookups look only whether sys
// has modules: if they asked for the dict, CPython would make a new one.
TEST(EndsDeathTest, ObjectsDieWithTheDictAndLookUp) {
  // In a new process: where an earlier interpreter's dict was kept, a lookup in
  // another one at the same address asks for the dict.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  static const Subject<SideTable> cache;
  static int looked_up = 0;
  const auto dies = [] {
    const long first = Memory::calls();
    PySys_GetObject("modules");
    const long second = Memory::calls();
    EXPECT_EQ(CurrentInterpreter(), nullptr);
    EXPECT_EQ(Memory::calls() - second, second - first);
    ++looked_up;
  };
  const auto live = [&] {
    {
      Runtime runtime;
      Lives::Begin();
      Live(SubInterpreter::kShared, [&] {
        EXPECT_NE(cache.get_or_create([&] { return CallsAtItsEnd(dies); }),
                  nullptr);
      });
    }
    std::exit(looked_up != 1 || ::testing::Test::HasFailure());
  };
  EXPECT_EXIT(live(), ::testing::ExitedWithCode(0), "");
}

// (S39) A thread switches between interpreters, few or many. A hit after a
// switch allocates nothing. The control only switches.
TEST_F(EndsTest, AHitAfterASwitchAllocatesNothing) {
  Runtime runtime;
  Lives::Begin();
  for (const int count : {1, 20}) {
    const Subject<FixedSlots<32>> cache;
    Lives::Reset();
    std::vector<std::unique_ptr<SubInterpreter>> subs;
    for (int i = 0; i < count; ++i) {
      subs.push_back(std::make_unique<SubInterpreter>());
      In in(*subs.back());
      Lives::Begin();
    }
    const auto switch_and = [&](auto use) {
      const long before = Memory::calls();
      for (int i = 0; i < 20; ++i) {
        for (const auto& sub : subs) {
          In in(*sub);
          use();
        }
        use();
      }
      return Memory::calls() - before;
    };
    const auto hit = [&] {
      static_cast<void>(cache.get_or_create(Lives::Make));
    };
    switch_and(hit);
    const long control = switch_and([] {});
    EXPECT_EQ(switch_and(hit), control);
    EXPECT_EQ(Lives::made, count + 1);
    // One of them ends; others begin.
    subs[0]->End();
    ExpectLaterOnesAreRight(SubInterpreter::kShared);
    for (const auto& sub : subs) {
      if (sub->state() == nullptr) continue;
      In in(*sub);
      EXPECT_TRUE(Lives::IsOwn(cache.get_or_create(Lives::Make)));
    }
  }
}

// (S40) A cached object's __del__ uses builtins, which may be gone when it
// runs. The object is still released once, in its interpreter, and its error is
// dropped.
TEST_F(EndsTest, ADelThatUsesBuiltins) {
  static std::atomic<int> here{0};
  static std::atomic<int> elsewhere{0};
  static PyMethodDef note = {"note",
                             [](PyObject* self, PyObject*) -> PyObject* {
                               const auto life =
                                   reinterpret_cast<std::intptr_t>(
                                       PyCapsule_GetPointer(self, nullptr));
                               ++(life == Lives::Now() ? here : elsewhere);
                               Py_RETURN_NONE;
                             },
                             METH_NOARGS, nullptr};
  const auto live = [] {
    PyObject* self = PyCapsule_New(
        reinterpret_cast<void*>(std::intptr_t{Lives::Now()}), nullptr, nullptr);
    PyObject* function = PyCFunction_New(&note, self);
    ASSERT_EQ(PySys_SetObject("note", function), 0);
    Py_DECREF(self);
    Py_DECREF(function);
    RunScript(
        "import sys\n"
        "class OneWithADel:\n"
        "  def __del__(self, note=sys.note):\n"
        "    note()\n"
        "    print(len([1]), end='')\n"
        "    sorted(sys.modules)\n"
        "    import json\n");
    PyObject* main = PyImport_AddModule("__main__");
    Subject<SideTable> cache;
    PyObject* owned = cache.get_or_create(
        [main] { return PyObject_CallMethod(main, "OneWithADel", nullptr); });
    ASSERT_NE(owned, nullptr);
    EXPECT_EQ(cache.get_or_create(Lives::Make), owned);
  };
  for (int i = 0; i < 2; ++i) {
    here = 0;
    LiveARuntime([&] {
      for (const SubInterpreter::Gil gil : Gils()) {
        here = 0;
        Live(gil, live);
        EXPECT_EQ(here, 1);
      }
      here = 0;
      live();
      EXPECT_EQ(here, 0);
    });
    EXPECT_EQ(here, 1);
  }
  EXPECT_EQ(elsewhere, 0);
}

// (S41) Objects of short-lived caches stay with the interpreter, which releases
// them at its end.
TEST_F(EndsTest, ShortLivedCaches) {
  constexpr int kCaches = 1000;
  for (int i = 0; i < 2; ++i) {
    LiveARuntime([&] {
      Live(SubInterpreter::kShared, [&] {
        Lives::Reset();
        for (int j = 0; j < kCaches; ++j) {
          Subject<FixedSlots<2>> cache;
          PyObject* object = cache.get_or_create(Lives::Make);
          EXPECT_TRUE(Lives::IsOwn(object));
          EXPECT_EQ(cache.get_or_create(Lives::Make), object);
          EXPECT_EQ(Py_REFCNT(object), 1);
        }
        EXPECT_EQ(Lives::made, kCaches);
        EXPECT_EQ(Lives::died, 0);
      });
      EXPECT_EQ(Lives::died, kCaches);
    });
  }
  Lives::came_back = 1;
}

}  // namespace
}  // namespace cpython
}  // namespace multislot
