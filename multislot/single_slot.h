#ifndef MULTISLOT_SINGLE_SLOT_H_
#define MULTISLOT_SINGLE_SLOT_H_

#include <cstddef>

#include "c10/core/PyHandleCache.h"
#include "c10/core/impl/PyInterpreter.h"
#include "c10/util/python_stub.h"
#include "multislot/basic_py_handle_cache.h"

namespace multislot {

// Slot policy: c10::PyHandleCache as it is. One slot, for the first interpreter
// that asks, for ever. It keeps what the other policies do otherwise:
//   - it needs the GIL, and is an error where the slow accessor lets it go and
//     another call fills the slot;
//   - a null that the slow accessor returns is remembered;
//   - it knows interpreters by their address, and no retirement;
//   - a null interpreter gets null from an empty slot.
struct SingleSlot {};

// Adds to the c10 class what every cache of this library has besides ptr_or.
template <>
class BasicPyHandleCache<SingleSlot> : public c10::PyHandleCache {
 public:
  using policy_type = SingleSlot;
  using interpreter_type = c10::impl::PyInterpreter;

  // The handle in the slot if it is this interpreter's, a borrowed reference;
  // else null. A null that was remembered looks the same.
  PyObject* peek(interpreter_type* interpreter) const {
    // Only in an empty slot would ptr_or remember this accessor's null, and a
    // slot that is full stays full.
    return occupancy() == 0
               ? nullptr
               : ptr_or(interpreter, []() -> PyObject* { return nullptr; });
  }

  static constexpr std::size_t capacity() noexcept { return 1; }

  // Whether the slot is filled.
  std::size_t occupancy() const {
    // A null interpreter is the tag of an empty slot: then, and only then, it
    // is a hit.
    bool filled = false;
    ptr_or(nullptr, [&filled]() -> PyObject* {
      filled = true;
      return nullptr;
    });
    return filled ? 1 : 0;
  }
};

}  // namespace multislot

#endif  // MULTISLOT_SINGLE_SLOT_H_
