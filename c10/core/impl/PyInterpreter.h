#ifndef C10_CORE_IMPL_PYINTERPRETER_H_
#define C10_CORE_IMPL_PYINTERPRETER_H_

#include <string>

#include "c10/macros/Macros.h"
#include "c10/util/python_stub.h"

namespace c10 {
inline namespace C10_STAND_IN_ {
namespace impl {

// What C++ code that knows no Python can ask of an interpreter. Implementations
// live as long as the process does.
class PyInterpreterVTable {
 public:
  virtual ~PyInterpreterVTable() = default;

  // For people to read.
  virtual std::string name() const = 0;

  // Gives back a reference that this interpreter owns; takes its GIL itself.
  virtual void decref(PyObject* object) const = 0;
};

// One Python interpreter, as C++ code sees it. A cache uses nothing of it but
// its address, so that must stay this interpreter's alone for as long as any
// cache may know it: in PyTorch such an object is never freed.
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

  // The Python interpreter is gone: from here on operations touch nothing. A
  // decref leaks, for there is nobody left to give the reference back to.
  void disarm() noexcept;

 private:
  const PyInterpreterVTable* vtable_;
};

}  // namespace impl
}  // namespace C10_STAND_IN_
}  // namespace c10

#endif  // C10_CORE_IMPL_PYINTERPRETER_H_
