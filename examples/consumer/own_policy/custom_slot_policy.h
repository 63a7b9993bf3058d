#ifndef OWN_POLICY_CUSTOM_SLOT_POLICY_H_
#define OWN_POLICY_CUSTOM_SLOT_POLICY_H_

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "multislot/interpreter.h"
#include "multislot/slot_policy.h"

namespace multislot {

// [lock]
// Held while a slot is filled; a fork waits for it, so the child finds it free.
inline std::mutex g_custom_mutex;
inline const int g_custom_fork_handlers = pthread_atfork(
    [] { g_custom_mutex.lock(); }, [] { g_custom_mutex.unlock(); },
    [] { g_custom_mutex.unlock(); });
// [end lock]

// Four slots, found from the first one on.
class CustomSlotPolicy {
 public:
  using interpreter_type = Interpreter;

  constexpr CustomSlotPolicy() noexcept = default;

  static constexpr std::size_t capacity() noexcept { return 4; }

  // [find]
  // A slot may go to another interpreter while this reads it. Then the handle
  // is the other one's, and the second look at the id says so: the acquire load
  // of the handle pairs with the release store in publish(), which comes after
  // the store of 0.
  PyObject* find(const Interpreter* interpreter) const noexcept {
    if (interpreter->retired()) return nullptr;
    const std::uint64_t own = interpreter->id();
    for (const Slot& slot : slots_) {
      // Pairs with the release store of the id.
      if (slot.id.load(std::memory_order_acquire) != own) continue;
      PyObject* handle = slot.handle.load(std::memory_order_acquire);
      if (slot.id.load(std::memory_order_relaxed) == own) return handle;
    }
    return nullptr;
  }
  // [end find]

  PyObject* find_fast(const Interpreter* interpreter) const noexcept {
    return find(interpreter);
  }

  // [publish]
  PyObject* publish(const Interpreter* interpreter,
                    PyObject* handle) const noexcept {
    std::lock_guard<std::mutex> lock(g_custom_mutex);
    if (interpreter->retired()) return nullptr;
    if (PyObject* first = find(interpreter)) return first;
    for (Slot& slot : slots_) {
      // Relaxed: written under the lock.
      if (Interpreter::is_live(slot.id.load(std::memory_order_relaxed))) {
        continue;
      }
      slot.id.store(0, std::memory_order_relaxed);
      slot.handle.store(handle, std::memory_order_release);
      slot.id.store(interpreter->id(), std::memory_order_release);
      return handle;
    }
    return nullptr;
  }
  // [end publish]

  std::size_t occupancy() const noexcept {
    std::size_t count = 0;
    for (const Slot& slot : slots_) {
      if (Interpreter::is_live(slot.id.load(std::memory_order_relaxed))) {
        ++count;
      }
    }
    return count;
  }

 private:
  // [slot]
  struct Slot {
    std::atomic<std::uint64_t> id{0};  // of no interpreter
    std::atomic<PyObject*> handle{nullptr};
  };

  mutable Slot slots_[4];
  // [end slot]
};

}  // namespace multislot

#endif  // OWN_POLICY_CUSTOM_SLOT_POLICY_H_
