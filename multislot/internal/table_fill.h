#ifndef MULTISLOT_INTERNAL_TABLE_FILL_H_
#define MULTISLOT_INTERNAL_TABLE_FILL_H_

// The functions that change interpreters' tables (table.h).

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "multislot/internal/py_object.h"
#include "multislot/internal/registry.h"
#include "multislot/internal/table.h"
#include "multislot/internal/tag.h"

namespace multislot {
namespace internal {

// The handle in the table after a fill, or null; and whether this fill put it
// there.
struct Filled {
  PyObject* handle;
  bool is_new;
};

// Returns zeroed memory, or null. Large blocks are mapped: their pages take no
// memory until they are used.
void* AllocateZeroed(std::size_t bytes) noexcept;

// What a fill makes the interpreter own: nothing, a reference to the handle, or
// a value.
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
// one if it is 0. `owned` is used only if the handle is new. Returns null if
// the tag has retired, without memory, or if no index is left.
//
// Constant time, unless the table grows: then it takes time for each handle in
// it. Allocates nothing under the lock.
Filled FillTable(Register& shared, Tag tag, std::atomic<Table*>& tables,
                 std::atomic<std::uintptr_t>& index, PyObject* handle,
                 Ownership owned,
                 void* (*allocate)(std::size_t) = AllocateZeroed) noexcept;

// How many live interpreters have a handle at the index. Takes time for each.
std::size_t CountInTables(Register& shared, std::size_t index) noexcept;

// Empties tables that RetireTag() returned, and makes them free for other
// interpreters. Takes time for each handle in them.
void FreeTables(Register& shared, Table* tables) noexcept;

}  // namespace internal
}  // namespace multislot

#endif  // MULTISLOT_INTERNAL_TABLE_FILL_H_
