#include "multislot/cpython/internal/records.h"

#include <Python.h>

#include <atomic>
#include <cstdint>

namespace multislot {
namespace cpython {
inline namespace MULTISLOT_PYTHON_ABI {
namespace internal {

Record* FindInPlace(PyInterpreterState* state,
                    std::uintptr_t unproven) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(state);
  Record* record = PlaceOf(address).load(std::memory_order_acquire);  // (21)
  while (record != nullptr &&
         record->address.load(std::memory_order_acquire) !=  // (19)
             address + unproven) {
    record = record->next.load(std::memory_order_acquire);  // (21)
  }
  return record;
}

}  // namespace internal
}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot
