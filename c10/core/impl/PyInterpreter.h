#ifndef C10_CORE_IMPL_PYINTERPRETER_H_
#define C10_CORE_IMPL_PYINTERPRETER_H_

#include <string>

#include "c10/macros/Macros.h"
#include "c10/util/python_stub.h"

namespace c10 {
inline namespace C10_STAND_IN_ {
namespace impl {

// The operations of an interpreter for C++ code that does not use Python.h.
// Implementations live as long as the process.
class PyInterpreterVTable {
 public:
  virtual ~PyInterpreterVTable() = default;

  // For people to read.
  virtual std::string name() const = 0;

  // Releases a reference that this interpreter owns; takes its GIL itself.
  virtual void decref(PyObject* object) const = 0;
};

// One Python interpreter, as C++ code sees it. A cache uses only its address.
// So no other interpreter may get that address while a cache may know it;
// PyTorch never frees such an object.
//
// disarm() must not run at the same time as an operation. Everything else may
// be called from any thread.
class PyInterpreter {
 public:
  // A null vtable makes an interpreter that is disarmed from the start.
  explicit PyInterpreter(const PyInterpreterVTable* vtable) noexcept
      : vtable_(vtable) {
    if (vtable == nullptr) disarm();
  }

  const PyInterpreterVTable& operator*() const noexcept { return *vtable_; }
  const PyInterpreterVTable* operator->() const noexcept { return vtable_; }

  // The Python interpreter is gone: from here on operations do nothing. A
  // decref leaks the reference.
  void disarm() noexcept;

 private:
  const PyInterpreterVTable* vtable_;
};

}  // namespace impl
}  // namespace C10_STAND_IN_
}  // namespace c10

#endif  // C10_CORE_IMPL_PYINTERPRETER_H_
