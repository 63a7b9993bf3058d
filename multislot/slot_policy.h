#ifndef MULTISLOT_SLOT_POLICY_H_
#define MULTISLOT_SLOT_POLICY_H_

#include <cstddef>
#include <type_traits>
#include <utility>

#include "multislot/internal/py_object.h"

namespace multislot {

// A capacity without limit.
inline constexpr std::size_t kUnlimited = static_cast<std::size_t>(-1);

// A slot policy says how a cache stores and finds its slots: FixedSlots<N>,
// SideTable, or one of your own, which is a class like the model below.
// docs/architecture.md adds one step by step; //examples/consumer/own_policy is
// a Bazel workspace with one.
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
//     // How many interpreters can have a slot; kUnlimited if all can.
//     static constexpr std::size_t capacity() noexcept;
//
//     // The interpreter's handle, or null.
//     PyObject* find(const interpreter_type* interpreter) const noexcept;
//
//     // The same if it can be had without a call, a lock or a loop. Null: not
//     // found quickly; find() is asked. It is inlined into every hit.
//     PyObject* find_fast(const interpreter_type* interpreter) const noexcept;
//
//     // Stores the handle unless the interpreter has one already. Returns the
//     // stored handle, so concurrent calls for one interpreter all return the
//     // same one. Null if it has no slot: an overflow, or a retired
//     // interpreter.
//     PyObject* publish(const interpreter_type* interpreter,
//                       PyObject* handle) const noexcept;
//
//     // How many live interpreters have a slot.
//     std::size_t occupancy() const noexcept;
//
//     // Needed only for the cache's clear_for_test(): empties all slots, as if
//     // none had ever been filled. No other call overlaps.
//     void clear_for_test() const noexcept;
//   };
//
// Interpreters and handles that are passed in are not null; interpreters may
// have retired. The compiler checks the form, noexcept included, where a policy
// is used. What a policy does, //tests/conformance checks:
//
//   - Threads. Any thread may call any member at any time, without a GIL.
//     Readers find a whole slot or none.
//   - Hits. find_fast() and find() write nothing: they work on read-only
//     memory. So does a publish() that overflows.
//   - Identity. An interpreter has one slot at most, and keeps it until it
//     retires. No interpreter ever gets another one's handle, not even one at
//     the same address.
//   - Retirement. A retired interpreter has no hit and fills no slot. A lookup
//     may overlap its own interpreter's retirement: it returns that
//     interpreter's handle or null, also if another one gets the slot
//     meanwhile.
//   - Reclaiming. Slots of retired interpreters go to others.
//     Interpreter::is_live() says of an id whether its interpreter has retired.
//   - fork(). The child of a fork finds every cache whole and every lock free,
//     whatever other threads were in the middle of: a lock that a fill takes
//     needs handlers (pthread_atfork).
//   - Lifetime. A cache is trivially destructible, and may be used before main
//     and for as long as the process lives.
//
// Where a policy has to differ, tests/conformance/traits.h has a name for it.
//
// To make one's own policy the default of a build:
//
//   --@multislot//multislot:slot_policy=custom
//   --@multislot//multislot:custom_slot_policy=//my:policy
//
// //my:policy is a cc_library that depends on @multislot//multislot:core and
// has the header "multislot/custom_slot_policy.h", which declares the class
// multislot::CustomSlotPolicy. examples/consumer/own_policy is one.

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

// Whether they are noexcept; of no interest where they are missing.
template <typename Policy>
using IsFindNoexcept = std::bool_constant<noexcept(
    std::declval<const Policy&>().find(std::declval<InterpreterOf<Policy>>()))>;
template <typename Policy>
using IsFindFastNoexcept =
    std::bool_constant<noexcept(std::declval<const Policy&>().find_fast(
        std::declval<InterpreterOf<Policy>>()))>;
template <typename Policy>
using IsPublishNoexcept =
    std::bool_constant<noexcept(std::declval<const Policy&>().publish(
        std::declval<InterpreterOf<Policy>>(), std::declval<PyObject*>()))>;
template <typename Policy>
using IsOccupancyNoexcept =
    std::bool_constant<noexcept(std::declval<const Policy&>().occupancy())>;
template <typename Policy>
using IsCapacityNoexcept = std::bool_constant<noexcept(Policy::capacity())>;
template <template <typename> class Operation, typename Policy>
inline constexpr bool kMayThrow = kGives<Operation, Policy, std::false_type>;

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
  static_assert(!kMayThrow<IsCapacityNoexcept, Policy>,
                "a slot policy's capacity() must be noexcept");
  static_assert(!kMayThrow<IsFindNoexcept, Policy>,
                "a slot policy's find() must be noexcept");
  static_assert(!kMayThrow<IsFindFastNoexcept, Policy>,
                "a slot policy's find_fast() must be noexcept");
  static_assert(!kMayThrow<IsPublishNoexcept, Policy>,
                "a slot policy's publish() must be noexcept");
  static_assert(!kMayThrow<IsOccupancyNoexcept, Policy>,
                "a slot policy's occupancy() must be noexcept");
  static_assert(!std::is_default_constructible<Policy>::value ||
                    std::is_nothrow_default_constructible<Policy>::value,
                "a slot policy's default constructor must be noexcept");
  static_assert(std::is_trivially_destructible<Policy>::value,
                "a slot policy must be trivially destructible");
  static_assert(kHas<ConstantOf, Policy>,
                "a slot policy needs a constexpr default constructor");
  static constexpr bool value = true;
};

}  // namespace internal

}  // namespace multislot

#endif  // MULTISLOT_SLOT_POLICY_H_
