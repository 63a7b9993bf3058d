#ifndef TESTS_CONFORMANCE_TRAITS_H_
#define TESTS_CONFORMANCE_TRAITS_H_

#include <cstddef>
#include <type_traits>

#include "c10/core/impl/PyInterpreter.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/internal/py_object.h"
#include "multislot/interpreter.h"
#include "multislot/single_slot.h"

namespace multislot {
namespace conformance {

// An interpreter of which only the address is known.
struct BareInterpreter : c10::impl::PyInterpreter {
  BareInterpreter() : c10::impl::PyInterpreter(nullptr) {}
  void retire() {}
};

// How the suite talks to a cache, and where the contract lets caches differ:
// here, for a cache with the interface of BasicPyHandleCache.
template <typename Cache>
struct GeneralTraits {
  // What the suite makes and passes to the cache; has a retire().
  using Interpreter =
      std::conditional_t<std::is_same<typename Cache::interpreter_type,
                                      multislot::Interpreter>::value,
                         multislot::Interpreter, BareInterpreter>;

  static PyObject* Peek(const Cache& cache, Interpreter* interpreter) {
    return cache.peek(interpreter);
  }
  static std::size_t Occupancy(const Cache& cache) { return cache.occupancy(); }
  static constexpr std::size_t kCapacity = Cache::capacity();

  // Whether a retired interpreter has neither hits nor fills. If not, an
  // interpreter is its address, for ever.
  static constexpr bool kKnowsRetirement =
      std::is_same<Interpreter, multislot::Interpreter>::value;

  // Whether its slot goes to others.
  static constexpr bool kReclaims = kKnowsRetirement;

  // Whether a null from the slow accessor is remembered.
  static constexpr bool kCachesNull = false;

  // Whether, of calls for one interpreter that overlap, the first to publish
  // wins and all return its handle. If not, a call that finds the slot filled
  // by another throws c10::Error, and a null interpreter is nothing special.
  static constexpr bool kFirstPublicationWins = true;

  // Whether threads of one interpreter have to hold its GIL.
  static constexpr bool kNeedsGil = false;

  // Whether hits and overflows leave the cache's memory as it is.
  static constexpr bool kHitWritesNothing = true;
};

// What the suite goes by. Specialise it for a cache that differs.
template <typename Cache>
struct Traits : GeneralTraits<Cache> {};

// What the single slots have in common.
template <typename Cache>
struct SingleSlotTraits : GeneralTraits<Cache> {
  static constexpr bool kReclaims = false;
  static constexpr bool kCachesNull = true;
  static constexpr bool kFirstPublicationWins = false;
  static constexpr bool kNeedsGil = true;
};

template <>
struct Traits<BasicPyHandleCache<SingleSlot>>
    : SingleSlotTraits<BasicPyHandleCache<SingleSlot>> {};

}  // namespace conformance
}  // namespace multislot

#endif  // TESTS_CONFORMANCE_TRAITS_H_
