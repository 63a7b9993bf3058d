#include "multislot/cpython/internal/owned.h"

#include <Python.h>

#include <atomic>
#include <cstdint>

#include "multislot/cpython/internal/keep_error.h"
#include "multislot/cpython/internal/python_abi.h"
#include "multislot/cpython/internal/records.h"

namespace multislot {
namespace cpython {

inline namespace MULTISLOT_PYTHON_ABI {
namespace internal {
namespace {

std::uintptr_t Number(CacheNumber& cache, CacheNumber& last_number) noexcept {
  // Relaxed, all of it: all that is ever asked of a number is whether it is the
  // same.
  std::uintptr_t number = cache.load(std::memory_order_relaxed);
  if (number != 0) return number;
  const std::uintptr_t fresh =
      last_number.fetch_add(1, std::memory_order_relaxed) + 1;
  // Another thread may be first; then the fresh number is nobody's.
  return cache.compare_exchange_strong(number, fresh, std::memory_order_relaxed)
             ? fresh
             : number;
}

}  // namespace

// References are given back by Py_DecRef(), which is CPython's own code: what
// Py_DECREF compiles to under the limited API of 3.10 takes references from
// small integers and other objects that are immortal since 3.12.

PyObject* FindOwned(const Record* record, const CacheNumber& cache) {
  const std::uintptr_t number = cache.load(std::memory_order_relaxed);
  if (number == 0 || record->owned == nullptr) return nullptr;
  KeepError keep_error;
  PyObject* key = PyLong_FromVoidPtr(reinterpret_cast<void*>(number));
  // Borrowed, also without a GIL: what is in this dict stays.
  PyObject* found =
      key == nullptr ? nullptr : PyDict_GetItemWithError(record->owned, key);
  PyErr_Clear();
  Py_DecRef(key);
  keep_error.PutBack();
  return found;
}

PyObject* Own(Record* record, CacheNumber& cache, PyObject* object,
              CacheNumber& last_number) {
  if (record == nullptr || record->owned == nullptr) return object;
  KeepError keep_error;
  PyObject* key =
      PyLong_FromVoidPtr(reinterpret_cast<void*>(Number(cache, last_number)));
  PyObject* owned =
      key == nullptr
          ? nullptr
          : PyObject_CallMethod(record->owned, "setdefault", "OO", key, object);
  PyErr_Clear();
  Py_DecRef(key);
  if (owned != nullptr) {
    Py_DecRef(owned);  // the dict has one
    Py_DecRef(object);
  }
  keep_error.PutBack();
  return owned != nullptr ? owned : object;
}

}  // namespace internal
}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot
