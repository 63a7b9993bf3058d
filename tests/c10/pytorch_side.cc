// Stands in for PyTorch: a library with the same names as ours, defined
// differently.

#include "tests/c10/pytorch_side.h"

#include <stdexcept>
#include <string>

namespace c10 {

class Error : public std::exception {
 public:
  explicit Error(int code) : code_(code) {}
  virtual int code() const { return code_; }
  const char* what() const noexcept override;

 private:
  int code_;
};

const char* Error::what() const noexcept { return "PyTorch's error"; }

namespace impl {

struct PyInterpreterVTable {
  virtual ~PyInterpreterVTable() = default;
  virtual std::string name() const;
};
std::string PyInterpreterVTable::name() const { return "PyTorch's"; }

struct PyInterpreter {
  void disarm() noexcept;
  int disarmed = 0;
  const PyInterpreterVTable* vtable = nullptr;
};
void PyInterpreter::disarm() noexcept { disarmed = 42; }

}  // namespace impl

struct PyHandleCache {
  int calls = 0;
  template <typename F>
  void* ptr_or(impl::PyInterpreter*, F slow_accessor) {
    ++calls;
    return slow_accessor();
  }
};

namespace detail {
struct Failure {
  [[noreturn]] void Throw(std::string message) const;
};
void Failure::Throw(std::string) const { throw Error(42); }
}  // namespace detail

template <typename... Parts>
std::string str(const Parts&...) {
  return "PyTorch's";
}
template std::string str(const int&);

}  // namespace c10

bool PyTorchIsItself() {
  c10::impl::PyInterpreter interpreter;
  interpreter.disarm();
  if (interpreter.disarmed != 42) return false;
  if (c10::impl::PyInterpreterVTable().name() != "PyTorch's") return false;
  if (c10::str(1) != "PyTorch's") return false;
  c10::PyHandleCache cache;
  const auto make = []() -> void* { return nullptr; };
  cache.ptr_or(&interpreter, make);
  cache.ptr_or(&interpreter, make);
  if (cache.calls != 2) return false;
  try {
    c10::detail::Failure().Throw("");
  } catch (const c10::Error& error) {
    return error.code() == 42 && std::string(error.what()) == "PyTorch's error";
  }
}
