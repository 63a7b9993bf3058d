// Must not compile, and the error must say why: there is no publish().

#include <cstddef>

#include "multislot/basic_py_handle_cache.h"
#include "multislot/interpreter.h"

namespace {

struct NeverPublishes {
  using interpreter_type = multislot::Interpreter;
  static constexpr std::size_t capacity() noexcept { return 1; }
  PyObject* find(const multislot::Interpreter*) const noexcept {
    return nullptr;
  }
  PyObject* find_fast(const multislot::Interpreter*) const noexcept {
    return nullptr;
  }
  std::size_t occupancy() const noexcept { return 0; }
};

}  // namespace

std::size_t Capacity() {
  return multislot::BasicPyHandleCache<NeverPublishes>::capacity();
}
