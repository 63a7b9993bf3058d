#ifndef OTHER_C10_CORE_IMPL_PYINTERPRETER_H_
#define OTHER_C10_CORE_IMPL_PYINTERPRETER_H_

namespace c10 {
namespace impl {

struct PyInterpreterVTable;

struct PyInterpreter {
  explicit PyInterpreter(const PyInterpreterVTable* vtable) : vtable_(vtable) {}

  const PyInterpreterVTable* vtable_;
};

}  // namespace impl
}  // namespace c10

#endif  // OTHER_C10_CORE_IMPL_PYINTERPRETER_H_
