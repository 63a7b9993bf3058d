#include "tests/shared_objects/module.h"

#include "multislot/basic_py_handle_cache.h"
#include "multislot/fixed_slots.h"
#include "multislot/internal/registry.h"
#include "multislot/interpreter.h"
#include "multislot/side_table.h"

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

// As in a library's header that both modules include.
struct EXPORTED Operator {
  using Cache = multislot::BasicPyHandleCache<multislot::FixedSlots<512> >;
  static const Cache& cache() {
    static const Cache cache;
    return cache;
  }
  using Table = multislot::BasicPyHandleCache<multislot::SideTable>;
  static const Table& table() {
    static const Table table;
    return table;
  }
};

namespace {

template <typename Cache>
void* LookUpIn(const Cache& cache, void* interpreter, void* handle) {
  return cache.ptr_or(static_cast<multislot::Interpreter*>(interpreter),
                      [handle] { return static_cast<PyObject*>(handle); });
}

// Looks up in both caches; null if their handles differ.
void* LookUp(void* interpreter, void* handle) {
  void* found = LookUpIn(Operator::cache(), interpreter, handle);
  return LookUpIn(Operator::table(), interpreter, handle) == found ? found
                                                                   : nullptr;
}
const void* AddressOfCache() { return &Operator::cache(); }

}  // namespace

extern "C" EXPORTED const Module* TheModule() {
  static const Module module = {NewInterpreter, DeleteInterpreter,
                                AddressOfRegister, LookUp, AddressOfCache};
  return &module;
}

#endif
