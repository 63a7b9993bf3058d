#ifndef TESTS_CONFORMANCE_WORLD_H_
#define TESTS_CONFORMANCE_WORLD_H_

#if defined(_WIN32)
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <process.h>
#include <windows.h>
#else
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <deque>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "c10/util/python_stub.h"

namespace multislot {
namespace conformance {

// What the suite's handles point to: an object that names its owner.
struct Object {
  const void* owner;
};

inline PyObject* HandleOf(Object* object) {
  return reinterpret_cast<PyObject*>(object);
}

// Null for a null handle.
inline const void* OwnerOf(PyObject* handle) {
  return handle == nullptr ? nullptr
                           : reinterpret_cast<const Object*>(handle)->owner;
}

// A stand-in for Python: an interpreter, its GIL, and its objects, which live
// as long as it does. Any thread may call make().
template <typename InterpreterType>
class Python {
 public:
  Python() = default;
  Python(const Python&) = delete;
  Python& operator=(const Python&) = delete;

  InterpreterType* interpreter() { return &interpreter_; }
  std::mutex& gil() { return gil_; }

  // Returns a new object of this interpreter.
  PyObject* make() {
    std::lock_guard<std::mutex> lock(mutex_);
    objects_.push_back(Object{this});
    return HandleOf(&objects_.back());
  }

  // How many times make() was called.
  std::size_t made() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return objects_.size();
  }

 private:
  InterpreterType interpreter_;
  std::mutex gil_;
  mutable std::mutex mutex_;
  std::deque<Object> objects_;
};

// The lock for fills of the caches in these tests. A fork takes it first, so in
// the child it is free and what it guards is whole.
inline std::mutex g_fork_safe_mutex;
#if !defined(_WIN32)
[[maybe_unused]] inline const int g_fork_handlers = pthread_atfork(
    [] { g_fork_safe_mutex.lock(); }, [] { g_fork_safe_mutex.unlock(); },
    [] { g_fork_safe_mutex.unlock(); });
#endif

// Zeroed memory on pages of its own, which can be made read-only.
class Pages {
 public:
#if defined(_WIN32)
  explicit Pages(std::size_t size)
      : memory_(VirtualAlloc(nullptr, size, MEM_RESERVE | MEM_COMMIT,
                             PAGE_READWRITE)),
        size_(size) {
    if (memory_ == nullptr) throw std::bad_alloc();
  }
  ~Pages() { VirtualFree(memory_, 0, MEM_RELEASE); }

  bool MakeReadOnly() {
    DWORD before;
    return VirtualProtect(memory_, size_, PAGE_READONLY, &before) != 0;
  }
#else
  explicit Pages(std::size_t size)
      : memory_(mmap(nullptr, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
        size_(size) {
    if (memory_ == MAP_FAILED) throw std::bad_alloc();
  }
  ~Pages() { munmap(memory_, size_); }

  bool MakeReadOnly() { return mprotect(memory_, size_, PROT_READ) == 0; }
#endif

  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  void* memory() { return memory_; }

 private:
  void* memory_;
  std::size_t size_;
};

// A one-time meeting point for a given number of threads. They sleep until the
// last one arrives, then go on as simultaneously as possible. (absl::Barrier
// would do for the waiting, but ThreadSanitizer sometimes takes Abseil's
// handing memory to a first-time waiter for a race.)
class Rendezvous {
 public:
  explicit Rendezvous(std::size_t threads)
      : awaited_(threads), asleep_(threads) {}

  void Await() {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      if (--awaited_ == 0) all_came_.notify_all();
      all_came_.wait(lock, [this] { return awaited_ == 0; });
    }
    // Those who wake up first wait for the others, but not for long: there may
    // be fewer processors than threads. Relaxed, because the mutex orders what
    // the threads did before, and nothing depends on this wait's outcome.
    asleep_.fetch_sub(1, std::memory_order_relaxed);
    for (int i = 0; i < 100; ++i) {
      if (asleep_.load(std::memory_order_relaxed) == 0) return;
      std::this_thread::yield();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_came_;
  std::size_t awaited_;  // guarded by mutex_
  std::atomic<std::size_t> asleep_;
};

#if !defined(_WIN32)

// Ends this process if it hangs. It should need microseconds: spinning ends by
// SIGXCPU after a second of processor time. Sleeping ends by SIGALRM, late
// enough for a loaded machine.
inline void EndIfItHangs() {
  const rlimit seconds = {1, 4};
  setrlimit(RLIMIT_CPU, &seconds);
  alarm(30);
}

// Describes a process's exit status.
inline std::string HowItEnded(int status) {
  if (!WIFSIGNALED(status)) {
    return "with status " + std::to_string(WEXITSTATUS(status));
  }
  switch (WTERMSIG(status)) {
    case SIGXCPU:
      return "never: it spun";
    case SIGALRM:
      return "never: it slept";
    default:
      return "by signal " + std::to_string(WTERMSIG(status));
  }
}

#endif

// Calls function(i) for each i < threads, each on its own thread, as
// simultaneously as possible. Returns when all have returned.
template <typename Function>
void RunTogether(std::size_t threads, Function&& function) {
  Rendezvous start(threads);
  std::vector<std::thread> running;
  for (std::size_t i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      start.Await();
      function(i);
    });
  }
  for (std::thread& thread : running) thread.join();
}

}  // namespace conformance
}  // namespace multislot

#endif  // TESTS_CONFORMANCE_WORLD_H_
