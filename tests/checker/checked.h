// Included before the first line of the shipped sources. They are compiled
// unchanged, but their std::atomic, mutexes and allocated memory become the
// checker's.

#ifndef MULTISLOT_TESTS_CHECKER_CHECKED_H_
#define MULTISLOT_TESTS_CHECKER_CHECKED_H_

// The sources' own includes, before the names below change.
#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <vector>

#include "tests/checker/model.h"

namespace multislot {
namespace checker {

constexpr Order OrderOf(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed:
      return Order::kRelaxed;
    case std::memory_order_acquire:
      return Order::kAcquire;
    case std::memory_order_release:
      return Order::kRelease;
    case std::memory_order_acq_rel:
      return Order::kAcquireRelease;
    default:
      // The checker knows no other order. This is not a constant expression: a
      // constant order fails to compile, any other stops the program.
      std::abort();
  }
}

template <typename T>
std::uint64_t ToWord(T value) {
  std::uint64_t word = 0;
  std::memcpy(&word, &value, sizeof(value));
  return word;
}
template <typename T>
T FromWord(std::uint64_t word) {
  T value;
  std::memcpy(&value, &word, sizeof(value));
  return value;
}

// Replaces std::atomic. As large as T, so that layouts do not change.
template <typename T>
class Atomic {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable<T>::value, "");

 public:
  Atomic() noexcept = default;
  constexpr Atomic(T value) noexcept : value_(value) {  // NOLINT
    if (!__builtin_is_constant_evaluated()) {
      Constructed(&value_, sizeof(T), ToWord(value));
    }
  }
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  T load(std::memory_order order) const noexcept {
    return FromWord<T>(Load(&value_, sizeof(T), OrderOf(order)));
  }
  void store(T value, std::memory_order order) noexcept {
    Store(&value_, sizeof(T), ToWord(value), OrderOf(order));
  }
  T exchange(T value, std::memory_order order) noexcept {
    return FromWord<T>(
        Update(&value_, sizeof(T), OrderOf(order),
               [value](std::uint64_t) { return ToWord(value); }));
  }
  T fetch_add(T value, std::memory_order order) noexcept {
    return FromWord<T>(
        Update(&value_, sizeof(T), OrderOf(order), [value](std::uint64_t word) {
          return ToWord(static_cast<T>(FromWord<T>(word) + value));
        }));
  }
  bool compare_exchange_strong(T& expected, T desired,
                               std::memory_order order) noexcept {
    std::uint64_t word = ToWord(expected);
    const bool exchanged = CompareExchange(&value_, sizeof(T), word,
                                           ToWord(desired), OrderOf(order));
    expected = FromWord<T>(word);
    return exchanged;
  }
  // A failed exchange acquires like a successful one, although its order may be
  // weaker. It never fails spuriously.
  bool compare_exchange_weak(T& expected, T desired, std::memory_order order,
                             std::memory_order) noexcept {
    return compare_exchange_strong(expected, desired, order);
  }

 private:
  T value_;
};

inline void* AllocateCleared(std::size_t count, std::size_t size) {
  void* memory = std::calloc(count, size);
  Allocated(memory, count * size);
  return memory;
}
inline void Free(void* memory) {
  Freed(memory);
  std::free(memory);
}

inline int LockMutex(pthread_mutex_t* mutex) {
  Lock(mutex);
  return 0;
}
inline int UnlockMutex(pthread_mutex_t* mutex) {
  Unlock(mutex);
  return 0;
}
inline pthread_t ThisThread() {
  return static_cast<pthread_t>(CurrentThread() + 1);
}

}  // namespace checker
}  // namespace multislot

namespace std {
template <typename T>
using checked_atomic = multislot::checker::Atomic<T>;
using multislot::checker::AllocateCleared;
using multislot::checker::Free;
}  // namespace std

#define atomic checked_atomic
#define calloc AllocateCleared
#define free Free
#define pthread_mutex_lock ::multislot::checker::LockMutex
#define pthread_mutex_unlock ::multislot::checker::UnlockMutex
#define pthread_self ::multislot::checker::ThisThread

#endif  // MULTISLOT_TESTS_CHECKER_CHECKED_H_
