// A race that ThreadSanitizer has to report, for tools/test_free_threaded.sh:
// threads write into an object that they all look up.

#include <Python.h>

#include <cstddef>

#include "absl/synchronization/barrier.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/side_table.h"
#include "tests/cpython/attached.h"
#include "tests/cpython/embedded.h"

namespace {

using multislot::SideTable;
using multislot::cpython::HandleCache;

constexpr std::size_t kThreads = 2;
constexpr int kRounds = 1000;

int g_written = 0;

}  // namespace

int main() {
  multislot::cpython::Runtime runtime;
  HandleCache<SideTable> cache;
  auto* barrier = new absl::Barrier(kThreads);
  multislot::cpython::RunAttached(
      PyInterpreterState_Get(), kThreads, [&](std::size_t) {
        Py_BEGIN_ALLOW_THREADS;
        if (barrier->Block()) delete barrier;
        Py_END_ALLOW_THREADS;
        for (int i = 0; i < kRounds; ++i) {
          PyObject* object = cache.get_or_create(
              [] { return PyCapsule_New(&g_written, nullptr, nullptr); });
          ++*static_cast<int*>(PyCapsule_GetPointer(object, nullptr));
        }
      });
  return 0;
}
