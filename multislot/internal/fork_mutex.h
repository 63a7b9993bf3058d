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
// The thread that forks holds it across the fork, so the child finds what it
// guards as it is between two changes, and the mutex free. Other handlers of
// pthread_atfork run meanwhile, on that thread, and may use what it guards: for
// that thread, and until its fork is over, locking it again is counted only.
// What no lock can help: a handler that waits for another thread which in turn
// waits for this mutex.
//
// Nothing is allocated while it is held, and no code of others runs: an
// allocator may hold locks of its own across a fork.
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
  // Who forks, while forking_ is true. (1) Stored with release after forker_;
  // (2) acquired, so whoever finds it true finds the forker that belongs to it,
  // or a later one. A thread that does not fork never finds itself: it knows
  // its own last store to forking_, which was false.
  std::atomic<bool> forking_{false};
  std::atomic<pthread_t> forker_{};
  // How often the forking thread has locked it again.
  int locked_again_ = 0;
#else

 private:
  void* srwlock_ = nullptr;  // SRWLOCK_INIT; there is no fork
#endif
};

}  // namespace internal
}  // namespace multislot

#endif  // MULTISLOT_INTERNAL_FORK_MUTEX_H_
