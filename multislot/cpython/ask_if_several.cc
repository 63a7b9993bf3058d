#include "multislot/cpython/ask_if_several.h"

#include <Python.h>

#include <atomic>
#include <cstring>

#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/keep_error.h"
#include "multislot/internal/registry.h"
#include "multislot/interpreter.h"

namespace multislot {
namespace cpython {

namespace internal {

namespace {

// Of this runtime, those that got a record or were announced. It never goes
// down: an interpreter's last objects look things up when all that could be
// counted of it is gone.
int g_interpreters = 0;    // under the RegistryLock
Record* g_only = nullptr;  // the one that is `only`; under the RegistryLock

void SetOnly(Record* record) noexcept {
  if (g_only != nullptr) g_only->only.store(false, std::memory_order_relaxed);
  if (record != nullptr) record->only.store(true, std::memory_order_relaxed);
  g_only = record;
}

}  // namespace

void CountInterpreter() noexcept {
  multislot::internal::RegistryLock lock;
  if (++g_interpreters > 1) SetOnly(nullptr);
}

void ForgetInterpreters() noexcept {
  multislot::internal::RegistryLock lock;
  g_interpreters = 0;
  SetOnly(nullptr);
}

const Record* Only() noexcept {
  multislot::internal::RegistryLock lock;
  return g_only;
}

}  // namespace internal

#if defined(Py_LIMITED_API)

void AskIfSeveral::Register() noexcept {}

#else

namespace {

constexpr char kProbe[] = "multislot.probe";
thread_local bool t_heard = false;

int Hear(const char* event, PyObject*, void*) noexcept {
  if (std::strcmp(event, "cpython.PyInterpreterState_New") == 0) {
    internal::CountInterpreter();
  } else if (std::strcmp(event, kProbe) == 0) {
    t_heard = true;
  }
  return 0;
}

bool IsTheOnlyOne(PyInterpreterState* state) noexcept {
  return PyInterpreterState_Head() == state &&
         PyInterpreterState_Next(state) == nullptr;
}

// Whether CPython tells us.
bool Hears() noexcept {
  t_heard = false;
  if (PySys_Audit(kProbe, nullptr) != 0) PyErr_Clear();
  return t_heard;
}

}  // namespace

void AskIfSeveral::Register() noexcept {
  internal::KeepError keep_error;
  internal::Record* record = internal::CurrentRecord();
  PyInterpreterState* state = internal::CurrentState();
  if (record == nullptr || !IsTheOnlyOne(state)) return;
  // That a hook was added, CPython says even if another hook forbade it.
  if (!Hears() && PySys_AddAuditHook(Hear, nullptr) != 0) PyErr_Clear();
  // From here on new ones are announced; before, there must have come none.
  if (!Hears() || !IsTheOnlyOne(state)) return;
  multislot::internal::RegistryLock lock;
  if (internal::g_interpreters == 1) internal::SetOnly(record);
}

#endif

}  // namespace cpython
}  // namespace multislot
