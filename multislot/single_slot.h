#ifndef MULTISLOT_SINGLE_SLOT_H_
#define MULTISLOT_SINGLE_SLOT_H_

#include <atomic>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "c10/core/impl/PyInterpreter.h"
#include "c10/util/Exception.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/internal/interpreter_traits.h"
#include "multislot/internal/py_object.h"
#include "multislot/internal/registry.h"
#include "multislot/internal/tag.h"
#include "multislot/interpreter.h"

namespace multislot {

// Slot policy: one slot, which the first interpreter that asks keeps for ever.
// It behaves as c10::PyHandleCache does, and is here to compare with, and for
// code that relies on that behaviour.
//
// Example (examples/snippets/core_headers.cc [single_slot]):
//
//   const BasicPyHandleCache<SingleSlot> g_in_one;
//
// Unlike the other policies:
//   - it needs the GIL;
//   - it is an error (c10::Error) if the slow accessor releases the GIL and
//     another call fills the slot meanwhile;
//   - a null that the slow accessor returns is remembered;
//   - a null interpreter gets null from an empty slot;
//   - no interpreter gets the slot of one that has retired;
//   - it has none of the functions that slot_policy.h lists: it is only a name
//     that BasicPyHandleCache knows. HandleCache does not take it.
struct SingleSlot {};

// c10::PyHandleCache, for two kinds of interpreters. A multislot::Interpreter
// is known by its tag, which no other ever has, so the next one at the same
// address is another one; once retired, it neither hits nor fills. A bare
// c10::impl::PyInterpreter is known only by its address.
template <>
class BasicPyHandleCache<SingleSlot> {
  template <typename Bare>
  using IfBare = std::enable_if_t<
      std::is_convertible<Bare*, const c10::impl::PyInterpreter*>::value>;

 public:
  using policy_type = SingleSlot;
  using interpreter_type = Interpreter;

  constexpr BasicPyHandleCache() noexcept = default;
  BasicPyHandleCache(const BasicPyHandleCache&) = delete;
  BasicPyHandleCache& operator=(const BasicPyHandleCache&) = delete;

  // As of c10::PyHandleCache.
  template <typename SlowAccessor>
  [[nodiscard]] PyObject* ptr_or(const Interpreter* interpreter,
                                 SlowAccessor&& slow_accessor) const {
    return Get(interpreter, std::forward<SlowAccessor>(slow_accessor));
  }
  template <typename Bare, typename SlowAccessor, typename = IfBare<Bare>>
  [[nodiscard]] PyObject* ptr_or(Bare* interpreter,
                                 SlowAccessor&& slow_accessor) const {
    return Get<c10::impl::PyInterpreter>(
        interpreter, std::forward<SlowAccessor>(slow_accessor));
  }

  // The handle in the slot if it is this interpreter's, a borrowed reference;
  // else null. A null that was remembered looks the same. Needs the GIL.
  [[nodiscard]] PyObject* peek(const Interpreter* interpreter) const noexcept {
    return Peek(KeyOf(interpreter));
  }
  template <typename Bare, typename = IfBare<Bare>>
  [[nodiscard]] PyObject* peek(Bare* interpreter) const noexcept {
    return Peek(KeyOf(interpreter));
  }

  [[nodiscard]] static constexpr std::size_t capacity() noexcept { return 1; }

  // Whether a live interpreter has the slot. A snapshot; needs no GIL.
  [[nodiscard]] std::size_t occupancy() const noexcept {
    // Relaxed: nothing is done with it but to ask.
    const Key key = key_.load(std::memory_order_relaxed);
    return (key & kBareMark) != 0 || internal::IsLive(key) ? 1 : 0;
  }

  // For tests that want to start afresh: forgets the handle. No other call on
  // this cache may overlap.
  void clear_for_test() const noexcept {
    key_.store(internal::kEmptyTag, std::memory_order_relaxed);
    handle_ = nullptr;
  }

 private:
  // What the slot knows an interpreter by: its tag, or its address with a mark,
  // so that neither is taken for the other; kEmptyTag for none.
  using Key = internal::Tag;
  static constexpr Key kBareMark = 1;

  static Key KeyOf(const Interpreter* interpreter) noexcept {
    return interpreter == nullptr
               ? internal::kEmptyTag
               : internal::InterpreterTraits<Interpreter>::TagOf(interpreter);
  }
  static Key KeyOf(const c10::impl::PyInterpreter* interpreter) noexcept {
    return interpreter == nullptr
               ? internal::kEmptyTag
               : reinterpret_cast<Key>(interpreter) | kBareMark;
  }

  template <typename InterpreterType, typename SlowAccessor>
  PyObject* Get(const InterpreterType* interpreter,
                SlowAccessor&& slow_accessor) const {
    constexpr bool is_accessor =
        std::is_invocable_r<PyObject*, SlowAccessor>::value;
    static_assert(is_accessor,
                  "a slow accessor is called without arguments and returns a "
                  "PyObject*");
    if constexpr (is_accessor) {
      const Key key = key_.load(std::memory_order_acquire);  // (14)
      if (ABSL_PREDICT_TRUE(key == KeyOf(interpreter))) return handle_;
      return Access<InterpreterType, SlowAccessor>(
          interpreter, std::forward<SlowAccessor>(slow_accessor));
    } else {
      return nullptr;
    }
  }

  template <typename InterpreterType, typename SlowAccessor>
  ABSL_ATTRIBUTE_NOINLINE PyObject* Access(
      const InterpreterType* interpreter,
      internal::AccessorParam<SlowAccessor> slow_accessor) const {
    const Key own = KeyOf(interpreter);
    Key key = key_.load(std::memory_order_acquire);  // (14)
    PyObject* handle = std::forward<SlowAccessor>(slow_accessor)();
    // The accessor may have run for long: the interpreter may have retired.
    if (key != internal::kEmptyTag || own == internal::kRetiredTag ||
        KeyOf(interpreter) != own) {
      return handle;
    }
    // One interpreter gets the slot. Before the handle is there, as in the
    // seed: between threads of one interpreter that is the GIL's business.
    if (key_.compare_exchange_strong(key, own,
                                     std::memory_order_acq_rel)) {  // (15)
      handle_ = handle;
    }
    TORCH_INTERNAL_ASSERT(key != own,
                          "another call for the same interpreter filled the "
                          "slot while the slow accessor ran");
    return handle;
  }

  PyObject* Peek(Key own) const noexcept {
    return own != internal::kEmptyTag &&
                   key_.load(std::memory_order_acquire) == own  // (14)
               ? handle_
               : nullptr;
  }

  mutable std::atomic<Key> key_{internal::kEmptyTag};
  mutable PyObject* handle_ = nullptr;
};

}  // namespace multislot

#endif  // MULTISLOT_SINGLE_SLOT_H_
