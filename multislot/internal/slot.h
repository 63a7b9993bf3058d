#ifndef MULTISLOT_INTERNAL_SLOT_H_
#define MULTISLOT_INTERNAL_SLOT_H_

#include <atomic>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "multislot/internal/assume.h"
#include "multislot/internal/py_object.h"
#include "multislot/internal/tag.h"

namespace multislot {
namespace internal {

// A tag, and the handle of its interpreter. A fill writes, under the
// RegistryLock:
//
//   (7) tag = kBusyTag    from here on, the slot matches no interpreter
//   (8) handle
//   (9) tag
//
// A reader, without a lock:
//
//   (10) reads the tag; goes on if it is its own
//   (11) reads the handle
//   (12) reads the tag again; if it is still its own, so is the handle
//
// (10) acquires what (9) released, so the reader sees that fill's handle or a
// later one. A later handle belongs to an interpreter that reclaimed the slot
// meanwhile. Then (11) acquired what (8) released, so (12) sees (7) or a later
// tag. Tags do not come back, so the reader notices that it has lost the slot.
// Without (12) a lookup that overlaps its own interpreter's retirement could
// return the next one's handle.
struct Slot {
  std::atomic<Tag> tag{kEmptyTag};
  std::atomic<PyObject*> handle{nullptr};

  // A part of every hit, so it is inlined.
  ABSL_ATTRIBUTE_ALWAYS_INLINE PyObject* Read(Tag own) const noexcept {
    if (ABSL_PREDICT_FALSE(tag.load(std::memory_order_acquire) !=  // (10)
                           own)) {
      return nullptr;
    }
    PyObject* result = handle.load(std::memory_order_acquire);     // (11)
    if (ABSL_PREDICT_FALSE(tag.load(std::memory_order_relaxed) !=  // (12)
                           own)) {
      return nullptr;
    }
    // A slot with an interpreter's tag has a handle, so a hit need not check
    // for null.
    MULTISLOT_ASSUME(result != nullptr);
    return result;
  }

  void Write(Tag own, PyObject* result) noexcept {
    tag.store(kBusyTag, std::memory_order_relaxed);   // (7)
    handle.store(result, std::memory_order_release);  // (8)
    tag.store(own, std::memory_order_release);        // (9)
  }

  // The caller makes sure that nobody reads meanwhile. Relaxed: that orders
  // this store, too. Without a tag the slot has no handle, whatever is there.
  void Clear() noexcept { tag.store(kEmptyTag, std::memory_order_relaxed); }
};

}  // namespace internal
}  // namespace multislot

#endif  // MULTISLOT_INTERNAL_SLOT_H_
