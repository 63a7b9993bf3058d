#include "multislot/cpython/multislot.h"

#include <Python.h>

#include <type_traits>

#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/import_attr.h"
#include "multislot/cpython/internal/owned.h"
#include "multislot/cpython/internal/owning_cache.h"
#include "multislot/cpython/per_interpreter.h"
#include "multislot/side_table.h"

namespace {

namespace cpython = multislot::cpython;

// A value of C's, and how to destroy it.
struct CValue : cpython::internal::OwnedValue {
  CValue(multislot_make_value make, void* arg,
         multislot_destroy_value destroy_value)
      : OwnedValue{static_cast<PyObject*>(make(arg)), Destroy, nullptr},
        destroy_value_(destroy_value) {}

  static void Destroy(OwnedValue* self) {
    auto* value = static_cast<CValue*>(self);
    if (value->handle != nullptr && value->destroy_value_ != nullptr) {
      value->destroy_value_(value->handle);
    }
    delete value;
  }

  multislot_destroy_value destroy_value_;
};

struct CValues {
  // What make is called with, and what with its result.
  struct Call {
    multislot_make_value make;
    void* arg;
    multislot_destroy_value destroy;
  };
  static cpython::internal::OwnedValue* Create(const Call& call) {
    return cpython::internal::CreateValue<CValue>(call.make, call.arg,
                                                  call.destroy);
  }
};

using Cache = cpython::HandleCache<multislot::SideTable>;
using ValueCache = cpython::internal::OwningCache<CValues, multislot::SideTable,
                                                  cpython::AskAlways>;

// A cache of C's is the memory of one of these. All zero is an empty one, and
// there is nothing to destroy, so C can have it as plain words.
template <typename OfC, typename Ours>
constexpr bool HasItsLayout() {
  return sizeof(OfC) == sizeof(Ours) && alignof(OfC) == alignof(Ours) &&
         std::is_trivially_destructible<Ours>::value &&
         std::is_standard_layout<Ours>::value;
}
static_assert(HasItsLayout<multislot_cache, Cache>(), "");
static_assert(HasItsLayout<multislot_value_cache, ValueCache>(), "");

}  // namespace

extern "C" {

PyObject* multislot_get(multislot_cache* cache, multislot_make make,
                        void* arg) {
  return reinterpret_cast<const Cache*>(cache)->get_or_create(
      [make, arg] { return make(arg); });
}

void* multislot_get_value(multislot_value_cache* cache,
                          multislot_make_value make,
                          multislot_destroy_value destroy, void* arg) {
  return reinterpret_cast<const ValueCache*>(cache)->GetOrCreate(
      CValues::Call{make, arg, destroy});
}

PyObject* multislot_import_attr(const char* module, const char* attribute) {
  return cpython::ImportAttr(module, attribute)();
}

}  // extern "C"
