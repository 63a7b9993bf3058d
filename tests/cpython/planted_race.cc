// A planted race, for tools/test_free_threaded.sh: ThreadSanitizer must report
// it. Two threads write into the object that both look up.

#include <Python.h>

#include <atomic>
#include <cstddef>

#include "multislot/cpython/handle_cache.h"
#include "multislot/side_table.h"
#include "tests/cpython/attached.h"
#include "tests/cpython/embedded.h"

namespace {

using multislot::SideTable;
using multislot::cpython::HandleCache;
using multislot::cpython::RunAttached;
using multislot::cpython::Runtime;

constexpr int kThreads = 2;

int g_written = 0;

// Returns once both threads have called it. Relaxed: neither sees what the
// other did before. Detached: CPython may have to stop all attached threads
// before the other thread gets here.
void Meet(std::atomic<int>& arrived) {
  PyThreadState* state = PyEval_SaveThread();
  arrived.fetch_add(1, std::memory_order_relaxed);
  while (arrived.load(std::memory_order_relaxed) != kThreads) {
  }
  PyEval_RestoreThread(state);
}

}  // namespace

int main() {
  Runtime runtime;
  HandleCache<SideTable> cache;
  std::atomic<int> before{0};
  std::atomic<int> after{0};
  RunAttached(PyInterpreterState_Get(), kThreads, [&](std::size_t) {
    PyObject* object = cache.get_or_create(
        [] { return PyCapsule_New(&g_written, nullptr, nullptr); });
    Meet(before);
    ++*static_cast<int*>(PyCapsule_GetPointer(object, nullptr));
    Meet(after);
  });
  return 0;
}
