#ifndef TESTS_CONFORMANCE_REFERENCE_CACHE_H_
#define TESTS_CONFORMANCE_REFERENCE_CACHE_H_

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "c10/util/python_stub.h"
#include "multislot/interpreter.h"
#include "multislot/slot_policy.h"
#include "tests/conformance/world.h"

namespace multislot {
namespace conformance {

// The contract of BasicPyHandleCache written as simply as possible: a mutex and
// a map. If a test fails here, the test is wrong.
class ReferenceCache {
 public:
  using interpreter_type = Interpreter;

  template <typename SlowAccessor>
  PyObject* ptr_or(Interpreter* interpreter,
                   SlowAccessor&& slow_accessor) const {
    assert(interpreter != nullptr && "no interpreter");
    if (interpreter == nullptr) {
      return std::forward<SlowAccessor>(slow_accessor)();
    }
    if (PyObject* handle = peek(interpreter)) return handle;
    PyObject* handle = std::forward<SlowAccessor>(slow_accessor)();
    std::lock_guard<std::mutex> lock(g_fork_safe_mutex);
    if (handle == nullptr || interpreter->retired()) return handle;
    return slots_.emplace(interpreter->id(), Slot{handle, interpreter})
        .first->second.handle;
  }

  PyObject* peek(const Interpreter* interpreter) const {
    if (interpreter == nullptr || interpreter->retired()) return nullptr;
    std::lock_guard<std::mutex> lock(g_fork_safe_mutex);
    const auto slot = slots_.find(interpreter->id());
    return slot == slots_.end() ? nullptr : slot->second.handle;
  }

  static constexpr std::size_t capacity() { return kUnlimited; }

  // The suite never frees its interpreters, so this may read them.
  std::size_t occupancy() const {
    std::lock_guard<std::mutex> lock(g_fork_safe_mutex);
    std::size_t count = 0;
    for (const auto& [id, slot] : slots_) {
      if (slot.interpreter->id() == id && !slot.interpreter->retired()) ++count;
    }
    return count;
  }

 private:
  struct Slot {
    PyObject* handle;
    const Interpreter* interpreter;
  };

  mutable std::map<std::uint64_t, Slot> slots_;
};

}  // namespace conformance
}  // namespace multislot

#endif  // TESTS_CONFORMANCE_REFERENCE_CACHE_H_
