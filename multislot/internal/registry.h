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

// The process's live interpreters, by their home indices: the smallest numbers
// not in use. A tag is a home index and that index's generation, and goes to
// one registration only. When an index runs out of generations it is not used
// again, so memory grows with the number of interpreters that live at the same
// time, and with nothing else.
//
// All of it is one inline object, so that there is one register for whoever
// shares a cache. Shared objects that embed a multislot each have one in common
// where they have a cache in somebody's inline function in common: gcc marks
// both so that the loader makes one of them for the process (STB_GNU_UNIQUE),
// and with clang both are one where symbols are looked up globally. With two
// registers such a cache would have the same tag for two interpreters.
//
// The namespace stands for the layout, and for what fills and readers rely on:
// a version that changes either takes another name.
//
// Everything here may be called from any thread, at any time: before main, from
// static destructors, from handlers of pthread_atfork, in the child of a fork.
inline namespace registry_layout_4 {

inline constexpr std::size_t kBitsOfAWord = 64;

// 64 home indices.
struct Page {
  // The tag of the interpreter that lives there, or 0.
  std::atomic<Tag> live[kBitsOfAWord];
  // Of the last one that did; from 1. Under the mutex, as what follows.
  Tag generation[kBitsOfAWord];
  // Where the interpreter that lives there points to its table; null if none
  // does, or if it has no table.
  std::atomic<Table*>* tables[kBitsOfAWord];
  // A bit for each index that is in use, or will not be any more.
  std::uint64_t taken;
};

inline constexpr std::size_t kPages = kMaxInterpreters / kBitsOfAWord;
inline constexpr std::size_t kWordsOfPages =
    (kPages + kBitsOfAWord - 1) / kBitsOfAWord;
inline constexpr std::size_t kWordsOfWords =
    (kWordsOfPages + kBitsOfAWord - 1) / kBitsOfAWord;

// Pages after the first come in chunks, each as many as all before it. Chunks
// stay: readers hold no lock.
inline constexpr std::size_t kChunks = sizeof(Tag) >= 8 ? 14 : 6;
static_assert(std::size_t{1} << kChunks == kPages, "");

struct Register {
  // So that asking about the first 64 interpreters takes no call.
  Page first_page;
  // (3) Stored with release when its pages are initialised; (4) acquired by
  // whoever looks into them.
  std::atomic<Page*> chunks[kChunks];
  // How many tags have retired. (5) Counted with release, after the tag is no
  // longer alive; (6) acquired by who wants to know what has retired.
  std::atomic<std::uintptr_t> retirements;

  // Held while a slot is filled and while a tag is registered or retired.
  ForkMutex mutex;
  // A bit for each page of which all indices are taken, and a bit for each of
  // those words of which all bits are set.
  std::uint64_t full_pages[kWordsOfPages] ABSL_GUARDED_BY(mutex);
  std::uint64_t full_words[kWordsOfWords] ABSL_GUARDED_BY(mutex);

  // The last index that a cache with the policy SideTable was given; no other
  // cache gets it.
  std::size_t last_index ABSL_GUARDED_BY(mutex);
  // The tables that no interpreter has: at i, those of 2^i handles.
  Table* free_tables[kIndexBits + 1] ABSL_GUARDED_BY(mutex);
};

MULTISLOT_SHARED inline Register g_register = {};

}  // namespace registry_layout_4

// Held while a slot is filled and while a tag is registered or retired: one
// lock for the process, never held while memory is allocated or code of others
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

// The functions below are told which register, so that the caller's code names
// it: see MULTISLOT_SHARED.

// A tag that is live until RetireTag(); kRetiredTag if there is none left to
// give or no memory. `tables` is where its interpreter points to its table, if
// it has one. Constant time.
Tag RegisterTag(Register& shared,
                std::atomic<Table*>* tables = nullptr) noexcept;

// Its home index goes to another registration. Returns the tables that its
// interpreter had, for FreeTables(). Takes kRetiredTag too, and does nothing.
// Constant time.
Table* RetireTag(Register& shared, Tag tag) noexcept;

// The page with a home index beyond the first page; null where the register
// does not reach.
const Page* FindPage(const Register& shared, std::size_t home_index) noexcept;

// Lock-free. While a RegistryLock is held the answer stays true.
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

// How many tags have retired so far: whoever counts a retirement finds its tag
// no longer alive.
inline std::uintptr_t Retirements() noexcept {
  return g_register.retirements.load(std::memory_order_acquire);  // (6)
}

}  // namespace internal
}  // namespace multislot

#endif  // MULTISLOT_INTERNAL_REGISTRY_H_
