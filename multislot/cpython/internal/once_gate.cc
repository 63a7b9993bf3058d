#include "multislot/cpython/internal/once_gate.h"

#include <Python.h>

#include <atomic>
#include <chrono>
#include <thread>

#if !defined(_WIN32)
#include <unistd.h>
#endif

namespace multislot {
namespace cpython {
inline namespace MULTISLOT_PYTHON_ABI {
namespace internal {
namespace {

long ThisProcess() noexcept {
#if defined(_WIN32)
  return 0;
#else
  return getpid();
#endif
}

}  // namespace

OnceGate::OnceGate() noexcept : process_(ThisProcess()) {}

bool OnceGate::Enter(std::chrono::milliseconds longest_wait) {
  const unsigned long self = PyThread_get_thread_ident();
  const auto deadline = std::chrono::steady_clock::now() + longest_wait;
  for (;;) {
    unsigned long inside = 0;
    if (thread_.compare_exchange_strong(inside, self, std::memory_order_acquire,
                                        std::memory_order_relaxed)) {  // (32)
      return true;
    }
    if (inside == self || process_ != ThisProcess() || !Py_IsInitialized() ||
        std::chrono::steady_clock::now() >= deadline) {
      return false;
    }
    PyThreadState* thread = PyEval_SaveThread();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    PyEval_RestoreThread(thread);
  }
}

void OnceGate::Leave() noexcept {
  thread_.store(0, std::memory_order_release);  // (33)
}

}  // namespace internal
}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot
