// A shared object that looks up and is then closed.

#include <Python.h>

#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/multislot.h"
#include "multislot/cpython/single_interpreter_fast_path.h"
#include "multislot/side_table.h"

namespace {

template <typename Current>
using Cache = multislot::cpython::HandleCache<multislot::SideTable, Current>;

PyObject* MakeList() { return PyList_New(0); }

}  // namespace

// Whether each cache returns an object, and the same one each time.
extern "C" __attribute__((visibility("default"))) bool LookUp() {
  static const Cache<multislot::cpython::AskCPython> cache;
  static const Cache<multislot::cpython::SingleInterpreterFastPath> if_several;
  static multislot_cache c_cache = MULTISLOT_CACHE_INIT;
  multislot::cpython::SingleInterpreterFastPath::Enable();
  const auto c_get = [] {
    return multislot_get(
        &c_cache, [](void*) { return MakeList(); }, nullptr);
  };
  PyObject* objects[] = {cache.get_or_create(MakeList),
                         if_several.get_or_create(MakeList), c_get()};
  for (PyObject* object : objects) {
    if (object == nullptr) return false;
  }
  return cache.get_or_create(MakeList) == objects[0] &&
         if_several.get_or_create(MakeList) == objects[1] &&
         c_get() == objects[2];
}
