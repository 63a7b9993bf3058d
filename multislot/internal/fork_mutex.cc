#include "multislot/internal/fork_mutex.h"

#include <atomic>

#include "absl/base/thread_annotations.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <pthread.h>
#endif

namespace multislot {
namespace internal {

#if defined(_WIN32)

static_assert(sizeof(SRWLOCK) == sizeof(void*), "");

void ForkMutex::Lock() noexcept ABSL_NO_THREAD_SAFETY_ANALYSIS {
  AcquireSRWLockExclusive(reinterpret_cast<PSRWLOCK>(&srwlock_));
}
void ForkMutex::Unlock() noexcept ABSL_NO_THREAD_SAFETY_ANALYSIS {
  ReleaseSRWLockExclusive(reinterpret_cast<PSRWLOCK>(&srwlock_));
}
void ForkMutex::BeforeFork() noexcept {}
void ForkMutex::AfterFork() noexcept {}

#else

void ForkMutex::Lock() noexcept ABSL_NO_THREAD_SAFETY_ANALYSIS {
  if (forking_.load(std::memory_order_acquire) &&  // (2)
      pthread_equal(forker_.load(std::memory_order_relaxed), pthread_self())) {
    ++locked_again_;
    return;
  }
  pthread_mutex_lock(&mutex_);
}

void ForkMutex::Unlock() noexcept ABSL_NO_THREAD_SAFETY_ANALYSIS {
  if (locked_again_ > 0) {
    --locked_again_;
    return;
  }
  pthread_mutex_unlock(&mutex_);
}

void ForkMutex::BeforeFork() noexcept ABSL_NO_THREAD_SAFETY_ANALYSIS {
  Lock();
  forker_.store(pthread_self(), std::memory_order_relaxed);
  forking_.store(true, std::memory_order_release);  // (1)
}

void ForkMutex::AfterFork() noexcept ABSL_NO_THREAD_SAFETY_ANALYSIS {
  // Relaxed: a thread that still reads true sees that the forker is another
  // thread, and waits for the mutex.
  if (locked_again_ == 0) forking_.store(false, std::memory_order_relaxed);
  Unlock();
}

#endif

}  // namespace internal
}  // namespace multislot
