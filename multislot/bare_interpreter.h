#ifndef MULTISLOT_BARE_INTERPRETER_H_
#define MULTISLOT_BARE_INTERPRETER_H_

// Lets FixedSlots, and BasicPyHandleCache with it, take a
// c10::impl::PyInterpreter: for hosts that have only that.
//
// Example (examples/snippets/core_headers.cc [bare_interpreter]):
//
//   PyObject* OperatorOf(c10::impl::PyInterpreter* interpreter) {
//     using Slots = FixedSlots<4, c10::impl::PyInterpreter>;
//     static const BasicPyHandleCache<Slots> cache;
//     return cache.ptr_or(interpreter, [] { return FindOperator(); });
//   }
//
// Its address is all that such a cache knows of an interpreter. So the address
// must never become another interpreter's (PyTorch never frees these objects),
// and slots are never reclaimed. The home slot is a hash of the address, so
// some hits take a few probes.

#include <cstddef>
#include <cstdint>

#include "c10/core/impl/PyInterpreter.h"
#include "multislot/internal/interpreter_traits.h"
#include "multislot/internal/tag.h"

namespace multislot {
namespace internal {

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

#endif  // MULTISLOT_BARE_INTERPRETER_H_
