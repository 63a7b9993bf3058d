#ifndef MULTISLOT_CPYTHON_HANDLE_CACHE_H_
#define MULTISLOT_CPYTHON_HANDLE_CACHE_H_

#include <Python.h>

#include <type_traits>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/base/macros.h"
#include "absl/base/optimization.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/internal/keep_error.h"
#include "multislot/cpython/internal/owned.h"
#include "multislot/cpython/internal/python_abi.h"
#include "multislot/cpython/internal/record_life.h"
#include "multislot/cpython/internal/records.h"
#include "multislot/default_slot_policy.h"  // IWYU pragma: export
#include "multislot/fixed_slots.h"          // IWYU pragma: export
#include "multislot/interpreter.h"
#include "multislot/side_table.h"  // IWYU pragma: export
#include "multislot/slot_policy.h"

namespace multislot {

struct SingleSlot;

namespace cpython {
inline namespace MULTISLOT_PYTHON_ABI {

namespace internal {

template <typename Make>
inline constexpr bool kIsMake = std::is_invocable_r<PyObject*, Make>::value;

template <typename Make>
constexpr void CheckMake() {
  static_assert(kIsMake<Make>,
                "make is called without arguments and returns a PyObject*, a "
                "new reference");
}

// What make() returns. A Python error that is pending is kept aside while it
// runs.
template <typename Make>
PyObject* CallMake(Make&& make) {
  KeepError keep_error;
  PyObject* made = std::forward<Make>(make)();
  keep_error.PutBack();
  return made;
}

// What a cache consists of: its slots, and its place in what interpreters own.
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

// With this policy they are the same.
template <>
struct Places<SideTable> {
  const SideTable& owned() const noexcept { return slots; }
  void clear_for_test() const noexcept { slots.clear_for_test(); }

  SideTable slots;
};

}  // namespace internal

// What `static PyObject* cached` is meant to be: one object for each
// interpreter, made on first use there and released at that interpreter's end.
//
//   PyObject* Decimal() {  // a borrowed reference
//     static const multislot::cpython::HandleCache<> cache;
//     // ImportAttr gives a new reference, which the interpreter then owns.
//     return cache.get_or_create(ImportAttr("decimal", "Decimal"));
//   }
//
// Right with sub-interpreters, with a GIL for each, without any, and over
// Py_Finalize and Py_Initialize. A namespace-scope static, a function-local
// static or a member: it is constant-initialised. Destroying a cache does not
// release its objects: each stays alive until its interpreter ends, and 12
// bytes with it. So a million short-lived C++ objects with a cache each leave a
// million Python objects behind until then.
//
// Policy is the slot policy: SideTable unless the build's flag names another
// one. Current says how the current interpreter is found: AskAlways, or
// AskIfSeveral (ask_if_several.h), which modules opt into.
//
// Ownership: make() returns a new reference, and the interpreter owns it.
// Lookups return a borrowed reference that is good until the interpreter ends.
// Errors: see get_or_create().
// Threads: any thread that is attached to an interpreter, at any time. No lock
// is held while make() runs, and nobody waits for it.
// Cost: a hit takes constant time: CPython is asked who is current, and nothing
// is locked or written. A cache with SideTable is one word, and takes 12 bytes
// more in each interpreter (side_table.h says when it is more). Other policies
// come on top of that: FixedSlots<N> with 16 bytes a slot, where pointers have
// 64 bits. What overflows them is found in the interpreter's table.
//
// The interpreter's end:
//   - Its objects are released late, when its modules and even builtins are
//     gone already. An object whose __del__ needs more than itself should be
//     kept by its module too, or not at all.
//   - The object that was made last is released first.
//   - From the interpreter's own atexit callbacks on, lookups cost a dict
//     lookup more.
//   - Once its objects are released, nothing is left that could own any:
//     make() is called each time, and what it returns lives for ever. The same
//     holds where user code took sys.modules away before the first lookup,
//     without memory, and for caches beyond 2^28 (2^24 where pointers have 32
//     bits).
//
// fork(): the child can look up and fill. CPython itself (3.9 to 3.13) may hang
// or crash in a child of a process that has sub-interpreters.
template <typename Policy = DefaultHandleCachePolicy,
          typename Current = AskAlways>
class HandleCache {
 public:
  static_assert(!std::is_same<Policy, SingleSlot>::value,
                "HandleCache needs a slot for each interpreter: SingleSlot has "
                "one for all. Name another policy, HandleCache<SideTable>");
  static_assert(multislot::internal::CheckSlotPolicy<Policy>::value, "");
  static_assert(
      std::is_same<typename Policy::interpreter_type, Interpreter>::value,
      "HandleCache needs a policy for multislot::Interpreter");

  using policy_type = Policy;

  constexpr HandleCache() noexcept = default;
  HandleCache(const HandleCache&) = delete;
  HandleCache& operator=(const HandleCache&) = delete;

  // The current interpreter's object, a borrowed reference that is good until
  // the interpreter ends. If it has none yet, make() is called, and returns a
  // new reference:
  //   - The interpreter owns it from then on, and releases it at its end.
  //   - If another thread's make() was first, that one's object is returned,
  //     and this one released at once.
  //   - If the policy has no slot left the interpreter still owns it, and later
  //     calls find it there.
  //
  // If make() returns null, with a Python error set, or throws, that is passed
  // on and the next call tries again.
  //
  // A Python error that is pending is kept aside while make() runs, and is
  // pending again afterwards. If make() failed, its own error is pending, with
  // the one from before at the end of its chain of contexts (__context__).
  //
  // Without an attached thread state: asserts unless NDEBUG is defined; then
  // null, and make() is not called. (Under the limited API, CPython ends the
  // process. Before 3.12 CPython does not tell a thread that is not attached
  // from the one that is.)
  template <typename Make>
  [[nodiscard]] PyObject* get_or_create(Make&& make) const {
    internal::CheckMake<Make>();
    if constexpr (internal::kIsMake<Make>) {
      return GetOrCreate(Current::Find(), std::forward<Make>(make));
    } else {
      return nullptr;
    }
  }

  // The same for code that already holds the CurrentInterpreter(), say in its
  // module state: CPython is not asked again on a hit. The pointer is good
  // until the interpreter's end. If it is null, this behaves like
  // get_or_create(make).
  // Passing another interpreter than the calling thread's is a programming
  // error: asserts unless NDEBUG is defined; then a hit is that interpreter's
  // object, and a miss is get_or_create(make).
  template <typename Make>
  [[nodiscard]] PyObject* get_or_create(Interpreter* current,
                                        Make&& make) const {
    ABSL_ASSERT(current == nullptr || CurrentInterpreter() == nullptr ||
                CurrentInterpreter() == current);
    internal::CheckMake<Make>();
    if constexpr (internal::kIsMake<Make>) {
      return GetOrCreate(current, std::forward<Make>(make));
    } else {
      return nullptr;
    }
  }

  // For tests that want to start afresh: from here on each interpreter's object
  // is made anew. The ones that there are live on until their interpreters end.
  // No other call on this cache may overlap.
  void clear_for_test() const noexcept { places_.clear_for_test(); }

 private:
  template <typename Make>
  PyObject* GetOrCreate(Interpreter* interpreter, Make&& make) const {
    if (ABSL_PREDICT_TRUE(interpreter != nullptr)) {
      PyObject* handle = places_.slots.find_fast(interpreter);
      if (ABSL_PREDICT_TRUE(handle != nullptr)) return handle;
      if constexpr (!kSlotsOwn) {
        handle = places_.owned().find_fast(interpreter);
        if (handle != nullptr) return handle;
      }
    }
    return FindOrCreate(std::forward<Make>(make));
  }

  template <typename Make>
  ABSL_ATTRIBUTE_NOINLINE PyObject* FindOrCreate(Make&& make) const {
    if (internal::CurrentState() == nullptr) {
      ABSL_ASSERT(false && "no thread state");
      return nullptr;
    }
    internal::Record* record = internal::CurrentRecord();
    if (record != nullptr) {
      PyObject* handle = Find(&record->interpreter);
      if (handle != nullptr) return handle;
    }
    PyObject* made = internal::CallMake(std::forward<Make>(make));
    if (made == nullptr) return nullptr;
    // make() may have run long enough for the interpreter to get its record, or
    // to lose it.
    record = internal::CurrentRecord();
    made = internal::Own(record, places_.owned(), made);
    return record == nullptr ? made : Publish(&record->interpreter, made);
  }

  PyObject* Find(const Interpreter* interpreter) const noexcept {
    PyObject* handle = places_.owned().find(interpreter);
    if constexpr (!kSlotsOwn) {
      // Of an object that nobody owns, for want of memory.
      if (handle == nullptr) handle = places_.slots.find(interpreter);
    }
    return handle;
  }

  // The interpreter's table decides which object it has. Slots are for finding
  // it.
  PyObject* Publish(const Interpreter* interpreter,
                    PyObject* handle) const noexcept {
    if constexpr (!kSlotsOwn) {
      PyObject* first = places_.slots.publish(interpreter, handle);
      if (first != nullptr) return first;
    }
    return handle;
  }

  static constexpr bool kSlotsOwn = std::is_same<Policy, SideTable>::value;

  internal::Places<Policy> places_;
};

}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_HANDLE_CACHE_H_
