// Uses a header that was written for PyTorch, without exceptions.

#include "tests/c10/written_for_pytorch.h"

#if defined(__cpp_exceptions) || defined(__cpp_rtti)
#error "with exceptions or RTTI"
#endif

int main() {
  static char object;
  PyObject* handle = reinterpret_cast<PyObject*>(&object);
  c10::impl::PyInterpreter interpreter(nullptr);
  const user::LastObject last;
  const bool right =
      last.get(&interpreter, [&] { return handle; }) == handle &&
      last.get(&interpreter, []() -> PyObject* { return nullptr; }) == handle &&
      user::half(4) == 2;
  return right ? 0 : 1;
}
