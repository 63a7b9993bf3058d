// A program that uses the build's default cache, and caches with policies that
// it names itself.

#include <cstdio>

#include "multislot/py_handle_cache.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

namespace {

// Python's, in a real program.
PyObject* Find(char* object) { return reinterpret_cast<PyObject*>(object); }

// How many of 20 interpreters have a handle in the cache after each asked.
template <typename Cache>
std::size_t Remembered() {
  static char objects[20];
  multislot::Interpreter interpreters[20];
  Cache cache;
  for (int i = 0; i < 20; ++i) {
    static_cast<void>(
        cache.ptr_or(&interpreters[i], [i] { return Find(&objects[i]); }));
  }
  return cache.occupancy();
}

}  // namespace

int main() {
  std::printf(
      "%s: %zu of 20, FixedSlots<4>: %zu of 20, c10: %s\n",
      TEXT(MULTISLOT_DEFAULT_SLOT_POLICY_NAME),
      Remembered<multislot::PyHandleCache>(),
      Remembered<multislot::BasicPyHandleCache<multislot::FixedSlots<4>>>(),
#if defined(OTHER_C10)
      "another"
#else
      "multislot's"
#endif
  );
  return 0;
}
