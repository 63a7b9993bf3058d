#ifndef MULTISLOT_CPYTHON_HANDLE_CACHE_H_
#define MULTISLOT_CPYTHON_HANDLE_CACHE_H_

#include <Python.h>

#include <cstddef>
#include <type_traits>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/base/macros.h"
#include "absl/base/optimization.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/interpreter.h"
#include "multislot/py_handle_cache.h"
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
// Thread-safety: any thread that is attached to an interpreter, at any time. No
// lock is held while make() runs, and nobody waits for it.
template <typename Policy = DefaultSlotPolicy>
class HandleCache {
 public:
  static_assert(!std::is_same<Policy, SingleSlot>::value,
                "HandleCache needs a slot for each interpreter: SingleSlot has "
                "one for all. Name another policy, HandleCache<FixedSlots<8>>");

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
  //   - If there is no slot left, make() is called each time. Then each object
  //     that it returned, once however often, is kept until the interpreter's
  //     end.
  //   - After the interpreter's dict is cleared, late in its end, the same, but
  //     nothing is left that could release the objects.
  // If make() returns null, with a Python error set, or throws, that is passed
  // on and the next call tries again. An error that was set before stays set.
  //
  // Without an attached thread state: an assertion in debug builds; otherwise
  // null, and make() is not called.
  template <typename Make>
  PyObject* get_or_create(Make&& make) const {
    Interpreter* interpreter = CurrentInterpreter();
    if (ABSL_PREDICT_TRUE(interpreter != nullptr)) {
      PyObject* handle = slots_.find_fast(interpreter);
      if (ABSL_PREDICT_TRUE(handle != nullptr)) return handle;
    }
    return FindOrCreate(std::forward<Make>(make));
  }

 private:
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
    }
    PyObject* made = std::forward<Make>(make)();
    if (made == nullptr) return nullptr;
    // make() may have run long enough for the interpreter to get its record, or
    // to lose it.
    record = internal::CurrentRecord();
    Publication publication = {nullptr, false};
    if (record != nullptr) {
      publication = slots_.publish(&record->interpreter, made);
    }
    if (publication.handle == nullptr || publication.filled) {
      internal::Own(record, made);
      return made;
    }
    Py_DECREF(made);
    return publication.handle;
  }

  Policy slots_;
};

}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_HANDLE_CACHE_H_
