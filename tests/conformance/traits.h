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

// An interpreter that is known only by its address.
struct BareInterpreter : c10::impl::PyInterpreter {
  BareInterpreter() : c10::impl::PyInterpreter(nullptr) {}
  void retire() {}
};

// How the suite talks to a cache, and what the contract leaves to each cache.
// These are the values for a cache with BasicPyHandleCache's interface.
template <typename Cache>
struct GeneralTraits {
  // The interpreters that the suite makes and looks up for; needs retire().
  using Interpreter =
      std::conditional_t<std::is_same<typename Cache::interpreter_type,
                                      multislot::Interpreter>::value,
                         multislot::Interpreter, BareInterpreter>;

  static PyObject* Peek(const Cache& cache, Interpreter* interpreter) {
    return cache.peek(interpreter);
  }
  static std::size_t Occupancy(const Cache& cache) { return cache.occupancy(); }
  static constexpr std::size_t kCapacity = Cache::capacity();

  // Whether a retired interpreter never hits or fills again. If false, the
  // cache knows an interpreter by its address only.
  static constexpr bool kKnowsRetirement =
      std::is_same<Interpreter, multislot::Interpreter>::value;

  // Whether a retired interpreter's slot goes to others.
  static constexpr bool kReclaims = kKnowsRetirement;

  // Whether the cache keeps a null from the slow accessor.
  static constexpr bool kCachesNull = false;

  // When calls for one interpreter overlap: true if the first to publish wins
  // and all return its handle. If false, a call that finds the slot filled by
  // another throws c10::Error, and a null interpreter is allowed.
  static constexpr bool kFirstPublicationWins = true;

  // Whether threads of one interpreter must hold its GIL to look up.
  static constexpr bool kNeedsGil = false;

  // Whether hits and overflows leave the cache's memory unchanged.
  static constexpr bool kHitWritesNothing = true;
};

// What the suite uses. Specialise it for a cache that differs.
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
