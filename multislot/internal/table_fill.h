#ifndef MULTISLOT_INTERNAL_TABLE_FILL_H_
#define MULTISLOT_INTERNAL_TABLE_FILL_H_

// What changes the tables of interpreters (table.h).

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "multislot/internal/py_object.h"
#include "multislot/internal/registry.h"
#include "multislot/internal/table.h"
#include "multislot/internal/tag.h"

namespace multislot {
namespace internal {

// What the table holds after a fill, or null; and whether this fill put it
// there.
struct Filled {
  PyObject* handle;
  bool is_new;
};

// Memory that is all zero, or null. Large blocks are pages of their own, which
// take none before they are used.
void* AllocateZeroed(std::size_t bytes) noexcept;

// What an interpreter owns from a fill on: nothing, a reference to the handle,
// or a value.
struct Ownership {
  static Ownership None() noexcept { return {0, nullptr}; }
  static Ownership Reference() noexcept { return {kOwnsReference, nullptr}; }
  static Ownership Of(OwnedValue* value) noexcept {
    return {kOwnsValue, value};
  }

  std::uint32_t mark;
  OwnedValue* value;
};

// Puts the handle into the interpreter's table unless there is one already.
// `tag` and `tables` are the interpreter's; `index` is the cache's, which gets
// one if it is 0. What is owned is not looked at unless the handle is new.
// Null if the tag has retired, without memory, and without an index to give.
//
// Constant time, but for a table that grows: that takes time for each handle in
// it. Allocates nothing under the lock.
Filled FillTable(Register& shared, Tag tag, std::atomic<Table*>& tables,
                 std::atomic<std::uintptr_t>& index, PyObject* handle,
                 Ownership owned,
                 void* (*allocate)(std::size_t) = AllocateZeroed) noexcept;

// How many live interpreters have a handle at the index. Takes time for each.
std::size_t CountInTables(Register& shared, std::size_t index) noexcept;

// Empties tables that RetireTag() returned, for other interpreters. Takes time
// for each handle in them.
void FreeTables(Register& shared, Table* tables) noexcept;

}  // namespace internal
}  // namespace multislot

#endif  // MULTISLOT_INTERNAL_TABLE_FILL_H_
