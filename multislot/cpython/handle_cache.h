#ifndef MULTISLOT_CPYTHON_HANDLE_CACHE_H_
#define MULTISLOT_CPYTHON_HANDLE_CACHE_H_

#include <Python.h>

#include <type_traits>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/base/macros.h"
#include "absl/base/optimization.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/interpreter.h"
#include "multislot/py_handle_cache.h"
#include "multislot/single_slot.h"
#include "multislot/slot_policy.h"

namespace multislot {
namespace cpython {

// What `static PyObject* cached` is meant to be: one object for each
// interpreter, made on first use there and released at that interpreter's end.
//
//   PyObject* Decimal() {
//     static const multislot::cpython::HandleCache<> cache;
//     return cache.get_or_create(ImportAttr("decimal", "Decimal"));
//   }
//
// Right with sub-interpreters, with a GIL for each, without any, and over
// Py_Finalize and Py_Initialize. As a namespace-scope static, a function-local
// static or a member: construction is constant initialisation, there is nothing
// to destroy.
//
// A hit takes constant time: CPython is asked who is current, and nothing is
// locked or written. 16 bytes a slot and 8 more, where pointers have 64 bits.
//
// Policy is the slot policy; Current says how the current interpreter is found:
// AskAlways, or AskIfSeveral (ask_if_several.h), which modules opt into.
//
// Thread-safety: any thread that is attached to an interpreter, at any time. No
// lock is held while make() runs, and nobody waits for it.
template <typename Policy = DefaultSlotPolicy, typename Current = AskAlways>
class HandleCache {
 public:
  static_assert(!std::is_same<Policy, SingleSlot>::value,
                "HandleCache needs a slot for each interpreter: SingleSlot has "
                "one for all. Name another policy, HandleCache<FixedSlots<8>>");
  static_assert(multislot::internal::CheckSlotPolicy<Policy>::value, "");
  static_assert(
      std::is_same<typename Policy::interpreter_type, Interpreter>::value,
      "HandleCache needs a policy for multislot::Interpreter");

  using policy_type = Policy;

  constexpr HandleCache() noexcept = default;
  HandleCache(const HandleCache&) = delete;
  HandleCache& operator=(const HandleCache&) = delete;

  // The current interpreter's object, a borrowed reference that holds until the
  // interpreter's end. If it has none yet, make() is called, and returns a new
  // reference:
  //   - The interpreter owns it from then on, and releases it at its end.
  //   - If another thread's make() was first, that one's object is returned,
  //     and this one released at once.
  //   - If no slot is left the interpreter owns it just so, and later calls
  //     find it there, at the price of a dict lookup.
  //   - After the interpreter's dict is cleared, late in its end, nothing is
  //     left that could own objects: make() is called each time, and what it
  //     returns lives for ever.
  // If make() returns null, with a Python error set, or throws, that is passed
  // on and the next call tries again. An error that was set before stays set.
  //
  // Without an attached thread state: an assertion in debug builds; otherwise
  // null, and make() is not called. (Under the limited API, CPython ends the
  // process.)
  template <typename Make>
  PyObject* get_or_create(Make&& make) const {
    return GetOrCreate(Current::Find(), std::forward<Make>(make));
  }

  // The same for code that already holds the CurrentInterpreter(), say in its
  // module state: CPython is not asked again on a hit. The pointer is good
  // until the interpreter's end, and null is as good as get_or_create().
  // Passing another interpreter than the calling thread's is a programming
  // error: an assertion in debug builds; otherwise a hit is that interpreter's
  // object, and a miss is get_or_create().
  template <typename Make>
  PyObject* ptr_or(Interpreter* current, Make&& make) const {
    ABSL_ASSERT(current == nullptr || CurrentInterpreter() == nullptr ||
                CurrentInterpreter() == current);
    return GetOrCreate(current, std::forward<Make>(make));
  }

 private:
  template <typename Make>
  PyObject* GetOrCreate(Interpreter* interpreter, Make&& make) const {
    if (ABSL_PREDICT_TRUE(interpreter != nullptr)) {
      PyObject* handle = slots_.find_fast(interpreter);
      if (ABSL_PREDICT_TRUE(handle != nullptr)) return handle;
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
      PyObject* handle = slots_.find(&record->interpreter);
      if (handle != nullptr) return handle;
      handle = internal::FindOwned(record, number_);
      if (handle != nullptr) return Publish(record, handle);
    }
    PyObject* made = std::forward<Make>(make)();
    if (made == nullptr) return nullptr;
    // make() may have run long enough for the interpreter to get its record, or
    // to lose it.
    record = internal::CurrentRecord();
    return Publish(record, internal::Own(record, number_, made));
  }

  // Which object an interpreter gets, its dict decides. The slots are for
  // finding it.
  PyObject* Publish(internal::Record* record, PyObject* handle) const noexcept {
    if (record != nullptr) slots_.publish(&record->interpreter, handle);
    return handle;
  }

  Policy slots_;
  mutable internal::CacheNumber number_{0};
};

}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_HANDLE_CACHE_H_
