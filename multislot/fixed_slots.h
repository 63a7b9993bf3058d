#ifndef MULTISLOT_FIXED_SLOTS_H_
#define MULTISLOT_FIXED_SLOTS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/base/macros.h"
#include "multislot/internal/interpreter_traits.h"
#include "multislot/internal/py_object.h"
#include "multislot/internal/registry.h"
#include "multislot/internal/slot.h"
#include "multislot/internal/tag.h"
#include "multislot/interpreter.h"

namespace multislot {

// The most slots that a FixedSlots can have. With four times as many clang
// gives up evaluating the constant initialiser.
inline constexpr std::size_t kMaxFixedSlots = 65536;

namespace internal {

// Apart from FixedSlots, so that a wrong capacity is one error: a class whose
// own static_assert fails has no members after that for clang.
template <std::size_t Capacity>
struct CheckCapacity {
  static constexpr bool value = true;
  static_assert(Capacity >= 1 && Capacity <= kMaxFixedSlots,
                "FixedSlots has 1 to 65536 slots");
};

}  // namespace internal

// Slot policy: an array of Capacity slots, inside the cache. Each interpreter
// has at most one of them. Once all are taken, further interpreters overflow:
// the accessor is called each time.
//
// Example (examples/snippets/core_headers.cc [fixed_slots]):
//
//   const BasicPyHandleCache<FixedSlots<16>> g_in_16;
//
// A retired interpreter's slot is reclaimed by the next fill that needs it.
// Slots are found by linear probing from the interpreter's home slot.
//
// InterpreterType is one of
//   - multislot::Interpreter, for which a hit takes the same time at every
//     position;
//   - c10::impl::PyInterpreter, for hosts that have only that
//     (bare_interpreter.h).
//
// Threads: as slot_policy.h demands of every policy.
// Cost: a hit is wait-free and writes nothing; it takes constant time if the
// home slot has the handle. An overflow takes no lock. A fill takes the
// process-wide lock, for a time that grows with Capacity. The cache has
// 16 * Capacity bytes where pointers have 64 bits, and allocates nothing.
template <std::size_t Capacity, typename InterpreterType = Interpreter>
class FixedSlots {
 public:
  static_assert(internal::CheckCapacity<Capacity>::value, "");

  using interpreter_type = InterpreterType;

  constexpr FixedSlots() noexcept = default;
  FixedSlots(const FixedSlots&) = delete;
  FixedSlots& operator=(const FixedSlots&) = delete;

  static constexpr std::size_t capacity() noexcept { return Capacity; }

  // See slot_policy.h.
  [[nodiscard]] ABSL_ATTRIBUTE_ALWAYS_INLINE PyObject* find_fast(
      const interpreter_type* interpreter) const noexcept {
    const Tag tag = Traits::TagOf(interpreter);
    return Home(tag)->Read(tag);
  }

  [[nodiscard]] PyObject* find(
      const interpreter_type* interpreter) const noexcept {
    const Tag tag = Traits::TagOf(interpreter);
    std::size_t index = HomeIndex(tag);
    for (std::size_t probes = 0; probes < Capacity; ++probes) {
      const Slot& slot = slots_[index];
      // Relaxed: where it is the interpreter's own, Read() reads it again.
      const Tag found = slot.tag.load(std::memory_order_relaxed);
      if (found == tag) return slot.Read(tag);
      if (found == internal::kEmptyTag) break;
      index = Next(index);
    }
    return nullptr;
  }

  PyObject* publish(const interpreter_type* interpreter,
                    PyObject* handle) const noexcept {
    ABSL_ASSERT(handle != nullptr && "a null handle");
    const Tag tag = Traits::TagOf(interpreter);
    if (HasNoSlotFor(tag)) return nullptr;
    // There may be a slot for it; now, with no other fill and no retirement in
    // the way, again.
    internal::RegistryLock lock;
    Slot* slot = SlotFor(tag);
    if (slot == nullptr) return nullptr;
    // Relaxed: the lock orders these with the fill that wrote them.
    if (slot->tag.load(std::memory_order_relaxed) == tag) {
      return slot->handle.load(std::memory_order_relaxed);
    }
    slot->Write(tag, handle);
    return handle;
  }

  std::size_t occupancy() const noexcept {
    std::size_t count = 0;
    for (const Slot& slot : slots_) {
      // Relaxed: only counted.
      if (Traits::IsLive(slot.tag.load(std::memory_order_relaxed))) ++count;
    }
    return count;
  }

  void clear_for_test() const noexcept {
    internal::RegistryLock lock;
    for (Slot& slot : slots_) slot.Clear();
  }

 private:
  using Tag = internal::Tag;
  using Slot = internal::Slot;
  using Traits = internal::InterpreterTraits<InterpreterType>;

  // From the offset, not the index: the tag has it ready, so that no shift is
  // left to do on the hit path.
  const Slot* Home(Tag tag) const noexcept {
    return reinterpret_cast<const Slot*>(
        reinterpret_cast<const char*>(slots_) +
        Traits::template HomeOffsetOf<Capacity>(tag));
  }
  static std::size_t HomeIndex(Tag tag) noexcept {
    return Traits::template HomeOffsetOf<Capacity>(tag) / sizeof(Slot);
  }

  // Where the probe sequence goes on. A slot that was once filled never becomes
  // empty again, so nothing of an interpreter's lies beyond an empty one.
  static std::size_t Next(std::size_t index) noexcept {
    return index + 1 == Capacity ? 0 : index + 1;
  }

  // The slot that has this tag; else the first one that is empty or whose
  // interpreter has retired; null if there is none, or the tag has retired.
  // Without the RegistryLock the answer may be out of date.
  Slot* SlotFor(Tag own) const noexcept {
    if (!Traits::IsLive(own)) return nullptr;
    Slot* free = nullptr;
    std::size_t index = HomeIndex(own);
    for (std::size_t probes = 0; probes < Capacity; ++probes) {
      Slot& slot = slots_[index];
      // Acquires (9), for HasNoSlotFor(). What is done with the slot is done
      // under the lock.
      const Tag tag = slot.tag.load(std::memory_order_acquire);  // (13)
      if (tag == own) return &slot;
      if (free == nullptr && !Traits::IsLive(tag)) free = &slot;
      if (tag == internal::kEmptyTag) break;
      index = Next(index);
    }
    return free;
  }

  // Whether it is certain, without the RegistryLock, that there is no slot for
  // the tag: no other thread of its interpreter can have filled one meanwhile.
  //
  // A slot changes hands only after a retirement. If this look saw nothing that
  // came after one, it is as if it had been made before, when the cache was
  // full. If it saw another interpreter's tag in a slot that was reclaimed,
  // then (13) acquired what (9) released; the retirement came before that fill
  // under the same lock, and is counted. (A fence would do too, but not with
  // gcc's ThreadSanitizer.)
  bool HasNoSlotFor(Tag own) const noexcept {
    const std::uintptr_t retirements = Traits::Retirements();
    if (SlotFor(own) != nullptr) return false;
    return !Traits::IsLive(own) || Traits::Retirements() == retirements;
  }

  static_assert(sizeof(Slot) == std::size_t{1} << internal::kHomeShift,
                "a slot is a tag and a handle, as large as home offsets say");

  // Never empty, so that FixedSlots<0> is no second error.
  mutable Slot slots_[Capacity >= 1 ? Capacity : 1];
};

}  // namespace multislot

#endif  // MULTISLOT_FIXED_SLOTS_H_
