#ifndef MULTISLOT_INTERPRETER_H_
#define MULTISLOT_INTERPRETER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "multislot/internal/interpreter_traits.h"
#include "multislot/internal/registry.h"
#include "multislot/internal/tag.h"

namespace multislot {

// One Python interpreter with a life: construction registers it, retire() or
// destruction ends it. It has
//   - an id that no other interpreter of this process has, had or will have,
//     even one at the same address;
//   - a home index: the smallest number that no live interpreter had when it
//     registered, and that no other has while it lives.
//
// Whoever starts a Python interpreter makes one of these for it, and retires it
// before that interpreter's objects go. Once retired it takes up nothing but
// itself, and until it is destroyed it may be passed to a cache: it has no hits
// and fills no slots.
//
// Thread-safety: everything but destruction may be called from any thread at
// any time. A lookup that overlaps retire() gets this interpreter's handle or
// takes the slow path.
//
// Shared objects that each embed this library may have a register in common, or
// one each, as they have their caches: an Interpreter is for the caches of the
// shared object that made it, and for those that it shares with others.
class Interpreter {
 public:
  // Registers. With 1,048,576 alive (4,096 where pointers have 32 bits), or
  // without memory, it is born retired: slow, but right. Constant time.
  Interpreter() noexcept
      : Interpreter(internal::RegisterTag(internal::g_register)) {}
  ~Interpreter() { retire(); }

  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  // From here on no lookup hits or fills for this interpreter; its slots and
  // its home index go to others. A second call does nothing. Constant time.
  void retire() noexcept {
    internal::RetireTag(
        internal::g_register,
        tag_.exchange(internal::kRetiredTag, std::memory_order_relaxed));
  }
  [[nodiscard]] bool retired() const noexcept {
    return tag_.load(std::memory_order_relaxed) == internal::kRetiredTag;
  }

  // Both outlast retirement. The id of an interpreter that was born retired
  // is 0, and nobody else's.
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  [[nodiscard]] std::size_t home_index() const noexcept {
    return internal::HomeIndexOf(static_cast<internal::Tag>(id_));
  }

 private:
  friend struct internal::InterpreterTraits<Interpreter>;

  explicit Interpreter(internal::Tag tag) noexcept
      : tag_(tag), id_(tag == internal::kRetiredTag ? 0 : tag) {}

  // The tag, or kRetiredTag. Relaxed everywhere: the tag publishes nothing, and
  // what it matches is published by the slot.
  std::atomic<internal::Tag> tag_;
  std::uint64_t id_;  // never changes
};

namespace internal {

template <>
struct InterpreterTraits<Interpreter> {
  static Tag TagOf(const Interpreter* interpreter) noexcept {
    return interpreter->tag_.load(std::memory_order_relaxed);
  }
  template <std::size_t Capacity>
  static std::size_t HomeOffsetOf(Tag tag) noexcept {
    return internal::HomeOffsetOf<Capacity>(tag);
  }
  static bool IsLive(Tag tag) noexcept { return internal::IsLive(tag); }
  static std::uintptr_t Retirements() noexcept {
    return internal::Retirements();
  }
};

}  // namespace internal

}  // namespace multislot

#endif  // MULTISLOT_INTERPRETER_H_
