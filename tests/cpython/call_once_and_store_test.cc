// CallOnceAndStore has pybind11's member functions, calls fn() once, and lets
// no thread wait for ever.

#include "multislot/cpython/call_once_and_store.h"

#include <Python.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "absl/synchronization/barrier.h"
#include "gtest/gtest.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/import_attr.h"
#include "multislot/cpython/internal/once_gate.h"
#include "multislot/fixed_slots.h"
#include "multislot/side_table.h"
#include "tests/cpython/attached.h"
#include "tests/cpython/embedded.h"

namespace multislot {
namespace cpython {
namespace {

template <typename T>
using Storage = CallOnceAndStore<T, SideTable>;

static_assert(sizeof(Storage<std::string>) == 2 * sizeof(void*), "");
static_assert(std::is_trivially_destructible<Storage<std::string>>::value, "");
static_assert(!std::is_copy_constructible<Storage<std::string>>::value, "");
[[maybe_unused]] constexpr CallOnceAndStore<std::string> kConstantInitialised;

// Owns a reference and releases it in its destructor.
class Reference {
 public:
  explicit Reference(PyObject* object) : object_(object) {}
  ~Reference() { Py_XDECREF(object_); }
  Reference(const Reference&) = delete;
  Reference& operator=(const Reference&) = delete;
  PyObject* get() const { return object_; }

 private:
  PyObject* const object_;
};

// (Uses a pure-Python module: if `decimal` is imported again after a restart,
// CPython 3.12 crashes, even without multislot.)
TEST(CallOnceAndStoreTest, AsPybind11UsersWriteIt) {
  int calls = 0;
  static Storage<Reference> storage;
  const auto get = [&calls]() -> PyObject* {
    return storage
        .call_once_and_store_result([&calls] {
          ++calls;
          return Reference(ImportAttr("string", "Template")());
        })
        .get_stored()
        .get();
  };
  for (int life = 1; life <= 3; ++life) {
    Runtime runtime;
    calls = 0;
    PyObject* main = get();
    ASSERT_NE(main, nullptr);
    EXPECT_EQ(get(), main);
    EXPECT_EQ(storage.get_stored().get(), main);
    EXPECT_EQ(calls, 1);
    SubInterpreter sub;
    {
      In in(sub);
      PyObject* subs = get();
      EXPECT_NE(subs, main);
      EXPECT_EQ(get(), subs);
    }
    EXPECT_EQ(calls, 2);
    EXPECT_EQ(get(), main);
  }
}

// T is constructed as T(fn()), even explicitly. It need not be movable.
TEST(CallOnceAndStoreTest, WhatFnMayReturn) {
  Runtime runtime;
  static Storage<std::string> text;
  EXPECT_EQ(text.call_once_and_store_result([] { return "abc"; }).get_stored(),
            "abc");
  static Storage<std::vector<int>> vector;
  EXPECT_EQ(
      vector.call_once_and_store_result([] { return 3; }).get_stored().size(),
      3u);
  static Storage<std::atomic<int>> atomic;
  EXPECT_EQ(atomic.call_once_and_store_result([] { return 4; }).get_stored(),
            4);
  static CallOnceAndStore<int, FixedSlots<1>> fixed;
  fixed.call_once_and_store_result([] { return 5; }).get_stored() = 6;
  EXPECT_EQ(fixed.get_stored(), 6);
}

std::vector<std::string> g_ended;
struct Ends {
  std::string name;
  ~Ends() { g_ended.push_back("~" + name); }
};
void Finalize(Ends& ends) { g_ended.push_back("finalize " + ends.name); }

// At the interpreter's end finalize() runs instead of the destructor, in the
// reverse order of making.
TEST(CallOnceAndStoreTest, Finalize) {
  g_ended.clear();
  static Storage<std::shared_ptr<Ends>> destroyed;
  static Storage<Ends> finalized;
  Runtime runtime;
  {
    SubInterpreter sub;
    In in(sub);
    destroyed.call_once_and_store_result(
        [] { return std::shared_ptr<Ends>(new Ends{"first"}); });
    finalized.call_once_and_store_result([] { return Ends{"second"}; },
                                         Finalize);
    EXPECT_EQ(g_ended, std::vector<std::string>{});
  }
  EXPECT_EQ(g_ended, (std::vector<std::string>{"finalize second", "~first"}));
}

// A T dies before what it was made from, though its own call began first.
TEST(CallOnceAndStoreTest, AValueGoesBeforeWhatItWasMadeFrom) {
  g_ended.clear();
  static Storage<Ends> part;
  static Storage<Ends> whole;
  Runtime runtime;
  {
    SubInterpreter sub;
    In in(sub);
    whole.call_once_and_store_result([] {
      part.call_once_and_store_result([] { return Ends{"part"}; });
      return Ends{"whole"};
    });
  }
  EXPECT_EQ(g_ended, (std::vector<std::string>{"~whole", "~part"}));
}

TEST(CallOnceAndStoreTest, AFailureIsPassedOnAndTriedAgain) {
  Runtime runtime;
  static Storage<std::string> storage;
  for (int i = 0; i < 2; ++i) {
    EXPECT_THROW(storage.call_once_and_store_result(
                     []() -> std::string { throw std::runtime_error("no"); }),
                 std::runtime_error);
  }
  EXPECT_EQ(
      storage.call_once_and_store_result([] { return "yes"; }).get_stored(),
      "yes");
}

// fn() sees no error that is pending, and does not lose it.
TEST(CallOnceAndStoreTest, AnErrorIsPending) {
  Runtime runtime;
  static Storage<std::string> storage;
  for (int i = 0; i < 2; ++i) {
    PyErr_SetString(PyExc_ValueError, "pending");
    EXPECT_EQ(storage
                  .call_once_and_store_result([] {
                    EXPECT_EQ(PyErr_Occurred(), nullptr);
                    return "made";
                  })
                  .get_stored(),
              "made");
    EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_ValueError));
    PyErr_Clear();
  }
}

// Misuse throws.
TEST(CallOnceAndStoreTest, WhereNothingIsStored) {
  static Storage<std::string> storage;
  EXPECT_THROW(static_cast<void>(storage.get_stored()), std::logic_error);
  Runtime runtime;
  EXPECT_THROW(static_cast<void>(storage.get_stored()), std::logic_error);
  storage.call_once_and_store_result([] { return "main"; });
  EXPECT_EQ(storage.get_stored(), "main");
  {
    SubInterpreter sub;
    In in(sub);
    EXPECT_THROW(static_cast<void>(storage.get_stored()), std::logic_error);
  }
  PyThreadState* state = PyEval_SaveThread();
  EXPECT_THROW(static_cast<void>(storage.get_stored()), std::logic_error);
  EXPECT_THROW(storage.call_once_and_store_result([] { return "nowhere"; }),
               std::logic_error);
  PyEval_RestoreThread(state);
  EXPECT_EQ(storage.get_stored(), "main");
}

// fn() calls its own storage again; the inner result is stored.
TEST(CallOnceAndStoreTest, FnRecurs) {
  Runtime runtime;
  static Storage<std::string> storage;
  EXPECT_EQ(storage
                .call_once_and_store_result([] {
                  EXPECT_EQ(
                      storage.call_once_and_store_result([] { return "inner"; })
                          .get_stored(),
                      "inner");
                  return "outer";
                })
                .get_stored(),
            "inner");
  EXPECT_EQ(storage.get_stored(), "inner");
}

// Late in the interpreter's end each call makes its own T, which get_stored()
// of that call returns.
TEST(CallOnceAndStoreTest, LateInAnInterpretersEnd) {
  static Storage<std::string> storage;
  static const HandleCache<SideTable> looks_up;
  static int late = 0;
  Runtime runtime;
  {
    SubInterpreter sub;
    In in(sub);
    static_cast<void>(looks_up.get_or_create([] {
      return PyCapsule_New(&late, nullptr, [](PyObject*) {
        for (const char* text : {"one", "two"}) {
          const auto stored = storage.call_once_and_store_result([text] {
            ++late;
            return text;
          });
          EXPECT_EQ(stored.get_stored(), text);
          EXPECT_THROW(static_cast<void>(storage.get_stored()),
                       std::logic_error);
        }
      });
    }));
    storage.call_once_and_store_result([] { return "in time"; });
    EXPECT_EQ(storage.get_stored(), "in time");
  }
  EXPECT_EQ(late, 2);
}

// When several threads want one T, one calls fn(), which releases the GIL for a
// while, and the others wait. In two interpreters at once.
TEST(CallOnceAndStoreTest, OneThreadOfEachInterpreterCallsIt) {
  constexpr std::size_t kThreads = 4;
  Runtime runtime;
  for (int round = 0; round < 10; ++round) {
    static Storage<std::string> storages[10];
    Storage<std::string>& storage = storages[round];
    std::atomic<int> calls{0};
    std::atomic<int> wrong{0};
    const auto use = [&](std::size_t) {
      const std::string& stored =
          storage
              .call_once_and_store_result([&] {
                Py_BEGIN_ALLOW_THREADS;
                std::this_thread::sleep_for(std::chrono::milliseconds(3));
                Py_END_ALLOW_THREADS;
                ++calls;
                return std::to_string(round);
              })
              .get_stored();
      if (stored != std::to_string(round)) ++wrong;
    };
    SubInterpreter sub(SubInterpreter::kOwn);
    std::thread in_the_other([&, interpreter = sub.interpreter()] {
      RunThreadsIn(interpreter, kThreads, use);
    });
    RunAttached(PyInterpreterState_Get(), kThreads, use);
    PyThreadState* before = PyEval_SaveThread();
    in_the_other.join();
    PyEval_RestoreThread(before);
    EXPECT_EQ(calls, 2);
    EXPECT_EQ(wrong, 0);
  }
}

// Two threads wait for each other. That can happen when one thread imports a
// module that uses the storage, and fn() imports that module.
TEST(OnceGateTest, NobodyWaitsForEver) {
  Runtime runtime;
  internal::OnceGate gates[2];
  absl::Barrier* const barrier = new absl::Barrier(2);
  const auto longest_wait = std::chrono::milliseconds(50);
  RunAttached(PyInterpreterState_Get(), 2, [&](std::size_t i) {
    const internal::OnceGate::Pass first(&gates[i], longest_wait);
    Py_BEGIN_ALLOW_THREADS;
    if (barrier->Block()) delete barrier;
    Py_END_ALLOW_THREADS;
    const internal::OnceGate::Pass second(&gates[1 - i], longest_wait);
  });
}

// A pass by the thread that is in the gate does not open it to others.
TEST(OnceGateTest, AnInnerPassLeavesItClosed) {
  Runtime runtime;
  internal::OnceGate gate;
  const auto longest_wait = std::chrono::milliseconds(50);
  const internal::OnceGate::Pass outer(&gate);
  { const internal::OnceGate::Pass inner(&gate); }
  RunAttached(PyInterpreterState_Get(), 1, [&](std::size_t) {
    const auto begin = std::chrono::steady_clock::now();
    { const internal::OnceGate::Pass other(&gate, longest_wait); }
    EXPECT_GE(std::chrono::steady_clock::now() - begin, longest_wait);
    // Nor does one that has waited long enough.
    const internal::OnceGate::Pass another(&gate, longest_wait);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 2 * longest_wait);
  });
}

// A fork while another thread is in fn(). The child does not wait for that
// thread, which it does not have.
TEST(CallOnceAndStoreTest, AForkDuringFn) {
  Runtime runtime;
  static Storage<std::string> storage;
  // The other thread must not allocate while this one forks: ThreadSanitizer's
  // allocator would stay locked in the child.
  std::atomic<bool> in_fn{false}, forked{false};
  const auto wait_for = [](const std::atomic<bool>& flag) {
    while (!flag.load()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  };
  PyInterpreterState* interpreter = PyInterpreterState_Get();
  PyThreadState* before = PyEval_SaveThread();
  std::thread calls([&] {
    RunThreadsIn(interpreter, 1, [&](std::size_t) {
      storage.call_once_and_store_result([&] {
        Py_BEGIN_ALLOW_THREADS;
        in_fn = true;
        wait_for(forked);
        Py_END_ALLOW_THREADS;
        return "parent";
      });
    });
  });
  wait_for(in_fn);
  PyEval_RestoreThread(before);
  PyOS_BeforeFork();
  const pid_t child = fork();
  if (child == 0) {
    PyOS_AfterFork_Child();
    const auto begin = std::chrono::steady_clock::now();
    const bool right =
        storage.call_once_and_store_result([] { return "child"; })
            .get_stored() == "child";
    const bool soon = std::chrono::steady_clock::now() - begin <
                      internal::OnceGate::kLongestWait;
    _exit(right && soon ? 0 : 1);
  }
  PyOS_AfterFork_Parent();
  forked = true;
  before = PyEval_SaveThread();
  calls.join();
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  PyEval_RestoreThread(before);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(storage.get_stored(), "parent");
}

}  // namespace
}  // namespace cpython
}  // namespace multislot
