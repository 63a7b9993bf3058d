#include "multislot/cpython/internal/owned.h"

#include <Python.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "multislot/cpython/internal/python_abi.h"
#include "multislot/cpython/internal/records.h"
#include "multislot/cpython/internal/saved_error.h"
#include "multislot/internal/registry.h"
#include "multislot/internal/table.h"
#include "multislot/internal/table_fill.h"
#include "multislot/side_table.h"

namespace multislot {
namespace cpython {

inline namespace MULTISLOT_PYTHON_ABI {
namespace internal {

using multislot::internal::Filled;
using multislot::internal::IndexIn;
using multislot::internal::kOwnsReference;
using multislot::internal::kOwnsValue;
using multislot::internal::Ownership;
using multislot::internal::Register;
using multislot::internal::SideTableAccess;
using multislot::internal::Table;

// References are given back by Py_DecRef(), a function of CPython. Py_DECREF,
// compiled for the limited API of 3.10, takes references from objects that are
// immortal since 3.12, such as small integers.

PyObject* Own(Record* record, const SideTable& cache, PyObject* object,
              Register& shared) {
  if (record == nullptr) return object;
  const Filled filled = SideTableAccess::FillOwned(
      shared, cache, &record->interpreter, object, Ownership::Reference());
  if (filled.handle == nullptr) return object;
  if (!filled.is_new) {
    SavedError saved_error;
    Py_DecRef(object);
    saved_error.Restore();
  }
  return filled.handle;
}

namespace {

// The values that nobody owns. They live for ever; this list keeps them
// reachable for leak checkers.
std::atomic<OwnedValue*> g_unowned{nullptr};

PyObject* LetLive(OwnedValue* value) noexcept {
  PyObject* handle = value->handle;
  // Relaxed: nobody reads the list.
  value->next = g_unowned.load(std::memory_order_relaxed);
  while (!g_unowned.compare_exchange_weak(value->next, value,
                                          std::memory_order_relaxed,
                                          std::memory_order_relaxed)) {
  }
  return handle;
}

}  // namespace

PyObject* Own(Record* record, const SideTable& cache, OwnedValue* value,
              Register& shared) {
  if (record == nullptr) return LetLive(value);
  const Filled filled = SideTableAccess::FillOwned(
      shared, cache, &record->interpreter, value->handle, Ownership::Of(value));
  if (filled.handle == nullptr) return LetLive(value);
  if (!filled.is_new) Destroy(value);
  return filled.handle;
}

void Destroy(OwnedValue* value) {
  SavedError saved_error;
  value->destroy(value);
  if (PyErr_Occurred() != nullptr) PyErr_WriteUnraisable(nullptr);
  saved_error.Restore();
}

void Release(Table* tables) {
  if (tables == nullptr) return;
  for (std::size_t i = tables->fills; i-- > 0;) {
    const std::uint32_t entry = tables->order()[i];
    // Relaxed: a lookup that is still there reads its own handle or null.
    PyObject* handle = tables->handles()[IndexIn(entry)].exchange(
        nullptr, std::memory_order_relaxed);
    if ((entry & kOwnsReference) != 0) Py_DecRef(handle);
    if ((entry & kOwnsValue) != 0) {
      // Values are in the same order.
      OwnedValue* value = tables->values;
      tables->values = value->next;
      Destroy(value);
    }
  }
}

}  // namespace internal
}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot
