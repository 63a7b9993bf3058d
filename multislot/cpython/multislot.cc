#include "multislot/cpython/multislot.h"

#include <Python.h>

#include <atomic>
#include <type_traits>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/import_attr.h"
#include "multislot/cpython/internal/owned.h"
#include "multislot/cpython/internal/owning_cache.h"
#include "multislot/cpython/per_interpreter.h"
#include "multislot/internal/registry.h"
#include "multislot/side_table.h"

namespace {

namespace cpython = multislot::cpython;

// A value that C code made, and how to destroy it.
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
  // The arguments of multislot_get_value().
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
                                                  cpython::AskCPython>;

// The layout of a C cache. All zero is an empty cache, and it is trivially
// destructible, so C can declare it as plain words.
//
// C code can copy it. The index in the copy would find the first cache's
// objects. So it stores its own address, and a cache with another address
// starts afresh.
template <typename OfC, typename Ours>
struct InC {
  static const Ours& In(OfC* memory) {
    static_assert(sizeof(OfC) == sizeof(InC) && alignof(OfC) == alignof(InC) &&
                      std::is_trivially_destructible<InC>::value &&
                      std::is_standard_layout<InC>::value,
                  "C's has its layout");
    auto* in_c = reinterpret_cast<InC*>(memory);
    if (ABSL_PREDICT_FALSE(in_c->self.load(std::memory_order_acquire) !=
                           in_c)) {  // (35)
      in_c->StartAfresh();
    }
    return in_c->cache;
  }

  ABSL_ATTRIBUTE_NOINLINE void StartAfresh() {
    multislot::internal::RegistryLock lock;
    // Relaxed: the lock orders it with another thread's store.
    if (self.load(std::memory_order_relaxed) == this) return;
    cache.clear_for_test();
    self.store(this, std::memory_order_release);  // (34)
  }

  Ours cache;
  std::atomic<void*> self;
};

}  // namespace

extern "C" {

PyObject* multislot_get(multislot_cache* cache, multislot_make make,
                        void* arg) {
  return InC<multislot_cache, Cache>::In(cache).get_or_create(
      [make, arg] { return make(arg); });
}

void* multislot_get_value(multislot_value_cache* cache,
                          multislot_make_value make,
                          multislot_destroy_value destroy, void* arg) {
  return InC<multislot_value_cache, ValueCache>::In(cache).GetOrCreate(
      CValues::Call{make, arg, destroy});
}

PyObject* multislot_import_attr(const char* module, const char* attribute) {
  return cpython::ImportAttr(module, attribute)();
}

}  // extern "C"
