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

// The layout of what shared objects share; see internal/registry.h.
inline namespace table_layout_1 {

// What an interpreter owns that is no Python object; the adapter derives from
// it.
struct OwnedValue {
  // What lookups find: the value's address.
  PyObject* handle;
  // Destroys the value, and frees it and this.
  void (*destroy)(OwnedValue*);
  // The one that this interpreter owned before.
  OwnedValue* next;
};

// One interpreter's handles for the caches with the policy SideTable. Such a
// cache is an index into the table of every interpreter.
//
// An interpreter points to its table. A fill writes, under the RegistryLock:
//
//   (26) the handle
//
// or, if the table is too small, copies each handle into a larger one, (26)
// too, and then writes:
//
//   (27) the pointer to the larger table
//
// A retirement writes, under the RegistryLock:
//
//   (28) the pointer to an empty table
//
// and later gives the tables to other interpreters, under the RegistryLock too.
// A reader, under no lock, does
//
//   (29) reads the pointer
//   (30) reads the handle
//   (31) reads the pointer again; if it is the same, the handle is its own
//
// (29) acquires what (27) released, so the reader sees the table's size, and
// the handles that were copied. (30) acquires what (26) released. Should that
// be the handle of a later interpreter, filled or copied there, then (28) came
// before it, under the lock, so (31) sees (28). Within an interpreter's life no
// table comes back.
//
// The smaller tables that an interpreter had before stay until it retires, for
// readers that are still there; what such a reader finds in one is right, or
// null. The memory of tables is never freed: a reader may overlap its
// interpreter's retirement.
struct Table {
  // How many handles there is room for. Never changes.
  std::size_t size;

  // What follows is only for who holds the RegistryLock, or has taken the table
  // from its interpreter.

  // The table that was before this one; or the next free table.
  Table* next;
  // How many handles were filled.
  std::size_t fills;
  // Of those whose interpreter owns an OwnedValue, the last one's.
  OwnedValue* values;

  // The handle that belongs to each index; at 0, which no cache has, null.
  std::atomic<PyObject*>* handles() noexcept {
    return reinterpret_cast<std::atomic<PyObject*>*>(this + 1);
  }
  const std::atomic<PyObject*>* handles() const noexcept {
    return reinterpret_cast<const std::atomic<PyObject*>*>(this + 1);
  }
  // The indices that were filled, the first one first; with kOwnsReference or
  // kOwnsValue added.
  std::uint32_t* order() noexcept {
    return reinterpret_cast<std::uint32_t*>(handles() + size);
  }
};

// Indices are below 2^kIndexBits.
inline constexpr int kIndexBits = sizeof(void*) >= 8 ? 28 : 24;

// In order(): the interpreter owns a reference to the handle, or the OwnedValue
// that the handle is the address of.
inline constexpr std::uint32_t kOwnsReference = std::uint32_t{1} << 31;
inline constexpr std::uint32_t kOwnsValue = std::uint32_t{1} << 30;
static_assert(kIndexBits <= 30, "");

inline constexpr std::size_t IndexIn(std::uint32_t entry) noexcept {
  return entry & ~(kOwnsReference | kOwnsValue);
}

// Of an interpreter that has filled nothing, or has retired. Nobody writes it.
inline Table g_empty_table = {};

}  // namespace table_layout_1

// The handle at the index, or null: there is none, or the interpreter got
// another table meanwhile. A part of every hit, so it is inlined.
//
// AtomicPointer is std::atomic<Table*>, or what a test has in its place.
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

// The same, but if the interpreter got another table, that one is read. That
// happens seldom: an interpreter has a few tables, and retires once.
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
