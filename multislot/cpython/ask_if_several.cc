#include "multislot/cpython/ask_if_several.h"

#include <Python.h>

#include <atomic>

#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/keep_error.h"
#include "multislot/internal/registry.h"
#include "multislot/interpreter.h"

namespace multislot {
namespace cpython {

namespace internal {

namespace {

// Of this runtime, those that got a record, and another if it was heard: at
// least two if there were several. It never goes down: an interpreter's last
// objects look things up when all that could be counted of it is gone.
int g_interpreters = 0;  // under the RegistryLock

// The one that has registered, as long as it may be the only one. Written under
// the RegistryLock.
std::atomic<Record*> g_registered{nullptr};

// Under the RegistryLock, which orders the relaxed accesses; a null that Hear()
// loads tells it nothing.
void Unregister() noexcept {
  Record* record = g_registered.load(std::memory_order_relaxed);
  if (record == nullptr) return;
  record->only.store(false, std::memory_order_relaxed);
  g_registered.store(nullptr, std::memory_order_relaxed);
}

}  // namespace

void CountInterpreter() noexcept {
  multislot::internal::RegistryLock lock;
  if (++g_interpreters > 1) Unregister();
}

void ForgetInterpreters() noexcept {
  multislot::internal::RegistryLock lock;
  g_interpreters = 0;
  Unregister();
}

bool HasOnly() noexcept {
  multislot::internal::RegistryLock lock;
  const Record* record = g_registered.load(std::memory_order_relaxed);
  return record != nullptr && record->only.load(std::memory_order_relaxed);
}

}  // namespace internal

#if defined(Py_LIMITED_API)

void AskIfSeveral::Register() noexcept {}

#else

namespace {

thread_local bool t_heard = false;

// CPython calls this for each audited event, of whichever interpreter.
int Hear(const char*, PyObject*, void*) noexcept {
  t_heard = true;
  // Pairs with the release store in Register(): whoever finds the record finds
  // it initialised.
  const internal::Record* record =
      internal::g_registered.load(std::memory_order_acquire);
  if (record != nullptr && record->state.load(std::memory_order_relaxed) !=
                               internal::CurrentState()) {
    internal::CountInterpreter();
  }
  return 0;
}

// Whether CPython calls it.
bool Hears() noexcept {
  t_heard = false;
  if (PySys_Audit("multislot.hears", nullptr) != 0) PyErr_Clear();
  return t_heard;
}

bool IsTheOnlyOne(PyInterpreterState* state) noexcept {
  return PyInterpreterState_Head() == state &&
         PyInterpreterState_Next(state) == nullptr;
}

}  // namespace

void AskIfSeveral::Register() noexcept {
  internal::KeepError keep_error;
  internal::Record* record = internal::CurrentRecord();
  PyInterpreterState* state = internal::CurrentState();
  if (record == nullptr || !IsTheOnlyOne(state)) return;
  {
    multislot::internal::RegistryLock lock;
    // Pairs with the acquire load in Hear().
    internal::g_registered.store(record, std::memory_order_release);
  }
  // That a hook was added, CPython says even if another hook forbade it.
  if (!Hears() && PySys_AddAuditHook(Hear, nullptr) != 0) PyErr_Clear();
  // What comes from here on is heard, and counted; nothing must be there yet.
  if (!Hears() || !IsTheOnlyOne(state)) return;
  multislot::internal::RegistryLock lock;
  if (internal::g_interpreters == 1) {
    record->only.store(true, std::memory_order_relaxed);
  }
}

#endif

}  // namespace cpython
}  // namespace multislot
