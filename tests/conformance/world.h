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

// What the suite's handles point to: an object that says whose it is.
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

// A pretended Python: an interpreter, its GIL, and its objects, which stay as
// long as it does. make() may be called from any thread.
template <typename InterpreterType>
class Python {
 public:
  Python() = default;
  Python(const Python&) = delete;
  Python& operator=(const Python&) = delete;

  InterpreterType* interpreter() { return &interpreter_; }
  std::mutex& gil() { return gil_; }

  // A new object of this interpreter's, each time another one.
  PyObject* make() {
    std::lock_guard<std::mutex> lock(mutex_);
    objects_.push_back(Object{this});
    return HandleOf(&objects_.back());
  }

  // How often make() was called.
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

// For caches whose fills take a lock: free in the child of a fork, and what it
// guards whole. A fork waits for it.
inline std::mutex g_fork_safe_mutex;
#if !defined(_WIN32)
[[maybe_unused]] inline const int g_fork_handlers = pthread_atfork(
    [] { g_fork_safe_mutex.lock(); }, [] { g_fork_safe_mutex.unlock(); },
    [] { g_fork_safe_mutex.unlock(); });
#endif

// Zeroed memory in pages of its own, which can be made read-only.
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

// Where so many threads wait for one another, once. They sleep until the last
// one comes, and then go on at the same time as far as that can be had.
// (absl::Barrier would do for the first; but now and then ThreadSanitizer takes
// how Abseil hands memory to a thread that waits for the first time for a
// race.)
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
    // The first to wake up waits for the last one, but not for long: there may
    // be fewer processors than threads. Relaxed: what the threads did before is
    // ordered by the mutex, and nothing depends on how this ends.
    asleep_.fetch_sub(1, std::memory_order_relaxed);
    for (int i = 0; i < 100; ++i) {
      if (asleep_.load(std::memory_order_relaxed) == 0) return;
      std::this_thread::yield();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_came_;
  std::size_t awaited_;  // under the mutex
  std::atomic<std::size_t> asleep_;
};

#if !defined(_WIN32)

// For a child process that needs microseconds. If it spins it ends by SIGXCPU
// after a second of processor time, and if it sleeps by SIGALRM, which comes
// when a loaded machine has long let it run.
inline void EndIfItHangs() {
  const rlimit seconds = {1, 4};
  setrlimit(RLIMIT_CPU, &seconds);
  alarm(30);
}

// The status of a process that ended, in words.
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

// Calls function(i) for each i below the number of threads, each on a thread of
// its own, all at the same time as far as that can be had; returns when all
// have.
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
