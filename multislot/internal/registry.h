#ifndef MULTISLOT_INTERNAL_REGISTRY_H_
#define MULTISLOT_INTERNAL_REGISTRY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace multislot {
namespace internal {

// What names an interpreter inside a slot. Two kinds share the type, and no
// cache holds both: tags that the registry gives out, and addresses of bare
// c10::impl::PyInterpreters. The values below are neither.
using Tag = std::uintptr_t;
constexpr Tag kEmptyTag = 0;    // of a slot that was never filled
constexpr Tag kRetiredTag = 1;  // of an interpreter that has retired
constexpr Tag kBusyTag = 2;     // of a slot that is being filled

// Tags of the first kind carry the interpreter's home index in these bits, the
// lowest that leave room for what a slot is large: `tag & mask` is a slot's
// offset in bytes.
constexpr int kHomeShift = sizeof(Tag) >= 8 ? 4 : 3;
constexpr int kHomeBits = sizeof(Tag) >= 8 ? 20 : 12;

// The process's live interpreters, by their home indices: the smallest numbers
// not in use. A tag is a home index and that index's generation, and goes to
// one registration only. When an index runs out of generations it is not used
// again, so memory grows with the number of interpreters that live at the same
// time, and with nothing else.
//
// Variables here are inline, so that linker and loader treat them as they treat
// a cache in somebody's inline function. Of that, gcc has them make one for the
// process (STB_GNU_UNIQUE), even for shared objects that are loaded apart and
// embed a multislot each; then the register that gives out the tags in it, and
// the lock that guards it, have to be one as well. The namespace register_2
// stands for the layout: a version that changes it, or what fills and readers
// do, takes another.
//
// Everything here may be called from any thread, at any time: before main, from
// static destructors, in the child of a fork.

// A tag that is live until RetireTag(); kRetiredTag if there is none left to
// give or no memory.
Tag RegisterTag() noexcept;

// Its home index goes to another registration. Takes kRetiredTag too, and does
// nothing.
void RetireTag(Tag tag) noexcept;

constexpr std::size_t HomeIndexOf(Tag tag) noexcept {
  return (tag >> kHomeShift) & ((std::size_t{1} << kHomeBits) - 1);
}

inline namespace register_2 {

struct Entry {
  std::atomic<Tag> live{0};  // the tag of the interpreter that lives here, or 0
  Tag generation = 0;        // of the last one that did; from 1; under the lock
};

// Of the first home indices, so that asking about these takes no call.
constexpr std::size_t kFirstEntries = 64;
inline Entry g_first_entries[kFirstEntries];

// How many tags have retired.
inline std::atomic<std::uintptr_t> g_retirements{0};

}  // namespace register_2

// The entry of a home index; null where the table does not reach.
Entry* FindEntry(std::size_t index) noexcept;

// Lock-free. While a RegistryLock is held the answer stays true.
inline bool IsLive(Tag tag) noexcept {
  if (tag <= kBusyTag) return false;
  const std::size_t index = HomeIndexOf(tag);
  const Entry* entry =
      index < kFirstEntries ? &g_first_entries[index] : FindEntry(index);
  // Relaxed: whoever acts on the answer asks again under the lock, which orders
  // this load with the stores in RegisterTag() and RetireTag().
  return entry != nullptr && entry->live.load(std::memory_order_relaxed) == tag;
}

// How many tags have retired so far. (1) Acquires (2), so whoever counts a
// retirement finds its tag no longer alive.
inline std::uintptr_t Retirements() noexcept {
  return g_retirements.load(std::memory_order_acquire);  // (1)
}

// Held while a slot is filled and while a tag is registered or retired: one
// lock for the process, never held while code of others runs, and free in the
// child of a fork, whatever the parent's threads were doing.
class RegistryLock {
 public:
  RegistryLock() noexcept;
  ~RegistryLock();
  RegistryLock(const RegistryLock&) = delete;
  RegistryLock& operator=(const RegistryLock&) = delete;
};

}  // namespace internal
}  // namespace multislot

#endif  // MULTISLOT_INTERNAL_REGISTRY_H_
