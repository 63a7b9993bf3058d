#include "multislot/cpython/multislot.h"

#include <Python.h>

#include <type_traits>

#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/import_attr.h"
#include "multislot/side_table.h"

namespace {

// A multislot_cache is the memory of one of these. All zero is an empty one,
// and there is nothing to destroy, so C can have it as plain words.
using Cache = multislot::cpython::HandleCache<multislot::SideTable>;
static_assert(sizeof(Cache) == sizeof(multislot_cache) &&
                  alignof(Cache) == alignof(multislot_cache) &&
                  std::is_trivially_destructible<Cache>::value &&
                  std::is_standard_layout<Cache>::value,
              "multislot_cache has to have the layout of a HandleCache");

}  // namespace

extern "C" {

PyObject* multislot_get(multislot_cache* cache, multislot_make make,
                        void* arg) {
  return reinterpret_cast<const Cache*>(cache)->get_or_create(
      [make, arg] { return make(arg); });
}

PyObject* multislot_import_attr(const char* module, const char* attribute) {
  return multislot::cpython::ImportAttr(module, attribute)();
}

}  // extern "C"
