#ifndef MULTISLOT_SLOT_POLICY_H_
#define MULTISLOT_SLOT_POLICY_H_

#include <cstddef>
#include <type_traits>
#include <utility>

#include "multislot/internal/py_object.h"

namespace multislot {

// A capacity without limit.
inline constexpr std::size_t kUnlimited = static_cast<std::size_t>(-1);

// A slot policy says how a cache stores and finds slots. A model of one:
//
//   class Model {
//    public:
//     // What names an interpreter to this cache: multislot::Interpreter or
//     // c10::impl::PyInterpreter.
//     using interpreter_type = ...;
//
//     // An empty cache needs no code to run.
//     constexpr Model() noexcept;
//
//     // How many interpreters can have a slot.
//     static constexpr std::size_t capacity() noexcept;
//
//     // The interpreter's handle, or null.
//     PyObject* find(const interpreter_type* interpreter) const noexcept;
//
//     // The same, as far as it can be had without a call, a lock or a loop;
//     // null says nothing. It is inlined into every hit.
//     PyObject* find_fast(const interpreter_type* interpreter) const noexcept;
//
//     // Puts the handle into the interpreter's slot unless there is one
//     // already, and returns what the slot holds then: of several calls for
//     // one interpreter one fills, and all return its handle. Null if it has
//     // no slot: an overflow, or a retired interpreter.
//     PyObject* publish(const interpreter_type* interpreter,
//                       PyObject* handle) const noexcept;
//
//     // How many live interpreters have a slot.
//     std::size_t occupancy() const noexcept;
//
//     // Not needed, but for the cache's clear_for_test(): empties all slots,
//     as
//     // if none had ever been filled. No other call overlaps.
//     void clear_for_test() const noexcept;
//   };
//
// All of it may be called from any thread at any time. Interpreters and handles
// passed in are not null; interpreters may be retired. There is nothing to
// destroy: a cache may be used for as long as the process lives. The form is
// checked where a policy is used; //tests/conformance checks what it does.

namespace internal {

struct Missing {};

// What the operation gives for the policy, or Missing.
template <template <typename> class Operation, typename Policy, typename = void>
struct Detect {
  using type = Missing;
};
template <template <typename> class Operation, typename Policy>
struct Detect<Operation, Policy, std::void_t<Operation<Policy>>> {
  using type = Operation<Policy>;
};

template <typename Policy>
using InterpreterOf = const typename Policy::interpreter_type*;
template <typename Policy>
using CapacityOf = std::integral_constant<std::size_t, Policy::capacity()>;
template <typename Policy>
using FindOf = decltype(std::declval<const Policy&>().find(
    std::declval<InterpreterOf<Policy>>()));
template <typename Policy>
using FindFastOf = decltype(std::declval<const Policy&>().find_fast(
    std::declval<InterpreterOf<Policy>>()));
template <typename Policy>
using PublishOf = decltype(std::declval<const Policy&>().publish(
    std::declval<InterpreterOf<Policy>>(), std::declval<PyObject*>()));
template <typename Policy>
using OccupancyOf = decltype(std::declval<const Policy&>().occupancy());
template <typename Policy>
using ConstantOf =
    std::integral_constant<bool, (static_cast<void>(Policy()), true)>;

template <template <typename> class Operation, typename Policy,
          typename Expected>
inline constexpr bool kGives =
    std::is_same<typename Detect<Operation, Policy>::type, Expected>::value;
template <template <typename> class Operation, typename Policy>
inline constexpr bool kHas = !kGives<Operation, Policy, Missing>;

// Whether the type has the form of a slot policy; says what it lacks.
template <typename Policy>
struct CheckSlotPolicy {
  static_assert(kHas<InterpreterOf, Policy>,
                "a slot policy needs the type interpreter_type: "
                "multislot::Interpreter or c10::impl::PyInterpreter");
  static_assert(kHas<CapacityOf, Policy>,
                "a slot policy needs "
                "static constexpr std::size_t capacity() noexcept");
  static_assert(kGives<FindOf, Policy, PyObject*>,
                "a slot policy needs "
                "PyObject* find(const interpreter_type*) const noexcept");
  static_assert(kGives<FindFastOf, Policy, PyObject*>,
                "a slot policy needs "
                "PyObject* find_fast(const interpreter_type*) const noexcept");
  static_assert(kGives<PublishOf, Policy, PyObject*>,
                "a slot policy needs PyObject* publish(const interpreter_type*,"
                " PyObject*) const noexcept");
  static_assert(kGives<OccupancyOf, Policy, std::size_t>,
                "a slot policy needs std::size_t occupancy() const noexcept");
  static_assert(std::is_trivially_destructible<Policy>::value,
                "a slot policy must be trivially destructible");
  static_assert(kHas<ConstantOf, Policy>,
                "a slot policy needs a constexpr default constructor");
  static constexpr bool value = true;
};

}  // namespace internal

}  // namespace multislot

#endif  // MULTISLOT_SLOT_POLICY_H_
