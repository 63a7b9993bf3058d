#ifndef MULTISLOT_INTERNAL_TAG_H_
#define MULTISLOT_INTERNAL_TAG_H_

#include <cstddef>
#include <cstdint>
#include <limits>

#include "multislot/internal/cplusplus17.h"

namespace multislot {
namespace internal {

// The name of an interpreter in a slot. There are two kinds: tags that the
// register gives out, and addresses of bare interpreters. No cache has both.
// The values below are neither.
using Tag = std::uintptr_t;
inline constexpr Tag kEmptyTag = 0;    // of a slot that was never filled
inline constexpr Tag kRetiredTag = 1;  // of an interpreter that has retired
inline constexpr Tag kBusyTag = 2;     // of a slot that is being filled

// A registered tag is, from the highest bit down:
//
//   generation   from 1: how many interpreters had the home index so far
//   home index   kHomeBits bits: where to look first
//   zero         kHomeShift bits: a slot has 2^kHomeShift bytes, so `tag &
//   mask`
//                is a slot's offset in bytes
//
// So no two registrations have the same tag.
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

// The offset of a registered interpreter's home slot, in bytes. Live
// interpreters with home indices below Capacity have homes of their own. The
// others wrap around; if Capacity is not a power of two, some homes get twice
// as many as others. A division would spread them evenly, but cost each hit
// more.
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
