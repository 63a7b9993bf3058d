// Must not compile, and the error must say why: publish() may throw.

#include <cstddef>

#include "multislot/basic_py_handle_cache.h"
#include "multislot/interpreter.h"

namespace {

struct MayThrow {
  using interpreter_type = multislot::Interpreter;
  static constexpr std::size_t capacity() noexcept { return 1; }
  PyObject* find(const multislot::Interpreter*) const noexcept {
    return nullptr;
  }
  PyObject* find_fast(const multislot::Interpreter*) const noexcept {
    return nullptr;
  }
  PyObject* publish(const multislot::Interpreter*, PyObject*) const {
    return nullptr;
  }
  std::size_t occupancy() const noexcept { return 0; }
};

}  // namespace

std::size_t Capacity() {
  return multislot::BasicPyHandleCache<MayThrow>::capacity();
}
