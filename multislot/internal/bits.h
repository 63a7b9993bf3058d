#ifndef MULTISLOT_INTERNAL_BITS_H_
#define MULTISLOT_INTERNAL_BITS_H_

#include <cstddef>
#include <cstdint>

namespace multislot {
namespace internal {

// Functions of C++20's <bit>. (Abseil's need more than headers.) Plain loops
// will do: no hit path calls them.

// How many bits the number takes; 0 takes none.
constexpr std::size_t BitWidth(std::size_t number) noexcept {
  std::size_t width = 0;
  for (; number != 0; number >>= 1) ++width;
  return width;
}

// The position of the lowest bit that is not set; 64 if there is none.
constexpr std::size_t LowestZeroBit(std::uint64_t word) noexcept {
  if (word == ~std::uint64_t{0}) return 64;
  std::size_t position = 0;
  for (int half = 32; half > 0; half /= 2) {
    const std::uint64_t low = (std::uint64_t{1} << half) - 1;
    if ((word & low) != low) continue;
    word >>= half;
    position += static_cast<std::size_t>(half);
  }
  return position;
}

}  // namespace internal
}  // namespace multislot

#endif  // MULTISLOT_INTERNAL_BITS_H_
