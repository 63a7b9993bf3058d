// The adapter in a real CPython with several threads. (Sn) is the number of a
// scenario in docs/scenarios.md. From CPython 3.12 on the sub-interpreters here
// have their own GILs and run in parallel. Under a shared GIL, threads
// interleave only where one releases it; in a free-threaded build, everywhere.

#include <Python.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/barrier.h"
#include "gtest/gtest.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/import_attr.h"
#include "multislot/fixed_slots.h"
#include "multislot/side_table.h"
#include "tests/cpython/attached.h"
#include "tests/cpython/embedded.h"
#include "tests/cpython/subject.h"

namespace multislot {
namespace cpython {
namespace {

std::atomic<int> g_made{0};
std::atomic<int> g_died{0};
std::atomic<int> g_died_elsewhere{0};

// An object that knows its interpreter, and tells if it dies in another.
PyObject* Make() {
  ++g_made;
  return PyCapsule_New(PyInterpreterState_Get(), nullptr, [](PyObject* self) {
    ++g_died;
    if (PyCapsule_GetPointer(self, nullptr) != PyInterpreterState_Get()) {
      ++g_died_elsewhere;
    }
  });
}

void* OwnerOf(PyObject* object) {
  return PyCapsule_GetPointer(object, nullptr);
}

class ThreadsTest : public ::testing::Test {
 protected:
  void SetUp() override { g_made = g_died = g_died_elsewhere = 0; }
  void TearDown() override {
    EXPECT_EQ(g_died, g_made);
    EXPECT_EQ(g_died_elsewhere, 0);  // (S10)
  }
};

// What Python code does now and then. Without a GIL it stops when CPython stops
// the world; with one, it hands the GIL to waiting threads. They need time to
// wake up. If this thread only yielded, it would often have the GIL again
// before, and some tests would take a minute.
void LetOthersRun() {
  ASSERT_EQ(PyRun_SimpleString("pass"), 0);
  PyThreadState* state = PyEval_SaveThread();
  std::this_thread::sleep_for(std::chrono::microseconds(100));
  PyEval_RestoreThread(state);
}

// (S1, S4, S14) All threads are in make() before one has made its object.
TEST_F(ThreadsTest, ThreadsOfOneInterpreterAllGetOneObject) {
  constexpr std::size_t kThreads = 8;
  Runtime runtime;
  for (int round = 0; round < 20; ++round) {
    Subject<SideTable> cache;
    auto* barrier = new absl::Barrier(kThreads);
    std::vector<PyObject*> got(kThreads);
    const int made = g_made;
    const int died = g_died;
    RunAttached(PyInterpreterState_Get(), kThreads, [&](std::size_t i) {
      got[i] = cache.get_or_create([&] {
        Py_BEGIN_ALLOW_THREADS;
        if (barrier->Block()) delete barrier;
        Py_END_ALLOW_THREADS;
        return Make();
      });
    });
    EXPECT_EQ(OwnerOf(got[0]), PyInterpreterState_Get());
    EXPECT_EQ(std::count(got.begin(), got.end(), got[0]),
              std::ptrdiff_t{kThreads});
    EXPECT_EQ(g_made - made, int{kThreads});
    EXPECT_EQ(g_died - died, int{kThreads} - 1);
    EXPECT_EQ(Py_REFCNT(got[0]), 1);
  }
}

// (S4) Threads only hit an object, and read what make() wrote into it. The
// lookup alone must make that visible. ThreadSanitizer reports if it does not,
// in a free-threaded CPython built with it.
template <typename Policy>
void ReadWhatMakeWrote() {
  constexpr std::size_t kReaders = 3;
  constexpr std::size_t kCaches = 300;
  struct Payload {
    std::size_t numbers[4];
  };
  static std::atomic<int> died;
  died = 0;
  {
    Runtime runtime;
    std::vector<Subject<Policy>> caches(kCaches);
    std::atomic<int> wrong{0};
    RunAttached(PyInterpreterState_Get(), kReaders + 1, [&](std::size_t i) {
      for (std::size_t j = 0; j < kCaches; ++j) {
        if (i == kReaders) {
          ASSERT_NE(caches[j].get_or_create([j] {
            return PyCapsule_New(new Payload{{j, j + 1, j + 2, j + 3}}, nullptr,
                                 [](PyObject* self) {
                                   ++died;
                                   delete static_cast<Payload*>(
                                       PyCapsule_GetPointer(self, nullptr));
                                 });
          }),
                    nullptr);
          // Gives the readers time to reach this cache.
          if (j % 20 == 0) LetOthersRun();
          continue;
        }
        PyObject* object;
        while ((object = caches[j].peek()) == nullptr) LetOthersRun();
        const auto* payload =
            static_cast<Payload*>(PyCapsule_GetPointer(object, nullptr));
        for (std::size_t k = 0; k < 4; ++k) {
          if (payload->numbers[k] != j + k) ++wrong;
        }
      }
    });
    EXPECT_EQ(wrong, 0);
  }
  EXPECT_EQ(died, int{kCaches});
}

TEST_F(ThreadsTest, AHitSeesWhatMakeWroteThroughTheTable) {
  ReadWhatMakeWrote<SideTable>();
}
TEST_F(ThreadsTest, AHitSeesWhatMakeWroteThroughSlots) {
  ReadWhatMakeWrote<FixedSlots<2>>();
}

// (S15) Every thread's make() fails with its own error; then one retries.
TEST_F(ThreadsTest, AllFailAtOnce) {
  constexpr std::size_t kThreads = 8;
  Runtime runtime;
  Subject<SideTable> cache;
  auto* barrier = new absl::Barrier(kThreads);
  RunAttached(PyInterpreterState_Get(), kThreads, [&](std::size_t i) {
    const std::string message = std::to_string(i);
    EXPECT_EQ(cache.get_or_create([&]() -> PyObject* {
      Py_BEGIN_ALLOW_THREADS;
      if (barrier->Block()) delete barrier;
      Py_END_ALLOW_THREADS;
      PyErr_SetString(PyExc_ValueError, message.c_str());
      return nullptr;
    }),
              nullptr);
    ASSERT_TRUE(PyErr_ExceptionMatches(PyExc_ValueError));
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject* text = PyObject_Str(value);
    EXPECT_EQ(message, PyUnicode_AsUTF8(text));
    for (PyObject* object : {type, value, traceback, text}) Py_XDECREF(object);
  });
  EXPECT_EQ(OwnerOf(cache.get_or_create(Make)), PyInterpreterState_Get());
}

// (S8, S9) Interpreters fill and hit the same caches at the same time. Some
// caches have fewer slots than there are interpreters.
TEST_F(ThreadsTest, InterpretersShareCaches) {
  constexpr std::size_t kInterpreters = 8;
  constexpr std::size_t kCaches = 50;
  Runtime runtime;
  std::vector<Subject<FixedSlots<9>>> roomy(kCaches);
  std::vector<Subject<FixedSlots<3>>> tight(kCaches);
  std::vector<std::unique_ptr<SubInterpreter>> subs;
  for (std::size_t i = 0; i < kInterpreters; ++i) {
    subs.push_back(std::make_unique<SubInterpreter>(SubInterpreter::kOwn));
  }
  PyThreadState* before = PyEval_SaveThread();
  auto* barrier = new absl::Barrier(kInterpreters);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (auto& sub : subs) {
    threads.emplace_back([&, state = sub->state()] {
      if (barrier->Block()) delete barrier;
      PyEval_RestoreThread(state);
      std::vector<PyObject*> first(kCaches);
      for (int round = 0; round < 20; ++round) {
        for (std::size_t i = 0; i < kCaches; ++i) {
          PyObject* handle = roomy[i].get_or_create(Make);
          if (round == 0) first[i] = handle;
          if (handle != first[i] ||
              OwnerOf(handle) != PyInterpreterState_Get() ||
              OwnerOf(tight[i].get_or_create(Make)) !=
                  PyInterpreterState_Get()) {
            ++wrong;
          }
        }
      }
      PyEval_SaveThread();
    });
  }
  for (std::thread& thread : threads) thread.join();
  PyEval_RestoreThread(before);
  EXPECT_EQ(wrong, 0);
}

// (S11) make() imports, which takes import locks and releases the GIL, while
// other threads want the same object.
TEST_F(ThreadsTest, MakeImportsWhileOthersWantTheSame) {
  Runtime runtime;
  for (const char* module : {"json", "string", "textwrap", "bisect"}) {
    Subject<FixedSlots<2>> cache;
    std::vector<PyObject*> got(4);
    RunAttached(PyInterpreterState_Get(), got.size(), [&](std::size_t i) {
      got[i] = cache.get_or_create(ImportAttr(module, "__dict__"));
    });
    ASSERT_NE(got[0], nullptr);
    EXPECT_EQ(std::count(got.begin(), got.end(), got[0]), 4);
  }
}

// (S26) A thread from outside looks up for the interpreter of its current
// thread state; with PyGILState that is the main one.
TEST_F(ThreadsTest, CallbackThreadsAreWhereTheirThreadStateIs) {
  Runtime runtime;
  Subject<SideTable> cache;
  PyObject* main = cache.get_or_create(Make);
  SubInterpreter sub;
  PyObject* subs;
  {
    In in(sub);
    subs = cache.get_or_create(Make);
  }
  PyThreadState* before = PyEval_SaveThread();
  std::thread([&] {
    PyGILState_STATE state = PyGILState_Ensure();
    EXPECT_EQ(cache.get_or_create(Make), main);
    PyGILState_Release(state);
  }).join();
  PyEval_RestoreThread(before);
  RunAttached(sub.interpreter(), 1,
              [&](std::size_t) { EXPECT_EQ(cache.get_or_create(Make), subs); });
  EXPECT_EQ(g_made, 2);
}

// (S5, S22) One thread starts, uses and ends sub-interpreters while another
// hits in the main interpreter.
TEST_F(ThreadsTest, HitsGoOnWhileInterpretersComeAndGo) {
  Runtime runtime;
  Subject<FixedSlots<2>> cache;
  PyObject* main = cache.get_or_create(Make);
  std::atomic<bool> done{false};
  std::atomic<int> rounds{0};  // of hits
  std::atomic<int> wrong{0};
  PyThreadState* before = PyEval_SaveThread();
  std::thread hitting([&, interpreter = PyThreadState_GetInterpreter(before)] {
    PyThreadState* state = PyThreadState_New(interpreter);
    PyEval_RestoreThread(state);
    while (!done) {
      for (int i = 0; i < 1000; ++i) {
        if (cache.get_or_create(Make) != main) ++wrong;
      }
      ++rounds;
      LetOthersRun();
    }
    PyThreadState_Clear(state);
    PyThreadState_DeleteCurrent();
  });
  PyEval_RestoreThread(before);
  for (int life = 0; life < 20; ++life) {
    SubInterpreter sub(SubInterpreter::kOwn);
    In in(sub);
    PyObject* handle = cache.get_or_create(Make);
    EXPECT_EQ(OwnerOf(handle), sub.interpreter());
    // There are hits in the middle of each life.
    const int rounds_before = rounds;
    while (rounds == rounds_before) LetOthersRun();
    EXPECT_EQ(cache.get_or_create(Make), handle);
  }
  done = true;
  before = PyEval_SaveThread();
  hitting.join();
  PyEval_RestoreThread(before);
  EXPECT_EQ(wrong, 0);
}

// (S12) Threads fill, which takes the one lock, while another thread keeps
// stopping the world, as every garbage collection does without a GIL.
TEST_F(ThreadsTest, FillsDoNotHoldUpGarbageCollections) {
  constexpr int kThreads = 3;
  constexpr int kCaches = 2000;
  Runtime runtime;
  using Caches = std::vector<Subject<FixedSlots<4>>>;
  std::atomic<int> filling{kThreads};
  std::vector<Caches> all;
  for (int i = 0; i < kThreads; ++i) all.emplace_back(kCaches);
  // One thread collects; the others fill.
  RunAttached(PyInterpreterState_Get(), kThreads + 1, [&](std::size_t i) {
    if (i == kThreads) {
      do {
        PyGC_Collect();
        LetOthersRun();
      } while (filling > 0);
      return;
    }
    for (int j = 0; j < kCaches; ++j) {
      EXPECT_EQ(OwnerOf(all[i][j].get_or_create(Make)),
                PyInterpreterState_Get());
      if (j % 50 == 0) LetOthersRun();
    }
    --filling;
  });
}

}  // namespace
}  // namespace cpython
}  // namespace multislot
