#ifndef MULTISLOT_TESTS_CHECKER_WORLD_H_
#define MULTISLOT_TESTS_CHECKER_WORLD_H_

// What every scenario starts from.

#include <cstdlib>
#include <cstring>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "multislot/internal/py_object.h"
#include "multislot/internal/registry.h"
#include "multislot/internal/table.h"
#include "tests/checker/model.h"

namespace multislot {
namespace checker {

// Restores the register to its state before its first use. Nobody may use its
// tables any more.
inline void RestoreRegister() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  using internal::g_register;
  using internal::Register;
  static const struct Saved {
    Saved() { std::memcpy(bytes, &g_register, sizeof(Register)); }
    alignas(Register) char bytes[sizeof(Register)];
  } saved;
  for (internal::Table* tables : g_register.free_tables) {
    while (tables != nullptr) {
      internal::Table* next = tables->next;
      std::free(tables);
      tables = next;
    }
  }
  for (auto& chunk : g_register.chunks) {
    delete[] chunk.load(std::memory_order_relaxed);
  }
  std::memcpy(static_cast<void*>(&g_register), saved.bytes, sizeof(Register));
}

// An object that knows its owner.
class Object {
 public:
  PyObject* MadeFor(int owner) {
    owner_.set(owner);
    return reinterpret_cast<PyObject*>(this);
  }
  static int OwnerOf(PyObject* handle) {
    return handle == nullptr
               ? 0
               : reinterpret_cast<const Object*>(handle)->owner_.get();
  }

 private:
  Plain<int> owner_{0};
};

// What the threads of a run share. Lives until the next run begins.
template <typename W, typename... Arguments>
W* NewWorld(Arguments... arguments) {
  static std::unique_ptr<W> kept;
  kept.reset();
  kept = std::make_unique<W>(arguments...);
  return kept.get();
}

}  // namespace checker
}  // namespace multislot

#endif  // MULTISLOT_TESTS_CHECKER_WORLD_H_
