#ifndef MULTISLOT_INTERNAL_FORK_MUTEX_H_
#define MULTISLOT_INTERNAL_FORK_MUTEX_H_

#include <atomic>

#include "absl/base/thread_annotations.h"

#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace multislot {
namespace internal {

// The platform's mutex: constant-initialised, trivially destructible, so that
// it can be used before main and for as long as the process lives.
//
// The thread that forks holds it across the fork. So the child finds the mutex
// free, and the guarded data consistent. Other pthread_atfork handlers may use
// the guarded data: until the fork is over, the mutex only counts when the
// forking thread locks it again. One deadlock remains: a handler that waits for
// a thread that waits for this mutex.
//
// While it is held, nothing is allocated and no user code runs: an allocator
// may hold its own locks across a fork.
class ABSL_LOCKABLE ForkMutex {
 public:
  constexpr ForkMutex() noexcept = default;
  ForkMutex(const ForkMutex&) = delete;
  ForkMutex& operator=(const ForkMutex&) = delete;

  void Lock() noexcept ABSL_EXCLUSIVE_LOCK_FUNCTION();
  void Unlock() noexcept ABSL_UNLOCK_FUNCTION();

  // For pthread_atfork: before a fork, and after it in both processes. Any
  // number of handlers may call them for the same mutex.
  void BeforeFork() noexcept;
  void AfterFork() noexcept;

#if !defined(_WIN32)

 private:
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  // While forking_ is true, forker_ is the thread that forks. (1) forking_ is
  // stored with release after forker_; (2) it is loaded with acquire, so a
  // thread that reads true sees the forker of that store or a later one. A
  // thread that does not fork never reads true together with itself: its own
  // last store to forking_ was false.
  std::atomic<bool> forking_{false};
  std::atomic<pthread_t> forker_{};
  // How often the forking thread has locked it in addition.
  int locked_again_ = 0;
#else

 private:
  void* srwlock_ = nullptr;  // SRWLOCK_INIT; there is no fork
#endif
};

}  // namespace internal
}  // namespace multislot

#endif  // MULTISLOT_INTERNAL_FORK_MUTEX_H_
