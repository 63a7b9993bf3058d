#ifndef MULTISLOT_CPYTHON_CALL_ONCE_AND_STORE_H_
#define MULTISLOT_CPYTHON_CALL_ONCE_AND_STORE_H_

#include <Python.h>

#include <memory>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/base/config.h"
#include "absl/base/optimization.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/internal/once_gate.h"
#include "multislot/cpython/internal/owned.h"
#include "multislot/cpython/internal/owning_cache.h"
#include "multislot/cpython/internal/python_abi.h"
#include "multislot/cpython/internal/saved_error.h"
#include "multislot/cpython/per_interpreter.h"

namespace multislot {
namespace cpython {
inline namespace MULTISLOT_PYTHON_ABI {

namespace internal {

// What fn() returned, and how to end it.
template <typename T>
struct Stored : OwnedValue {
  template <typename Callable>
  Stored(Callable&& fn, void (*finalize)(T&))
      : OwnedValue{nullptr, End, nullptr},
        value(std::forward<Callable>(fn)()),
        finalize_(finalize) {
    handle = HandleOf<T>(std::addressof(value));
  }
  ~Stored() {}

  static void End(OwnedValue* self) {
    auto* stored = static_cast<Stored*>(self);
    if (stored->finalize_ != nullptr) {
      stored->finalize_(stored->value);
    } else {
      stored->value.~T();
    }
    delete stored;
  }

  union {
    T value;
  };
  void (*finalize_)(T&);
};

// For OwningCache. Unlike those of PerInterpreter, a value that comes with a
// Python error is kept.
template <typename T>
struct StoredValues {
  template <typename Callable>
  struct Call {
    Callable&& fn;
    void (*finalize)(T&);
  };
  template <typename Callable>
  static OwnedValue* Create(Call<Callable>&& call) {
    SavedError saved_error;
    OwnedValue* stored =
        new Stored<T>(std::forward<Callable>(call.fn), call.finalize);
    saved_error.Restore();
    return stored;
  }
};

[[noreturn]] inline void CannotGoOn(const char* why) {
#ifdef ABSL_HAVE_EXCEPTIONS
  throw std::logic_error(why);
#else
  Py_FatalError(why);
#endif
}

}  // namespace internal

// pybind11's gil_safe_call_once_and_store, with the same member functions and
// without pybind11: a T for each interpreter, which fn() makes on first use
// there.
//
// Example (examples/migrating/pybind_after.cc [storage]):
//
//   const py::object& Fraction() {
//     static CallOnceAndStore<py::object> storage;
//     return storage
//         .call_once_and_store_result(
//             [] { return py::module_::import("fractions").attr("Fraction"); })
//         .get_stored();
//   }
//
// It is a PerInterpreter (per_interpreter.h) that waits: while one thread is in
// fn(), other threads of the same interpreter that call it wait, detached. So
// fn() is called once. Where it may be called several times and all results but
// one be dropped, use PerInterpreter: it is smaller.
//
// Unlike pybind11's:
//   - get_stored() takes as long with sub-interpreters as without.
//   - T is destroyed, or finalized, at its interpreter's end on every Python,
//     in the reverse order of making. (With pybind11 before 3.1, and where it
//     has no support for sub-interpreters, T lives for ever.)
//   - fn() may recur: the inner call's result is stored.
//   - No thread waits for ever.
//   - get_stored() where nothing was stored is an error that is reported.
//   - call_once_and_store_result() returns the T that it found.
//
// Ownership: as PerInterpreter. A namespace-scope static, a function-local
// static or a member: it is constant-initialised and trivially destructible.
// Errors: what fn() throws is passed on, nothing is stored, and the next call
// tries again. Without memory std::bad_alloc is thrown. Code that is compiled
// without exceptions ends the process with Py_FatalError() instead of throwing.
// Threads: as HandleCache.
// Cost: either call costs a PerInterpreter's hit, and both in one expression,
// as above, cost one. Two words, and a second entry in each interpreter's
// table.
template <typename T, typename SlotPolicy = DefaultHandleCachePolicy,
          typename Current = AskCPython>
class CallOnceAndStore {
 public:
  constexpr CallOnceAndStore() noexcept = default;
  CallOnceAndStore(const CallOnceAndStore&) = delete;
  CallOnceAndStore& operator=(const CallOnceAndStore&) = delete;

  // What call_once_and_store_result() returns. pybind11's returns the storage
  // itself, which looks for the T a second time.
  class Result {
   public:
    [[nodiscard]] T& get_stored() const noexcept { return *stored_; }

   private:
    friend class CallOnceAndStore;
    explicit Result(T* stored) noexcept : stored_(stored) {}
    T* stored_;
  };

  // If the current interpreter has no T yet, stores T(fn()) for it. At the
  // interpreter's end, finalize() is called with the T, or if it is null, the
  // T's destructor. Returns what has get_stored(): the same T, without another
  // look.
  //
  // fn() is called once, but for this: threads do not wait longer than ten
  // seconds, nor once the process is ending, nor in the child of a fork for an
  // fn() that was running at the fork. They call their own fn() then. One
  // result is stored, and the other ones are finalized at once.
  //
  // Where nothing can own a T any more, late in an interpreter's end, each call
  // makes one that lives for ever, and only what it returns has it.
  //
  // A Python error that is pending is kept aside while fn() runs.
  template <typename Callable>
  Result call_once_and_store_result(Callable&& fn,
                                    void (*finalize)(T&) = nullptr) {
    PyObject* handle = values_.Peek();
    if (ABSL_PREDICT_FALSE(handle == nullptr)) {
      handle = CallAndStore(std::forward<Callable>(fn), finalize);
    }
    return Result(internal::ValueOf<T>(handle));
  }

  // The current interpreter's T, good until the interpreter ends. If it has
  // none, which is a mistake, std::logic_error is thrown.
  [[nodiscard]] T& get_stored() {
    PyObject* handle = values_.Peek();
    if (ABSL_PREDICT_FALSE(handle == nullptr)) {
      internal::CannotGoOn(
          "get_stored() before call_once_and_store_result() in this "
          "interpreter");
    }
    return *internal::ValueOf<T>(handle);
  }

 private:
  template <typename Callable>
  using Call = typename internal::StoredValues<T>::template Call<Callable>;

  template <typename Callable>
  ABSL_ATTRIBUTE_NOINLINE PyObject* CallAndStore(Callable&& fn,
                                                 void (*finalize)(T&)) {
    if (internal::CurrentState() == nullptr) {
      internal::CannotGoOn(
          "call_once_and_store_result() without a thread state");
    }
    const internal::OnceGate::Pass pass(Gate());
    return values_.GetOrCreate(
        Call<Callable>{std::forward<Callable>(fn), finalize});
  }

  // Null if nothing can own one: then nobody waits.
  internal::OnceGate* Gate() const {
    internal::SavedError saved_error;
    internal::OnceGate* gate =
        CurrentInterpreter() == nullptr
            ? nullptr
            : gates_.get_or_create([] { return internal::OnceGate(); });
    PyErr_Clear();
    saved_error.Restore();
    return gate;
  }

  internal::OwningCache<internal::StoredValues<T>, SlotPolicy, Current> values_;
  PerInterpreter<internal::OnceGate, SlotPolicy, Current> gates_;
};

}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_CALL_ONCE_AND_STORE_H_
