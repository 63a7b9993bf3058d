#ifndef MULTISLOT_BASIC_PY_HANDLE_CACHE_H_
#define MULTISLOT_BASIC_PY_HANDLE_CACHE_H_

#include <cstddef>
#include <type_traits>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/base/macros.h"
#include "absl/base/optimization.h"
#include "multislot/internal/py_object.h"
#include "multislot/slot_policy.h"

namespace multislot {

namespace internal {

// How an accessor is passed to a function that is not inlined. A temporary
// small enough for two registers, a lambda mostly, goes there; in memory, every
// hit would have to write it.
template <typename SlowAccessor>
using AccessorParam =
    std::conditional_t<std::is_trivially_copyable<SlowAccessor>::value &&
                           sizeof(std::decay_t<SlowAccessor>) <=
                               2 * sizeof(void*),
                       SlowAccessor, SlowAccessor&&>;

}  // namespace internal

// Remembers, for each Python interpreter, the PyObject* that stands for one C++
// object there. Policy is a slot policy (slot_policy.h): it says how many
// interpreters have a slot, and how a slot is found. PyHandleCache is the one
// with the default policy.
//
// Example (examples/snippets/core_headers.cc [basic_py_handle_cache]):
//
//   PyObject* OperatorIn4(multislot::Interpreter* interpreter) {
//     static const BasicPyHandleCache<FixedSlots<4>> cache;
//     return cache.ptr_or(interpreter, [] { return FindOperator(); });
//   }
//
// A namespace-scope static, a function-local static or a member of another
// object: it is constant-initialised and trivially destructible. It can be
// neither copied nor moved.
//
// Ownership: the cache owns no reference. The slow accessor must return a
// borrowed reference to an object that lives until its interpreter ends. One
// that returns a new reference leaks it at each miss; for those there is
// multislot::cpython::HandleCache.
// Errors: see ptr_or().
// Threads: any member, from any thread, at any time, with or without a GIL. No
// lock is held while the slow accessor runs. So it may do what it likes:
// import, release the GIL, throw, use this or another cache.
// Cost: the policy's; its header says what hits, fills and memory cost.
//
// The policy SingleSlot makes this c10::PyHandleCache, with its limits;
// single_slot.h has them.
template <typename Policy>
class BasicPyHandleCache {
  static_assert(internal::CheckSlotPolicy<Policy>::value, "");

 public:
  using policy_type = Policy;
  using interpreter_type = typename Policy::interpreter_type;

  constexpr BasicPyHandleCache() noexcept = default;
  BasicPyHandleCache(const BasicPyHandleCache&) = delete;
  BasicPyHandleCache& operator=(const BasicPyHandleCache&) = delete;

  // The handle for this interpreter, a borrowed reference. From its slot, if it
  // has one: a hit. Else from slow_accessor, a callable without arguments that
  // returns a borrowed reference; it is called once, and what it returns fills
  // a slot:
  //   - If another call filled the interpreter's slot meanwhile, that one's
  //     handle is returned. Once an interpreter got a handle from its slot, it
  //     gets the same one until it retires.
  //   - If there is no slot left, or the interpreter is retired, the accessor's
  //     result is returned and nothing remembered.
  //   - If the accessor throws or returns null, that is passed on and nothing
  //     remembered; the next call tries again. A Python error that is set stays
  //     as it is.
  // A null interpreter asserts unless NDEBUG is defined; then the accessor is
  // called and nothing remembered.
  template <typename SlowAccessor>
  [[nodiscard]] PyObject* ptr_or(interpreter_type* interpreter,
                                 SlowAccessor&& slow_accessor) const {
    constexpr bool is_accessor =
        std::is_invocable_r<PyObject*, SlowAccessor>::value;
    static_assert(is_accessor,
                  "a slow accessor is called without arguments and returns a "
                  "PyObject*");
    if constexpr (is_accessor) {
      ABSL_ASSERT(interpreter != nullptr && "no interpreter");
      if (ABSL_PREDICT_TRUE(interpreter != nullptr)) {
        PyObject* handle = slots_.find_fast(interpreter);
        if (ABSL_PREDICT_TRUE(handle != nullptr)) return handle;
      }
      return FindOrAccess<SlowAccessor>(
          interpreter, std::forward<SlowAccessor>(slow_accessor));
    } else {
      return nullptr;
    }
  }

  // The handle in this interpreter's slot, a borrowed reference; null if there
  // is none or the interpreter is null. Calls nothing and changes nothing.
  [[nodiscard]] PyObject* peek(
      const interpreter_type* interpreter) const noexcept {
    return interpreter == nullptr ? nullptr : slots_.find(interpreter);
  }

  // How many interpreters can have a slot; kUnlimited if that has no limit.
  [[nodiscard]] static constexpr std::size_t capacity() noexcept {
    return Policy::capacity();
  }

  // For tests that want to start afresh: forgets all handles. No other call on
  // this cache may overlap.
  void clear_for_test() const noexcept { slots_.clear_for_test(); }

  // How many live interpreters have one. A snapshot, for people to read.
  [[nodiscard]] std::size_t occupancy() const noexcept {
    return slots_.occupancy();
  }

  // -------------------------------------------------------------------------
  // End of the public interface.
  // -------------------------------------------------------------------------

 private:
  template <typename SlowAccessor>
  ABSL_ATTRIBUTE_NOINLINE PyObject* FindOrAccess(
      interpreter_type* interpreter,
      internal::AccessorParam<SlowAccessor> slow_accessor) const {
    if (PyObject* handle = peek(interpreter)) return handle;
    PyObject* handle = std::forward<SlowAccessor>(slow_accessor)();
    if (handle == nullptr || interpreter == nullptr) return handle;
    PyObject* published = slots_.publish(interpreter, handle);
    return published != nullptr ? published : handle;
  }

  Policy slots_;
};

}  // namespace multislot

#endif  // MULTISLOT_BASIC_PY_HANDLE_CACHE_H_
