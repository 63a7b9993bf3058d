#ifndef MULTISLOT_CPYTHON_HANDLE_CACHE_H_
#define MULTISLOT_CPYTHON_HANDLE_CACHE_H_

#include <Python.h>

#include <type_traits>
#include <utility>

#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/internal/owning_cache.h"
#include "multislot/cpython/internal/python_abi.h"
#include "multislot/cpython/internal/saved_error.h"
#include "multislot/default_slot_policy.h"  // IWYU pragma: export
#include "multislot/fixed_slots.h"          // IWYU pragma: export
#include "multislot/interpreter.h"
#include "multislot/side_table.h"  // IWYU pragma: export

namespace multislot {
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

// For OwningCache: Python objects.
struct Objects {
  // A Python error that is pending is kept aside while make() runs.
  template <typename Make>
  static PyObject* Create(Make&& make) {
    SavedError saved_error;
    PyObject* made = std::forward<Make>(make)();
    saved_error.Restore();
    return made;
  }
};

}  // namespace internal

// What `static PyObject* cached` is meant to be: one Python object for each
// interpreter, made on first use there and released at that interpreter's end.
//
// Example (examples/snippets/adapter_headers.cc [handle_cache]):
//
//   PyObject* Decimal() {  // borrowed; null with a Python error set
//     static const HandleCache<> cache;
//     return cache.get_or_create(ImportAttr("decimal", "Decimal"));
//   }
//
// It works with sub-interpreters, with a GIL for each, without any GIL, and
// across Py_Finalize() and Py_Initialize(). If your code has its module at
// hand, module state does the same without this library.
//
// A namespace-scope static, a function-local static or a member: it is
// constant-initialised and trivially destructible.
//
// SlotPolicy is SideTable, unless a build flag names another one. Current says
// how the current interpreter is found: AskCPython, or
// SingleInterpreterFastPath, which modules opt into.
//
// Ownership: make() returns a new reference, and the interpreter owns it.
// Lookups return a borrowed reference that is good until the interpreter ends.
// Destroying a cache does not release its objects. So a million short-lived C++
// objects with a cache each leave a million Python objects, and 12 bytes for
// each, behind until the interpreter ends.
// Errors: see get_or_create().
// Threads: any thread that is attached to an interpreter, at any time. No lock
// is held while make() runs, and nobody waits for it. (In a free-threaded
// CPython call CurrentInterpreter() in the module's Py_mod_exec slot;
// current_interpreter.h says why.)
// Cost: a hit takes constant time: it asks CPython which interpreter is
// current, and locks and writes nothing. With SideTable a cache is one word,
// and takes 12 bytes more in each interpreter (side_table.h says when it is
// more). Other policies take their slots in addition: FixedSlots<N> 16 bytes
// each, where pointers have 64 bits. What overflows them is found in the
// interpreter's table.
//
// The interpreter's end:
//   - Its objects are released late, when its modules and even builtins are
//     gone. An object whose __del__ needs more than itself should be kept by
//     its module too, or not at all.
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
template <typename SlotPolicy = DefaultHandleCachePolicy,
          typename Current = AskCPython>
class HandleCache {
 public:
  using policy_type = SlotPolicy;

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
      return cache_.GetOrCreate(std::forward<Make>(make));
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
    internal::CheckMake<Make>();
    if constexpr (internal::kIsMake<Make>) {
      return cache_.GetOrCreate(current, std::forward<Make>(make));
    } else {
      return nullptr;
    }
  }

  // The object that the current interpreter has, a borrowed reference; null if
  // it has none. Makes none, and sets no error.
  [[nodiscard]] PyObject* peek() const { return cache_.Peek(); }

  // For tests that want to start afresh: from here on each interpreter's object
  // is made anew. The ones that there are live on until their interpreters end.
  // No other call on this cache may overlap.
  void clear_for_test() const noexcept { cache_.clear_for_test(); }

 private:
  internal::OwningCache<internal::Objects, SlotPolicy, Current> cache_;
};

}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_HANDLE_CACHE_H_
