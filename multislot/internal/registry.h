#ifndef MULTISLOT_INTERNAL_REGISTRY_H_
#define MULTISLOT_INTERNAL_REGISTRY_H_

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
// Everything here may be called from any thread, at any time: before main, from
// static destructors, in the child of a fork.

// A tag that is live until RetireTag(); kRetiredTag if there is none left to
// give or no memory.
Tag RegisterTag() noexcept;

// Its home index goes to another registration. Takes kRetiredTag too, and does
// nothing.
void RetireTag(Tag tag) noexcept;

// Lock-free. While a RegistryLock is held the answer stays true.
bool IsLive(Tag tag) noexcept;

constexpr std::size_t HomeIndexOf(Tag tag) noexcept {
  return (tag >> kHomeShift) & ((std::size_t{1} << kHomeBits) - 1);
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
