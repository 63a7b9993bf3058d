#ifndef TESTS_CONFORMANCE_WORLD_H_
#define TESTS_CONFORMANCE_WORLD_H_

#include <atomic>
#include <cstddef>
#include <deque>
#include <mutex>
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

// Where so many threads wait for one another, once, as briefly as can be had.
// (absl::Barrier would do; but now and then ThreadSanitizer takes how Abseil
// hands memory to a thread that waits for the first time for a race.)
class Rendezvous {
 public:
  explicit Rendezvous(std::size_t threads) : awaited_(threads) {}
  void Await() {
    awaited_.fetch_sub(1);
    while (awaited_.load() != 0) std::this_thread::yield();
  }

 private:
  std::atomic<std::size_t> awaited_;
};

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
