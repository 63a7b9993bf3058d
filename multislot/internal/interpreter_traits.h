#ifndef MULTISLOT_INTERNAL_INTERPRETER_TRAITS_H_
#define MULTISLOT_INTERNAL_INTERPRETER_TRAITS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "c10/core/impl/PyInterpreter.h"
#include "multislot/internal/registry.h"

namespace multislot {
namespace internal {

// What a slot policy asks of the kind of interpreter that it serves. A model
// has these members, as those below and in interpreter.h do:
//
//   TagOf(interpreter)    what names it in a slot; never kEmptyTag or kBusyTag
//   HomeOffsetOf<Capacity>(tag)
//                         where to look first: the slot's offset in bytes
//   IsLive(tag)           whether what has the tag is its own; see
//                         multislot::internal::IsLive()
//   Retirements()         how many have retired; see
//                         multislot::internal::Retirements()
template <typename InterpreterType>
struct InterpreterTraits;

// Where the home slots of registered interpreters begin, in bytes: live ones
// numbered below Capacity have homes of their own. The others wrap around, some
// homes twice as often as others where Capacity is no power of two; a division
// would spread them evenly and cost each hit more.
template <std::size_t Capacity>
std::size_t HomeOffsetOfTag(Tag tag) noexcept {
  constexpr auto round_up_to_power_of_two = [](std::size_t n) {
    std::size_t power = 1;
    while (power < n) power *= 2;
    return power;
  };
  constexpr std::size_t end = Capacity << kHomeShift;
  constexpr std::size_t mask = (round_up_to_power_of_two(Capacity) - 1)
                               << kHomeShift;
  const std::size_t offset = static_cast<std::size_t>(tag) & mask;
  return offset < end ? offset : offset - end;
}

// A bare interpreter is never retired, as far as anyone here can know, and has
// nothing to tell but its address.
template <>
struct InterpreterTraits<c10::impl::PyInterpreter> {
  static Tag TagOf(const c10::impl::PyInterpreter* interpreter) noexcept {
    return reinterpret_cast<Tag>(interpreter);
  }

  // Addresses share their low bits where one library is loaded several times,
  // so every bit of the address has to count: two rounds of multiply and fold
  // (constants: fractional parts of the golden ratio and of the square root of
  // 3), then the product's high half picks the home.
  template <std::size_t Capacity>
  static std::size_t HomeOffsetOf(Tag tag) noexcept {
    std::uint64_t hash = tag;
    hash *= 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
    hash *= 0xBB67AE8584CAA73Bu;
    return static_cast<std::size_t>(((hash >> 32) * Capacity) >> 32)
           << kHomeShift;
  }

  static bool IsLive(Tag tag) noexcept { return tag > kBusyTag; }
  static std::uintptr_t Retirements() noexcept { return 0; }
};

}  // namespace internal
}  // namespace multislot

#endif  // MULTISLOT_INTERNAL_INTERPRETER_TRAITS_H_
