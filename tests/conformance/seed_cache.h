#ifndef TESTS_CONFORMANCE_SEED_CACHE_H_
#define TESTS_CONFORMANCE_SEED_CACHE_H_

#include <cstddef>

#include "c10/core/PyHandleCache.h"
#include "c10/core/impl/PyInterpreter.h"
#include "multislot/internal/py_object.h"
#include "tests/conformance/traits.h"

namespace multislot {
namespace conformance {

// c10::PyHandleCache with the rest of the interface, built on its only
// function, ptr_or.
struct SeedCache : c10::PyHandleCache {
  using interpreter_type = c10::impl::PyInterpreter;

  // A null interpreter hits only in an empty slot.
  std::size_t occupancy() const {
    bool filled = false;
    static_cast<void>(ptr_or(nullptr, [&filled]() -> PyObject* {
      filled = true;
      return nullptr;
    }));
    return filled ? 1 : 0;
  }
  PyObject* peek(c10::impl::PyInterpreter* interpreter) const {
    if (occupancy() == 0) return nullptr;
    return ptr_or(interpreter, []() -> PyObject* { return nullptr; });
  }
  static constexpr std::size_t capacity() { return 1; }
};

template <>
struct Traits<SeedCache> : SingleSlotTraits<SeedCache> {};

}  // namespace conformance
}  // namespace multislot

#endif  // TESTS_CONFORMANCE_SEED_CACHE_H_
