#ifndef MULTISLOT_CPYTHON_PER_INTERPRETER_H_
#define MULTISLOT_CPYTHON_PER_INTERPRETER_H_

#include <Python.h>

#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/internal/owned.h"
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

template <typename T>
PyObject* HandleOf(T* value) noexcept {
  return reinterpret_cast<PyObject*>(
      const_cast<void*>(static_cast<const volatile void*>(value)));
}
template <typename T>
T* ValueOf(PyObject* handle) noexcept {
  return static_cast<T*>(static_cast<void*>(handle));
}

// A value that make() returns as a T: constructed where it stays.
template <typename T, typename>
struct Holder : OwnedValue {
  template <typename Make>
  explicit Holder(Make&& make)
      : OwnedValue{nullptr,
                   [](OwnedValue* self) { delete static_cast<Holder*>(self); },
                   nullptr},
        value(std::forward<Make>(make)()) {
    handle = HandleOf<T>(std::addressof(value));
  }

  T value;
};

// A value that make() returns in a std::unique_ptr.
template <typename T, typename Made, typename Deleter>
struct Holder<T, std::unique_ptr<Made, Deleter>> : OwnedValue {
  template <typename Make>
  explicit Holder(Make&& make)
      : OwnedValue{nullptr, Destroy, nullptr},
        pointer(std::forward<Make>(make)()) {
    if (pointer != nullptr) handle = HandleOf<T>(pointer.get());
  }
  // Not by the pointer's destructor, which is noexcept: see SavedError.
  static void Destroy(OwnedValue* self) {
    auto* holder = static_cast<Holder*>(self);
    auto* made = holder->pointer.release();
    if (made != nullptr) holder->pointer.get_deleter()(made);
    delete holder;
  }

  std::unique_ptr<Made, Deleter> pointer;
};

template <typename T, typename Made>
struct IsValue : std::is_same<typename std::remove_cv<T>::type, Made> {};
template <typename T, typename Made, typename Deleter>
struct IsValue<T, std::unique_ptr<Made, Deleter>>
    : std::is_convertible<Made*, T*> {};

// What make() returns; void if it cannot be called.
template <typename Make, typename = void>
struct MadeBy {
  using type = void;
};
template <typename Make>
struct MadeBy<Make, std::void_t<std::invoke_result_t<Make>>> {
  using type = typename std::remove_cv<std::invoke_result_t<Make>>::type;
};

template <typename T, typename Make>
inline constexpr bool kIsMakeOf =
    IsValue<T, typename MadeBy<Make>::type>::value;

template <typename T, typename Make>
constexpr void CheckMakeOf() {
  static_assert(kIsMakeOf<T, Make>,
                "make is called without arguments and returns a T or a "
                "std::unique_ptr<T>");
}

// A new Value, made of the arguments, which call the user's make(). A Python
// error that is pending is kept aside meanwhile. Null without memory, and if
// make() failed, which it says by a null handle or by a Python error: what it
// made is destroyed.
template <typename Value, typename... Args>
OwnedValue* CreateValue(Args&&... args) {
  SavedError saved_error;
  OwnedValue* made = new (std::nothrow) Value(std::forward<Args>(args)...);
  if (made == nullptr) {
    PyErr_NoMemory();
  } else if (made->handle == nullptr || PyErr_Occurred() != nullptr) {
    Destroy(made);
    made = nullptr;
  }
  saved_error.Restore();
  return made;
}

// For OwningCache: values of C++.
template <typename T>
struct Values {
  template <typename Make>
  static OwnedValue* Create(Make&& make) {
    return CreateValue<Holder<T, typename MadeBy<Make>::type>>(
        std::forward<Make>(make));
  }
};

}  // namespace internal

// A T for each interpreter, made on first use there and destroyed at that
// interpreter's end: a struct of several Python objects, a table of function
// pointers, whatever an extension would otherwise keep in a static variable.
//
// Example (examples/snippets/adapter_headers.cc [per_interpreter]):
//
//   struct Types {
//     PyObject* decimal = nullptr;
//     PyObject* fraction = nullptr;
//     ~Types() {
//       Py_XDECREF(decimal);
//       Py_XDECREF(fraction);
//     }
//   };
//
//   std::unique_ptr<Types> MakeTypes() {
//     auto types = std::make_unique<Types>();
//     types->decimal = ImportAttr("decimal", "Decimal")();
//     if (types->decimal == nullptr) return nullptr;
//     types->fraction = ImportAttr("fractions", "Fraction")();
//     if (types->fraction == nullptr) return nullptr;
//     return types;
//   }
//
//   const Types* GetTypes() {  // null with a Python error set
//     static const PerInterpreter<Types> cache;
//     return cache.get_or_create(MakeTypes);
//   }
//
// It is a HandleCache (handle_cache.h) for values that are no Python object,
// with the same template arguments and the same cost. It too is
// constant-initialised and trivially destructible.
//
// Ownership: the interpreter owns the T. Pointers to it are good until the
// interpreter ends. A thread that is attached to that interpreter destroys it,
// late in the interpreter's end, when its modules and even builtins are gone:
// T's destructor should need no more than T. What was made last goes first,
// objects of HandleCaches included, so T goes before what it was made from. If
// two threads each made a T, the one that is not needed is destroyed at once,
// in its interpreter. Destroying the PerInterpreter destroys no T.
// Errors: see get_or_create().
// Threads: as HandleCache. T itself is shared by all threads of its
// interpreter.
// Cost: a HandleCache's; T's own memory and three pointers more; one allocation
// for each T.
//
// T: any type of object, over-aligned ones too. It need not be movable. Its
// destructor must not throw; it may run Python code, and look things up. Before
// CPython 3.14, a daemon thread that runs Python code while the process ends is
// ended by pthread_exit(), which must not unwind through a noexcept function:
// declare a destructor that may be called then noexcept(false).
template <typename T, typename SlotPolicy = DefaultHandleCachePolicy,
          typename Current = AskCPython>
class PerInterpreter {
 public:
  static_assert(std::is_object<T>::value && !std::is_array<T>::value,
                "T is a type of object: no reference, function, array or void");

  using value_type = T;
  using policy_type = SlotPolicy;

  constexpr PerInterpreter() noexcept = default;
  PerInterpreter(const PerInterpreter&) = delete;
  PerInterpreter& operator=(const PerInterpreter&) = delete;

  // The current interpreter's T. If it has none yet, make() is called, without
  // arguments. It returns
  //   - a T, which is constructed where it stays, or
  //   - a std::unique_ptr<T>, with any deleter, or to a class derived from T;
  //     null if it fails, with a Python error set.
  //
  // make() also fails if it throws, or leaves a Python error set; what it
  // returned with one is destroyed. A failure is passed on, as an exception or
  // as null with the Python error set, and the next call tries again. So is
  // running out of memory: null, with a MemoryError.
  //
  // make() may look this T up itself: then what the inner call made is the
  // interpreter's T.
  //
  // A Python error that is pending is kept aside while make() runs, as
  // HandleCache::get_or_create() does. What happens without an attached thread
  // state, and once an interpreter's objects are released, is said there too:
  // where nothing can own a T, one is made for each call, and lives for ever.
  template <typename Make>
  [[nodiscard]] T* get_or_create(Make&& make) const {
    internal::CheckMakeOf<T, Make>();
    if constexpr (internal::kIsMakeOf<T, Make>) {
      return internal::ValueOf<T>(cache_.GetOrCreate(std::forward<Make>(make)));
    } else {
      return nullptr;
    }
  }

  // The same for code that already holds the CurrentInterpreter(); see
  // HandleCache::get_or_create().
  template <typename Make>
  [[nodiscard]] T* get_or_create(Interpreter* current, Make&& make) const {
    internal::CheckMakeOf<T, Make>();
    if constexpr (internal::kIsMakeOf<T, Make>) {
      return internal::ValueOf<T>(
          cache_.GetOrCreate(current, std::forward<Make>(make)));
    } else {
      return nullptr;
    }
  }

  // The T that the current interpreter has; null if it has none. Makes none,
  // and sets no error.
  [[nodiscard]] T* peek() const { return internal::ValueOf<T>(cache_.Peek()); }

  // For tests that want to start afresh; see HandleCache.
  void clear_for_test() const noexcept { cache_.clear_for_test(); }

 private:
  internal::OwningCache<internal::Values<T>, SlotPolicy, Current> cache_;
};

}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_PER_INTERPRETER_H_
