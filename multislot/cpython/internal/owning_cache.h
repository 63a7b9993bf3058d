#ifndef MULTISLOT_CPYTHON_INTERNAL_OWNING_CACHE_H_
#define MULTISLOT_CPYTHON_INTERNAL_OWNING_CACHE_H_

#include <Python.h>

#include <type_traits>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/base/macros.h"
#include "absl/base/optimization.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/internal/owned.h"
#include "multislot/cpython/internal/python_abi.h"
#include "multislot/cpython/internal/record_life.h"
#include "multislot/cpython/internal/records.h"
#include "multislot/interpreter.h"
#include "multislot/side_table.h"
#include "multislot/slot_policy.h"

namespace multislot {

struct SingleSlot;

namespace cpython {
inline namespace MULTISLOT_PYTHON_ABI {
namespace internal {

// A cache's slots, and its place in interpreters' tables, which own.
template <typename Policy>
struct Places {
  const SideTable& owned() const noexcept { return owned_; }
  void clear_for_test() const noexcept {
    slots.clear_for_test();
    owned_.clear_for_test();
  }

  Policy slots;
  SideTable owned_;
};

// With SideTable both are the same.
template <>
struct Places<SideTable> {
  const SideTable& owned() const noexcept { return slots; }
  void clear_for_test() const noexcept { slots.clear_for_test(); }

  SideTable slots;
};

// Whether T finds the current interpreter, as AskCPython does.
template <typename T, typename = void>
struct IsCurrent : std::false_type {};
template <typename T>
struct IsCurrent<T, std::void_t<decltype(T::Find())>>
    : std::is_convertible<decltype(T::Find()), const Interpreter*> {};

// The template arguments of a cache; wrong ones are replaced by good ones, so
// that CheckArguments gives the only error.
template <typename Policy, typename Current>
struct Arguments {
  static constexpr bool kIsSingle = std::is_same<Policy, SingleSlot>::value;
  static constexpr bool kHasPolicy =
      std::is_class<Policy>::value && !IsCurrent<Policy>::value;
  static constexpr bool kHasCurrent = IsCurrent<Current>::value;
  using policy =
      std::conditional_t<kHasPolicy && !kIsSingle, Policy, SideTable>;
  using current = std::conditional_t<kHasCurrent, Current, AskCPython>;
};
template <typename Given>
struct CheckArguments {
  static constexpr bool value = true;
  static_assert(!Given::kIsSingle,
                "each interpreter needs a slot, and SingleSlot has one for "
                "all. Name another policy, HandleCache<SideTable>");
  static_assert(Given::kHasPolicy,
                "the slot policy comes first: HandleCache<FixedSlots<16>>, or "
                "HandleCache<SideTable, SingleInterpreterFastPath>");
  static_assert(Given::kHasCurrent || !Given::kHasPolicy,
                "what comes after the slot policy says how the current "
                "interpreter is found: AskCPython or "
                "SingleInterpreterFastPath");
};

// The common part of HandleCache and PerInterpreter: one handle per
// interpreter, made on first use, of an object or value that the interpreter
// owns.
//
// Kind makes the object or value:
//
//   struct Kind {
//     // Returns a PyObject* (a new reference, which is the handle itself), or
//     // an OwnedValue*. Null if make fails.
//     template <typename Make>
//     static PyObject* Create(Make&& make);
//   };
template <typename Kind, typename GivenPolicy, typename GivenCurrent>
class OwningCache {
  using Given = Arguments<GivenPolicy, GivenCurrent>;
  using Policy = typename Given::policy;
  using Current = typename Given::current;

 public:
  static_assert(CheckArguments<Given>::value, "");
  static_assert(multislot::internal::CheckSlotPolicy<Policy>::value, "");
  static_assert(
      std::is_same<typename Policy::interpreter_type, Interpreter>::value,
      "this cache needs a policy for multislot::Interpreter");

  constexpr OwningCache() noexcept = default;
  OwningCache(const OwningCache&) = delete;
  OwningCache& operator=(const OwningCache&) = delete;

  template <typename Make>
  ABSL_ATTRIBUTE_ALWAYS_INLINE PyObject* GetOrCreate(Make&& make) const {
    return GetOrCreateIn(Current::Find(), std::forward<Make>(make));
  }

  // The caller passes the current interpreter.
  template <typename Make>
  ABSL_ATTRIBUTE_ALWAYS_INLINE PyObject* GetOrCreate(Interpreter* current,
                                                     Make&& make) const {
    ABSL_ASSERT(current == nullptr || CurrentInterpreter() == nullptr ||
                CurrentInterpreter() == current);
    return GetOrCreateIn(current, std::forward<Make>(make));
  }

  // Null if there is none.
  PyObject* Peek() const {
    const Interpreter* current = Current::Find();
    if (current == nullptr) return nullptr;
    PyObject* handle = FindFast(current);
    return ABSL_PREDICT_TRUE(handle != nullptr) ? handle : Find(current);
  }

  void clear_for_test() const noexcept { places_.clear_for_test(); }

 private:
  static constexpr bool kSlotsOwn = std::is_same<Policy, SideTable>::value;

  template <typename Make>
  ABSL_ATTRIBUTE_ALWAYS_INLINE PyObject* GetOrCreateIn(
      const Interpreter* interpreter, Make&& make) const {
    if (ABSL_PREDICT_TRUE(interpreter != nullptr)) {
      PyObject* handle = FindFast(interpreter);
      if (ABSL_PREDICT_TRUE(handle != nullptr)) return handle;
    }
    return FindOrCreate(std::forward<Make>(make));
  }

  template <typename Make>
  ABSL_ATTRIBUTE_NOINLINE PyObject* FindOrCreate(Make&& make) const {
    if (CurrentState() == nullptr) {
      ABSL_ASSERT(false && "no thread state");
      return nullptr;
    }
    Record* record = CurrentRecord();
    if (record != nullptr) {
      PyObject* handle = Find(&record->interpreter);
      if (handle != nullptr) return handle;
    }
    auto* made = Kind::Create(std::forward<Make>(make));
    if (made == nullptr) return nullptr;
    // While make() ran, the interpreter may have got its record, or lost it.
    record = CurrentRecord();
    PyObject* handle = Own(record, places_.owned(), made);
    return record == nullptr ? handle : Publish(&record->interpreter, handle);
  }

  ABSL_ATTRIBUTE_ALWAYS_INLINE PyObject* FindFast(
      const Interpreter* interpreter) const noexcept {
    PyObject* handle = places_.slots.find_fast(interpreter);
    if constexpr (!kSlotsOwn) {
      if (ABSL_PREDICT_FALSE(handle == nullptr)) {
        handle = places_.owned().find_fast(interpreter);
      }
    }
    return handle;
  }

  PyObject* Find(const Interpreter* interpreter) const noexcept {
    PyObject* handle = places_.owned().find(interpreter);
    if constexpr (!kSlotsOwn) {
      // The handle of something that nobody owns, for want of memory.
      if (handle == nullptr) handle = places_.slots.find(interpreter);
    }
    return handle;
  }

  // The interpreter's table decides which handle it has. Slots only find it.
  PyObject* Publish(const Interpreter* interpreter,
                    PyObject* handle) const noexcept {
    if constexpr (!kSlotsOwn) {
      PyObject* first = places_.slots.publish(interpreter, handle);
      if (first != nullptr) return first;
    }
    return handle;
  }

  Places<Policy> places_;
};

}  // namespace internal
}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_INTERNAL_OWNING_CACHE_H_
