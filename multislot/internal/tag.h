#ifndef MULTISLOT_INTERNAL_TAG_H_
#define MULTISLOT_INTERNAL_TAG_H_

#include <cstddef>
#include <cstdint>
#include <limits>

#include "multislot/internal/cplusplus17.h"

namespace multislot {
namespace internal {

// What names an interpreter inside a slot. Two kinds share the type, and no
// cache holds both: tags that the register gives out, and addresses of bare
// interpreters. The values below are neither.
using Tag = std::uintptr_t;
inline constexpr Tag kEmptyTag = 0;    // of a slot that was never filled
inline constexpr Tag kRetiredTag = 1;  // of an interpreter that has retired
inline constexpr Tag kBusyTag = 2;     // of a slot that is being filled

// A registered tag is, from the highest bit down:
//
//   generation   from 1: how many interpreters had the home index so far
//   home index   kHomeBits: where to look first
//   zero         kHomeShift: as many bits as leave room for what a slot is
//                large, so that `tag & mask` is a slot's offset in bytes
//
// So no two registrations have the same one.
inline constexpr int kHomeShift = sizeof(Tag) >= 8 ? 4 : 3;
inline constexpr int kHomeBits = sizeof(Tag) >= 8 ? 20 : 12;
inline constexpr int kGenerationShift = kHomeShift + kHomeBits;
inline constexpr std::size_t kMaxInterpreters = std::size_t{1} << kHomeBits;
inline constexpr Tag kLastGeneration =
    std::numeric_limits<Tag>::max() >> kGenerationShift;

constexpr Tag MakeTag(std::size_t home_index, Tag generation) noexcept {
  return (generation << kGenerationShift) |
         (static_cast<Tag>(home_index) << kHomeShift);
}

constexpr std::size_t HomeIndexOf(Tag tag) noexcept {
  return static_cast<std::size_t>(tag >> kHomeShift) & (kMaxInterpreters - 1);
}

// Where the home slots of registered interpreters begin, in bytes: live ones
// numbered below Capacity have homes of their own. The others wrap around, some
// homes twice as often as others where Capacity is no power of two; a division
// would spread them evenly and cost each hit more.
template <std::size_t Capacity>
constexpr std::size_t HomeOffsetOf(Tag tag) noexcept {
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

}  // namespace internal
}  // namespace multislot

#endif  // MULTISLOT_INTERNAL_TAG_H_
