#ifndef MULTISLOT_INTERNAL_REGISTRY_H_
#define MULTISLOT_INTERNAL_REGISTRY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "multislot/internal/fork_mutex.h"
#include "multislot/internal/shared.h"
#include "multislot/internal/table.h"
#include "multislot/internal/tag.h"

namespace multislot {
namespace internal {

// The process's live interpreters, by home index. A new one gets the smallest
// index that is free. A tag is a home index and that index's generation, and
// goes to one registration only. An index that has used up its generations is
// not used again. Memory grows only with the number of interpreters that live
// at the same time.
//
// All of it is one inline object, so that shared objects that share a cache
// also share the register. Two shared objects that each embed multislot may
// share a cache in an inline function: gcc marks both so that the loader merges
// them (STB_GNU_UNIQUE); with clang they are merged if symbols are looked up
// globally. With two registers two interpreters would have the same tag in such
// a cache.
//
// The namespace stands for the layout, and for the protocol between fills and
// readers. A version that changes either must change the name.
//
// Everything here may be called from any thread, at any time: before main, from
// static destructors, from handlers of pthread_atfork, in the child of a fork.
inline namespace registry_layout_4 {

inline constexpr std::size_t kBitsOfAWord = 64;

// 64 home indices.
struct Page {
  // The tag of the interpreter that lives there, or 0.
  std::atomic<Tag> live[kBitsOfAWord];
  // The generation of the last tag; from 1. This and what follows is under the
  // mutex.
  Tag generation[kBitsOfAWord];
  // Where the interpreter that lives there keeps the pointer to its table; null
  // if none lives there, or it has no table.
  std::atomic<Table*>* tables[kBitsOfAWord];
  // A bit for each index that is in use, or must not be used again.
  std::uint64_t taken;
};

inline constexpr std::size_t kPages = kMaxInterpreters / kBitsOfAWord;
inline constexpr std::size_t kWordsOfPages =
    (kPages + kBitsOfAWord - 1) / kBitsOfAWord;
inline constexpr std::size_t kWordsOfWords =
    (kWordsOfPages + kBitsOfAWord - 1) / kBitsOfAWord;

// Pages after the first come in chunks. Each chunk has as many pages as all
// before it. Chunks are never freed: readers hold no lock.
inline constexpr std::size_t kChunks = sizeof(Tag) >= 8 ? 14 : 6;
static_assert(std::size_t{1} << kChunks == kPages, "");

struct Register {
  // Inline, so that liveness checks of the first 64 interpreters need no call.
  Page first_page;
  // (3) Stored with release when its pages are initialised; (4) loaded with
  // acquire before they are read.
  std::atomic<Page*> chunks[kChunks];
  // How many tags have retired. (5) Incremented with release, after the tag is
  // dead; (6) loaded with acquire before liveness is checked.
  std::atomic<std::uintptr_t> retirements;

  // Held while a slot is filled and while a tag is registered or retired.
  ForkMutex mutex;
  // A bit for each page whose indices are all taken, and a bit for each word of
  // full_pages whose bits are all set.
  std::uint64_t full_pages[kWordsOfPages] ABSL_GUARDED_BY(mutex);
  std::uint64_t full_words[kWordsOfWords] ABSL_GUARDED_BY(mutex);

  // The last index that was given to a cache with the policy SideTable. No
  // index is given twice.
  std::size_t last_index ABSL_GUARDED_BY(mutex);
  // The tables that no interpreter uses: at i, those of 2^i handles.
  Table* free_tables[kIndexBits + 1] ABSL_GUARDED_BY(mutex);
};

MULTISLOT_SHARED inline Register g_register = {};

}  // namespace registry_layout_4

// Held while a slot is filled and while a tag is registered or retired: one
// lock for the process. While it is held, nothing is allocated and no user code
// runs.
class ABSL_SCOPED_LOCKABLE RegistryLock {
 public:
  explicit RegistryLock(Register& shared = g_register) noexcept
      ABSL_EXCLUSIVE_LOCK_FUNCTION(shared.mutex);
  ~RegistryLock() ABSL_UNLOCK_FUNCTION();
  RegistryLock(const RegistryLock&) = delete;
  RegistryLock& operator=(const RegistryLock&) = delete;

 private:
  Register& shared_;
};

// The functions below take the register as an argument, so that the caller's
// code names it: see MULTISLOT_SHARED.

// Returns a tag that is live until RetireTag(); kRetiredTag if none is left, or
// without memory. `tables` is the interpreter's pointer to its table, if it has
// one. Constant time.
Tag RegisterTag(Register& shared,
                std::atomic<Table*>* tables = nullptr) noexcept;

// Ends the tag; its home index may go to another registration. Returns the
// tables that its interpreter had, for FreeTables(). Does nothing for
// kRetiredTag. Constant time.
Table* RetireTag(Register& shared, Tag tag) noexcept;

// The page of a home index beyond the first page; null if the register has not
// grown that far.
const Page* FindPage(const Register& shared, std::size_t home_index) noexcept;

// Lock-free. While a RegistryLock is held, the answer does not change.
inline bool IsLive(Tag tag) noexcept {
  if (tag <= kBusyTag) return false;
  const std::size_t index = HomeIndexOf(tag);
  const Page* page = index < kBitsOfAWord ? &g_register.first_page
                                          : FindPage(g_register, index);
  // Relaxed: whoever acts on the answer asks again under the lock, which orders
  // this load with the stores in RegisterTag() and RetireTag().
  return page != nullptr && page->live[index % kBitsOfAWord].load(
                                std::memory_order_relaxed) == tag;
}

// How many tags have retired so far. A thread that sees a retirement in this
// number sees that its tag is dead.
inline std::uintptr_t Retirements() noexcept {
  return g_register.retirements.load(std::memory_order_acquire);  // (6)
}

}  // namespace internal
}  // namespace multislot

#endif  // MULTISLOT_INTERNAL_REGISTRY_H_
