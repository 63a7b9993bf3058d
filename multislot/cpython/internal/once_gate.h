#ifndef MULTISLOT_CPYTHON_INTERNAL_ONCE_GATE_H_
#define MULTISLOT_CPYTHON_INTERNAL_ONCE_GATE_H_

#include <Python.h>

#include <atomic>
#include <chrono>

#include "multislot/cpython/internal/python_abi.h"

namespace multislot {
namespace cpython {
inline namespace MULTISLOT_PYTHON_ABI {
namespace internal {

// Lets one thread of an interpreter through at a time, so that a function is
// called once. Threads that wait are detached from the interpreter.
//
// The stored value does not depend on it: of several results one is kept. So a
// thread that might wait for ever goes through too:
//   - one that is in the gate already;
//   - any thread in the child of a fork;
//   - any thread once the process is ending: CPython stops threads anywhere;
//   - one that has waited for long: the one in the gate may be waiting for it,
//     for example to import a module.
class OnceGate {
 public:
  static constexpr std::chrono::seconds kLongestWait{10};

  OnceGate() noexcept;
  OnceGate(const OnceGate&) = delete;
  OnceGate& operator=(const OnceGate&) = delete;

  // Enters the gate, or does nothing if it is null; leaves it at the end of its
  // scope.
  class Pass {
   public:
    explicit Pass(OnceGate* gate,
                  std::chrono::milliseconds longest_wait = kLongestWait)
        : gate_(gate) {
      if (gate_ != nullptr && !gate_->Enter(longest_wait)) gate_ = nullptr;
    }
    ~Pass() {
      if (gate_ != nullptr) gate_->Leave();
    }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    OnceGate* gate_;  // null if this thread does not have it
  };

 private:
  // Whether this thread has entered the gate. May run user code.
  bool Enter(std::chrono::milliseconds longest_wait);
  void Leave() noexcept;

  // The thread that is in the gate; 0 if none is. (32) It enters with acquire,
  // so that it sees what the last one made; (33) it leaves with release.
  std::atomic<unsigned long> thread_{0};
  const long process_;
};

}  // namespace internal
}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_INTERNAL_ONCE_GATE_H_
