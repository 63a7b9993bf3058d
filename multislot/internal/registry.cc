#include "multislot/internal/registry.h"

#include <atomic>
#include <cstddef>
#include <limits>
#include <mutex>
#include <new>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace multislot {
namespace internal {

inline namespace register_2 {

constexpr std::size_t kMaxInterpreters = std::size_t{1} << kHomeBits;
constexpr int kGenerationShift = kHomeShift + kHomeBits;
constexpr Tag kLastGeneration =
    std::numeric_limits<Tag>::max() >> kGenerationShift;

// Beyond the first entries the table grows chunk by chunk, each as large as all
// before it, and chunks stay: readers hold no lock.
constexpr std::size_t kChunks = kHomeBits - 6;
static_assert(kFirstEntries << kChunks == kMaxInterpreters, "");

inline std::atomic<Entry*> g_chunks[kChunks] = {};
inline std::size_t g_first_free = 0;  // no smaller is free; under the lock
inline std::mutex g_mutex;

#if defined(__unix__) || defined(__APPLE__)
// A fork waits for whoever is filling a slot, so the child finds every slot
// either untouched or filled, and the lock free.
[[maybe_unused]] inline const int g_fork_handlers = pthread_atfork(
    [] { g_mutex.lock(); }, [] { g_mutex.unlock(); }, [] { g_mutex.unlock(); });
#endif

}  // namespace register_2

namespace {

struct Position {
  std::size_t chunk;
  std::size_t offset;
  std::size_t chunk_size;
};

// Of an index beyond the first entries.
Position PositionOf(std::size_t index) noexcept {
  Position position = {0, index - kFirstEntries, kFirstEntries};
  while (position.offset >= position.chunk_size) {
    position.offset -= position.chunk_size;
    position.chunk_size *= 2;
    ++position.chunk;
  }
  return position;
}

// Under the lock. Null when there is no memory.
Entry* FindOrGrow(std::size_t index) noexcept {
  if (Entry* entry = FindEntry(index)) return entry;
  const Position position = PositionOf(index);
  Entry* chunk = new (std::nothrow) Entry[position.chunk_size];
  // Pairs with the acquire load in FindEntry(): whoever finds the chunk finds
  // its entries initialised.
  g_chunks[position.chunk].store(chunk, std::memory_order_release);
  return chunk == nullptr ? nullptr : &chunk[position.offset];
}

}  // namespace

Entry* FindEntry(std::size_t index) noexcept {
  if (index < kFirstEntries) return &g_first_entries[index];
  const Position position = PositionOf(index);
  // Pairs with the release store in FindOrGrow().
  Entry* chunk = g_chunks[position.chunk].load(std::memory_order_acquire);
  return chunk == nullptr ? nullptr : &chunk[position.offset];
}

Tag RegisterTag() noexcept {
  RegistryLock lock;
  for (std::size_t index = g_first_free; index < kMaxInterpreters; ++index) {
    Entry* entry = FindOrGrow(index);
    if (entry == nullptr) break;
    if (entry->live.load(std::memory_order_relaxed) != 0) continue;
    if (entry->generation == kLastGeneration) continue;
    const Tag tag =
        (++entry->generation << kGenerationShift) | (index << kHomeShift);
    // Relaxed: see IsLive().
    entry->live.store(tag, std::memory_order_relaxed);
    g_first_free = index + 1;
    return tag;
  }
  return kRetiredTag;
}

void RetireTag(Tag tag) noexcept {
  if (tag == kRetiredTag) return;
  RegistryLock lock;
  const std::size_t index = HomeIndexOf(tag);
  // Relaxed: see IsLive().
  FindEntry(index)->live.store(0, std::memory_order_relaxed);
  g_retirements.fetch_add(1, std::memory_order_release);  // (2) see the header
  if (index < g_first_free) g_first_free = index;
}

RegistryLock::RegistryLock() noexcept { g_mutex.lock(); }
RegistryLock::~RegistryLock() { g_mutex.unlock(); }

}  // namespace internal
}  // namespace multislot
