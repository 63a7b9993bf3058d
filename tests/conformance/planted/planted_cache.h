#ifndef TESTS_CONFORMANCE_PLANTED_PLANTED_CACHE_H_
#define TESTS_CONFORMANCE_PLANTED_PLANTED_CACHE_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/base/macros.h"
#include "c10/util/python_stub.h"
#include "multislot/interpreter.h"
#include "tests/conformance/world.h"

namespace multislot {
namespace conformance {

// Mistakes that a cache's author can make. Each is one line of PlantedCache or
// of PlantedTable (planted_table.h).
enum class Bug {
  kNone,
  kTagBeforeHandle,   // publishes the tag before the handle, as the seed did
  kAnothersHandle,    // returns the handle of whichever slot comes first
  kNullCached,        // keeps the null of a failed lookup for ever
  kDuplicateSlots,    // lets two threads of one interpreter fill a slot each
  kLoserKeepsItsOwn,  // the thread that fills second returns its own handle
  kAddressAsTag,      // takes the next interpreter at an address for the last
  kHitsAfterRetirement,  // returns a handle after its interpreter has ended
  kNeverReclaims,        // leaves a retired interpreter its slot
  kNoSecondLook,         // a slot changes hands after its tag was read
  kLockNotForkSafe,      // a fork's child waits for the parent's thread
  kCountsHits,           // writes on a hit

  kTableNotEmptied,     // leaves a table's handles to the next interpreter
  kGrowthLosesHandles,  // loses a table's handles when it grows
  kIndexUsedAgain,      // gives a new cache the index of one that is gone
};

// The bug that is planted now.
inline Bug g_bug = Bug::kNone;

// A simple cache: a few slots, searched from the first; a miss takes a mutex.
// Correct unless a bug is planted.
class PlantedCache {
 public:
  using interpreter_type = Interpreter;

  template <typename SlowAccessor>
  PyObject* ptr_or(Interpreter* interpreter,
                   SlowAccessor&& slow_accessor) const {
    ABSL_ASSERT(interpreter != nullptr && "no interpreter");
    if (interpreter == nullptr) {
      return std::forward<SlowAccessor>(slow_accessor)();
    }
    PyObject* found = nullptr;
    if (Find(interpreter, &found)) {
      if (g_bug == Bug::kCountsHits) ++hits_;
      return found;
    }
    return Fill(interpreter, std::forward<SlowAccessor>(slow_accessor)());
  }

  PyObject* peek(const Interpreter* interpreter) const {
    PyObject* found = nullptr;
    if (interpreter != nullptr) Find(interpreter, &found);
    return found;
  }

  static constexpr std::size_t capacity() { return kSlots; }

  std::size_t occupancy() const {
    std::size_t count = 0;
    for (const Slot& slot : slots_) {
      if (slot.tag.load() != 0 && Alive(slot)) ++count;
    }
    return count;
  }

 private:
  static constexpr std::size_t kSlots = 4;

  struct Slot {
    std::atomic<std::uint64_t> tag{0};
    std::atomic<PyObject*> handle{nullptr};
    std::atomic<const Interpreter*> interpreter{nullptr};
  };

  static void Dawdle() {
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }

  static std::uint64_t TagOf(const Interpreter* interpreter) {
    if (g_bug == Bug::kAddressAsTag) {
      return reinterpret_cast<std::uintptr_t>(interpreter);
    }
    return interpreter->id();
  }

  // The suite never frees its interpreters, so this may read them.
  static bool Alive(const Slot& slot) {
    const Interpreter* interpreter = slot.interpreter.load();
    return !interpreter->retired() && TagOf(interpreter) == slot.tag.load();
  }

  bool Find(const Interpreter* interpreter, PyObject** found) const {
    if (interpreter->retired() && g_bug != Bug::kHitsAfterRetirement) {
      return false;
    }
    const std::uint64_t own = TagOf(interpreter);
    for (const Slot& slot : slots_) {
      const std::uint64_t tag = slot.tag.load();
      if (tag == 0) continue;
      if (tag != own && g_bug != Bug::kAnothersHandle) continue;
      if (g_bug == Bug::kNoSecondLook) Dawdle();
      *found = slot.handle.load();
      if (slot.tag.load() == tag || g_bug == Bug::kNoSecondLook) return true;
    }
    *found = nullptr;
    return false;
  }

  PyObject* Fill(const Interpreter* interpreter, PyObject* handle) const {
    if (handle == nullptr && g_bug != Bug::kNullCached) return handle;
    if (g_bug == Bug::kLockNotForkSafe) {
      // The lock orders what is done under it, by acquire and release.
      while (spin_lock_.test_and_set(std::memory_order_acquire)) {
      }
      handle = FillUnderLock(interpreter, handle);
      spin_lock_.clear(std::memory_order_release);
      return handle;
    }
    std::lock_guard<std::mutex> lock(g_fork_safe_mutex);
    return FillUnderLock(interpreter, handle);
  }

  PyObject* FillUnderLock(const Interpreter* interpreter,
                          PyObject* handle) const {
    if (interpreter->retired()) return handle;
    PyObject* first = nullptr;
    if (g_bug != Bug::kDuplicateSlots && Find(interpreter, &first)) {
      return g_bug == Bug::kLoserKeepsItsOwn ? handle : first;
    }
    for (Slot& slot : slots_) {
      if (slot.tag.load() != 0 &&
          (Alive(slot) || g_bug == Bug::kNeverReclaims)) {
        continue;
      }
      slot.interpreter.store(interpreter);
      if (g_bug == Bug::kTagBeforeHandle) {
        slot.handle.store(nullptr);
        slot.tag.store(TagOf(interpreter));
        Dawdle();
      }
      if (slot.tag.load() != TagOf(interpreter)) slot.tag.store(1);  // nobody's
      slot.handle.store(handle);
      slot.tag.store(TagOf(interpreter));
      break;
    }
    return handle;
  }

  mutable Slot slots_[kSlots];
  mutable std::atomic_flag spin_lock_ = ATOMIC_FLAG_INIT;
  mutable int hits_ = 0;
};

}  // namespace conformance
}  // namespace multislot

#endif  // TESTS_CONFORMANCE_PLANTED_PLANTED_CACHE_H_
