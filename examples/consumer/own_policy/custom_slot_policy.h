#ifndef OWN_POLICY_CUSTOM_SLOT_POLICY_H_
#define OWN_POLICY_CUSTOM_SLOT_POLICY_H_

#include <atomic>
#include <cstddef>

#include "multislot/fixed_slots.h"

namespace multislot {

// Four slots, and a count of what they were too few for, for a host that wants
// to know whether it should have more.
class CustomSlotPolicy {
 public:
  using interpreter_type = Interpreter;

  constexpr CustomSlotPolicy() noexcept = default;

  static constexpr std::size_t capacity() noexcept { return 4; }
  PyObject* find(const Interpreter* interpreter) const noexcept {
    return slots_.find(interpreter);
  }
  PyObject* find_fast(const Interpreter* interpreter) const noexcept {
    return slots_.find_fast(interpreter);
  }
  PyObject* publish(const Interpreter* interpreter,
                    PyObject* handle) const noexcept {
    PyObject* published = slots_.publish(interpreter, handle);
    // Relaxed: a count and no more.
    if (published == nullptr)
      overflows_.fetch_add(1, std::memory_order_relaxed);
    return published;
  }
  std::size_t occupancy() const noexcept { return slots_.occupancy(); }

 private:
  FixedSlots<4> slots_;
  mutable std::atomic<std::size_t> overflows_{0};
};

}  // namespace multislot

#endif  // OWN_POLICY_CUSTOM_SLOT_POLICY_H_
