#include "multislot/internal/table_fill.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "absl/base/macros.h"
#include "absl/base/thread_annotations.h"
#include "multislot/internal/bits.h"
#include "multislot/internal/registry.h"
#include "multislot/internal/table.h"
#include "multislot/internal/tag.h"

#if !defined(_WIN32)
#include <sys/mman.h>
#endif

namespace multislot {
namespace internal {
namespace {

// The sizes of tables, as exponents of 2; the last has room for every index.
#if defined(MAP_NORESERVE) && UINTPTR_MAX > 0xFFFFFFFF
// Mapped pages take memory only once they are used. So the fourth size has room
// for more caches than most processes have. It need not be copied, and takes no
// more memory than its handles.
constexpr int kSizes[] = {5, 7, 9, 20, 24, kIndexBits};
#else
constexpr int kSizes[] = {5, 7, 9, 11, 13, 15, 17, 19, 21, 23, kIndexBits};
#endif

// The size of the smallest table that has the index, as an exponent of 2.
int BitsFor(std::size_t index) noexcept {
  const int bits = static_cast<int>(BitWidth(index));
  const int* size = kSizes;
  while (*size < bits) ++size;
  return *size;
}

// The size of a table in bytes, including its header.
std::size_t BytesOf(std::size_t size) noexcept {
  return sizeof(Table) +
         size * (sizeof(std::atomic<PyObject*>) + sizeof(std::uint32_t));
}

// Whether a block of this size is mapped, not allocated.
[[maybe_unused]] bool IsMapped(std::size_t bytes) noexcept {
  return bytes >= 64 * 1024;
}

void FreeZeroed(void* memory, [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(MAP_NORESERVE)
  if (IsMapped(bytes)) {
    munmap(memory, bytes);
    return;
  }
#endif
  std::free(memory);
}

// A table that is allocated before the lock is taken, and freed after it if it
// was not used.
class SpareTable {
 public:
  SpareTable() = default;
  ~SpareTable() {
    if (table_ != nullptr) FreeZeroed(table_, BytesOf(table_->size));
  }
  SpareTable(const SpareTable&) = delete;
  SpareTable& operator=(const SpareTable&) = delete;

  // If there is none.
  bool Allocate(int bits, void* (*allocate)(std::size_t)) noexcept {
    ABSL_ASSERT(table_ == nullptr);
    const std::size_t size = std::size_t{1} << bits;
    table_ = static_cast<Table*>(allocate(BytesOf(size)));
    if (table_ == nullptr) return false;
    table_->size = size;
    return true;
  }

  // Null if there is none.
  Table* Take() noexcept {
    Table* taken = table_;
    table_ = nullptr;
    return taken;
  }

 private:
  Table* table_ = nullptr;
};

Table* TakeFree(Register& shared, int bits) noexcept
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared.mutex) {
  Table* table = shared.free_tables[bits];
  if (table != nullptr) shared.free_tables[bits] = table->next;
  return table;
}

// Makes the larger table the interpreter's.
void Grow(std::atomic<Table*>& tables, Table* table, Table* larger) noexcept {
  for (std::size_t i = 0; i < table->fills; ++i) {
    const std::size_t index = IndexIn(table->order()[i]);
    // Relaxed: written under the lock. The copy needs (26), as a fill does: a
    // reader of the table's previous interpreter may still be in it.
    PyObject* handle = table->handles()[index].load(std::memory_order_relaxed);
    larger->handles()[index].store(handle, std::memory_order_release);  // (26)
    larger->order()[i] = table->order()[i];
  }
  larger->fills = table->fills;
  larger->values = table->values;
  larger->next = table->size == 0 ? nullptr : table;
  tables.store(larger, std::memory_order_release);  // (27)
}

// The cache's index, given now if need be; 0 if none is left.
std::size_t IndexOf(Register& shared,
                    std::atomic<std::uintptr_t>& index) noexcept
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared.mutex) {
  // Relaxed: the tables publish the handles, not the index.
  std::uintptr_t own = index.load(std::memory_order_relaxed);
  if (own == 0 && shared.last_index + 1 < std::size_t{1} << kIndexBits) {
    own = ++shared.last_index;
    index.store(own, std::memory_order_relaxed);
  }
  return own;
}

Filled FillAt(Table* table, std::size_t index, PyObject* handle,
              Ownership owned) noexcept {
  std::atomic<PyObject*>& place = table->handles()[index];
  // Relaxed: the lock orders this with the fill that wrote it.
  PyObject* first = place.load(std::memory_order_relaxed);
  if (first != nullptr) return {first, false};
  place.store(handle, std::memory_order_release);  // (26)
  table->order()[table->fills++] =
      static_cast<std::uint32_t>(index) | owned.mark;
  if (owned.value != nullptr) {
    owned.value->next = table->values;
    table->values = owned.value;
  }
  return {handle, true};
}

}  // namespace

void* AllocateZeroed(std::size_t bytes) noexcept {
#if defined(MAP_NORESERVE)
  if (IsMapped(bytes)) {
    // Not reserved, because a fork asks for all reserved memory. An interpreter
    // that uses one cache with a high index uses few pages of its table.
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
#if defined(MADV_NOHUGEPAGE)
    // So that one handle does not take a huge page.
    madvise(memory, bytes, MADV_NOHUGEPAGE);
#endif
    return memory;
  }
#endif
  return std::calloc(1, bytes);
}

Filled FillTable(Register& shared, Tag tag, std::atomic<Table*>& tables,
                 std::atomic<std::uintptr_t>& index, PyObject* handle,
                 Ownership owned, void* (*allocate)(std::size_t)) noexcept {
  SpareTable spare;
  for (;;) {
    int bits;
    {
      RegistryLock lock(shared);
      if (!IsLive(tag)) return {nullptr, false};
      const std::size_t own = IndexOf(shared, index);
      if (own == 0) return {nullptr, false};
      bits = BitsFor(own);
      // Relaxed: written under the lock.
      Table* table = tables.load(std::memory_order_relaxed);
      if (own < table->size) return FillAt(table, own, handle, owned);
      Table* larger = TakeFree(shared, bits);
      if (larger == nullptr) larger = spare.Take();
      if (larger != nullptr) {
        Grow(tables, table, larger);
        return FillAt(larger, own, handle, owned);
      }
    }
    if (!spare.Allocate(bits, allocate)) return {nullptr, false};
  }
}

std::size_t CountInTables(Register& shared, std::size_t index) noexcept {
  if (index == 0) return 0;
  std::size_t count = 0;
  RegistryLock lock(shared);
  for (std::size_t first = 0; first < kMaxInterpreters; first += kBitsOfAWord) {
    const Page* page = FindPage(shared, first);
    if (page == nullptr) break;
    for (const std::atomic<Table*>* tables : page->tables) {
      if (tables == nullptr) continue;
      // Relaxed: written under the lock.
      const Table* table = tables->load(std::memory_order_relaxed);
      if (index < table->size &&
          table->handles()[index].load(std::memory_order_relaxed) != nullptr) {
        ++count;
      }
    }
  }
  return count;
}

void FreeTables(Register& shared, Table* tables) noexcept {
  if (tables == nullptr) return;
  for (Table* table = tables; table != nullptr; table = table->next) {
    for (std::size_t i = 0; i < table->fills; ++i) {
      // Relaxed: a reader that is still there reads its own handle or null.
      table->handles()[IndexIn(table->order()[i])].store(
          nullptr, std::memory_order_relaxed);
    }
    table->fills = 0;
    table->values = nullptr;
  }
  RegistryLock lock(shared);
  while (tables != nullptr) {
    Table* next = tables->next;
    Table*& free = shared.free_tables[BitsFor(tables->size - 1)];
    tables->next = free;
    free = tables;
    tables = next;
  }
}

}  // namespace internal
}  // namespace multislot
