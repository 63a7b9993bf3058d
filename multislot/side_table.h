#ifndef MULTISLOT_SIDE_TABLE_H_
#define MULTISLOT_SIDE_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/base/macros.h"
#include "multislot/internal/interpreter_traits.h"
#include "multislot/internal/py_object.h"
#include "multislot/internal/registry.h"
#include "multislot/internal/table.h"
#include "multislot/internal/table_fill.h"
#include "multislot/interpreter.h"
#include "multislot/slot_policy.h"

namespace multislot {

namespace internal {
struct SideTableAccess;
}  // namespace internal

// Slot policy: each interpreter keeps its slots in a table of its own, and a
// cache is the index of its slot in every such table. So any number of
// interpreters have a slot in any number of caches.
//
// Example (examples/snippets/core_headers.cc [side_table]):
//
//   const BasicPyHandleCache<SideTable> g_in_all;
//
// It is for caches that live long: statics, and members of objects that do. A
// cache gets its index on its first fill, and no other cache ever gets it. A
// cache that was filled and then destroyed leaves 12 bytes behind in the table
// of each interpreter that filled it, until that interpreter retires. And there
// are 2^28 indices (2^24 where pointers have 32 bits) for the life of the
// process. For caches in short-lived objects use FixedSlots.
//
// Errors: without memory, or without an index to give, the accessor is called
// each time.
// Threads: as slot_policy.h demands of every policy.
// Cost: a hit is wait-free and writes nothing. A fill takes the process-wide
// lock: constant time, and for a table that has to grow, time for each handle
// in it.
// Memory: a cache is one word. An interpreter takes 12 bytes (8 where pointers
// have 32 bits) for each cache that it filled, rounded up: its table has room
// for 32 handles, then for 128, 512 and a million. Of the larger ones only
// pages that hold a handle take memory; the rest is address space. (Where
// pointers have 32 bits, and on Windows, each table up to 2^23 is four times
// the one before it.) An interpreter's smaller tables stay until it retires.
// Retired interpreters' tables go to later ones.
class SideTable {
 public:
  using interpreter_type = Interpreter;

  constexpr SideTable() noexcept = default;
  SideTable(const SideTable&) = delete;
  SideTable& operator=(const SideTable&) = delete;

  static constexpr std::size_t capacity() noexcept { return kUnlimited; }

  // See slot_policy.h.
  [[nodiscard]] ABSL_ATTRIBUTE_ALWAYS_INLINE PyObject* find_fast(
      const Interpreter* interpreter) const noexcept {
    return internal::FindFastInTable(Traits::TablesOf(interpreter), index());
  }

  [[nodiscard]] PyObject* find(const Interpreter* interpreter) const noexcept {
    return internal::FindInTable(Traits::TablesOf(interpreter), index());
  }

  PyObject* publish(const Interpreter* interpreter,
                    PyObject* handle) const noexcept {
    return Fill(internal::g_register, interpreter, handle,
                internal::Ownership::None())
        .handle;
  }

  // Takes time for each live interpreter, and the process-wide lock.
  std::size_t occupancy() const noexcept {
    return internal::CountInTables(internal::g_register, index());
  }

  // The cache gets another index.
  void clear_for_test() const noexcept {
    index_.store(0, std::memory_order_relaxed);
  }

 private:
  friend struct internal::SideTableAccess;
  using Traits = internal::InterpreterTraits<Interpreter>;

  // Relaxed: nothing is found by an index but what the tables publish.
  std::size_t index() const noexcept {
    return index_.load(std::memory_order_relaxed);
  }

  internal::Filled Fill(internal::Register& shared,
                        const Interpreter* interpreter, PyObject* handle,
                        internal::Ownership owned) const noexcept {
    ABSL_ASSERT(handle != nullptr && "a null handle");
    return internal::FillTable(shared, Traits::TagOf(interpreter),
                               Traits::TablesOf(interpreter), index_, handle,
                               owned);
  }

  // 0 until the first fill.
  mutable std::atomic<std::uintptr_t> index_{0};
};

static_assert(sizeof(SideTable) == sizeof(void*), "a cache is one word");

namespace internal {

// For the adapter, whose interpreters own what they have in their tables.
struct SideTableAccess {
  static Filled FillOwned(Register& shared, const SideTable& cache,
                          const Interpreter* interpreter, PyObject* handle,
                          Ownership owned) noexcept {
    return cache.Fill(shared, interpreter, handle, owned);
  }
};

}  // namespace internal

}  // namespace multislot

#endif  // MULTISLOT_SIDE_TABLE_H_
