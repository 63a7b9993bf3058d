#ifndef MULTISLOT_INTERNAL_TABLE_H_
#define MULTISLOT_INTERNAL_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "multislot/internal/py_object.h"

namespace multislot {
namespace internal {

// Stands for the layout, as the namespace in internal/registry.h does.
inline namespace table_layout_1 {

// A value that an interpreter owns and that is not a Python object. The adapter
// derives from it.
struct OwnedValue {
  // The value's address, which lookups return.
  PyObject* handle;
  // Destroys the value, and frees it and this object.
  void (*destroy)(OwnedValue*);
  // The value that this interpreter owned before.
  OwnedValue* next;
};

// One interpreter's handles for the caches with the policy SideTable. Such a
// cache is an index into the table of every interpreter.
//
// An interpreter points to its table. A fill writes, under the RegistryLock:
//
//   (26) the handle
//
// If the table is too small, the fill first copies each handle into a larger
// one, also with (26), and writes:
//
//   (27) the pointer to the larger table
//
// A retirement writes, under the RegistryLock:
//
//   (28) the pointer to an empty table
//
// Later the tables go to other interpreters, also under the RegistryLock. A
// reader, without a lock:
//
//   (29) reads the pointer
//   (30) reads the handle
//   (31) reads the pointer again; if it is the same, the handle is its own
//
// (29) acquires what (27) released, so the reader sees the table's size, and
// the copied handles. (30) acquires what (26) released. If that is a handle
// that a later interpreter filled or copied there, then (28) came before it,
// under the lock, so (31) sees (28). Within an interpreter's life no table
// comes back.
//
// An interpreter's smaller tables stay until it retires, because readers may
// still be in them. Such a reader finds the right handle or null. The memory of
// tables is never freed, because a reader may overlap its interpreter's
// retirement.
struct Table {
  // How many handles there is room for. Never changes.
  std::size_t size;

  // What follows may be used only under the RegistryLock, or once the table is
  // taken from its interpreter.

  // The interpreter's previous, smaller table; or the next free table.
  Table* next;
  // How many handles were filled.
  std::size_t fills;
  // The last OwnedValue that was filled.
  OwnedValue* values;

  // The handle of each index. No cache has index 0, so that one is null.
  std::atomic<PyObject*>* handles() noexcept {
    return reinterpret_cast<std::atomic<PyObject*>*>(this + 1);
  }
  const std::atomic<PyObject*>* handles() const noexcept {
    return reinterpret_cast<const std::atomic<PyObject*>*>(this + 1);
  }
  // The filled indices, in the order of their fills, with kOwnsReference or
  // kOwnsValue added.
  std::uint32_t* order() noexcept {
    return reinterpret_cast<std::uint32_t*>(handles() + size);
  }
};

// Indices are below 2^kIndexBits.
inline constexpr int kIndexBits = sizeof(void*) >= 8 ? 28 : 24;

// Marks in order(): the interpreter owns a reference to the handle, or the
// OwnedValue whose handle it is.
inline constexpr std::uint32_t kOwnsReference = std::uint32_t{1} << 31;
inline constexpr std::uint32_t kOwnsValue = std::uint32_t{1} << 30;
static_assert(kIndexBits <= 30, "");

inline constexpr std::size_t IndexIn(std::uint32_t entry) noexcept {
  return entry & ~(kOwnsReference | kOwnsValue);
}

// The table of interpreters that have filled nothing, or have retired. Never
// written.
inline Table g_empty_table = {};

}  // namespace table_layout_1

// The handle at the index. Null if there is none, or if the interpreter got
// another table meanwhile. A part of every hit, so it is inlined.
//
// AtomicPointer is std::atomic<Table*>, or a test's replacement.
template <typename AtomicPointer>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline PyObject* FindFastInTable(
    const AtomicPointer& tables, std::size_t index) noexcept {
  const Table* table = tables.load(std::memory_order_acquire);  // (29)
  if (ABSL_PREDICT_FALSE(index >= table->size)) return nullptr;
  PyObject* handle =
      table->handles()[index].load(std::memory_order_acquire);      // (30)
  if (ABSL_PREDICT_FALSE(tables.load(std::memory_order_relaxed) !=  // (31)
                         table)) {
    return nullptr;
  }
  return handle;
}

// The same, but if the interpreter got another table, reads that one. That is
// rare: an interpreter has few tables, and retires once.
template <typename AtomicPointer>
PyObject* FindInTable(const AtomicPointer& tables, std::size_t index) noexcept {
  for (;;) {
    const Table* table = tables.load(std::memory_order_acquire);  // (29)
    PyObject* handle =
        index < table->size
            ? table->handles()[index].load(std::memory_order_acquire)  // (30)
            : nullptr;
    if (tables.load(std::memory_order_relaxed) == table) {  // (31)
      return handle;
    }
  }
}

}  // namespace internal
}  // namespace multislot

#endif  // MULTISLOT_INTERNAL_TABLE_H_
