#include "tests/shared_objects/module.h"

#include "multislot/basic_py_handle_cache.h"
#include "multislot/fixed_slots.h"
#include "multislot/internal/registry.h"
#include "multislot/interpreter.h"

#define EXPORTED __attribute__((visibility("default")))

namespace {

void* NewInterpreter() { return new multislot::Interpreter; }
void DeleteInterpreter(void* interpreter) {
  delete static_cast<multislot::Interpreter*>(interpreter);
}
const void* AddressOfRegister() { return &multislot::internal::g_register; }

}  // namespace

#if defined(ONLY_INTERPRETERS)

extern "C" EXPORTED const Module* TheModule() {
  static const Module module = {NewInterpreter, DeleteInterpreter,
                                AddressOfRegister, nullptr, nullptr};
  return &module;
}

#else

// As it would be in a library's header, which both include.
struct EXPORTED Operator {
  using Cache = multislot::BasicPyHandleCache<multislot::FixedSlots<512> >;
  static const Cache& cache() {
    static const Cache cache;
    return cache;
  }
};

namespace {

void* LookUp(void* interpreter, void* handle) {
  return Operator::cache().ptr_or(
      static_cast<multislot::Interpreter*>(interpreter),
      [handle] { return static_cast<PyObject*>(handle); });
}
const void* AddressOfCache() { return &Operator::cache(); }

}  // namespace

extern "C" EXPORTED const Module* TheModule() {
  static const Module module = {NewInterpreter, DeleteInterpreter,
                                AddressOfRegister, LookUp, AddressOfCache};
  return &module;
}

#endif
