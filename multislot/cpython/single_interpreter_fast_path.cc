#include "multislot/cpython/single_interpreter_fast_path.h"

#include <Python.h>

#include <atomic>
#include <cstdint>
#include <cstring>

#include "multislot/cpython/internal/python_abi.h"
#include "multislot/cpython/internal/record_life.h"
#include "multislot/cpython/internal/records.h"
#include "multislot/cpython/internal/saved_error.h"
#include "multislot/internal/registry.h"

namespace multislot {
namespace cpython {
inline namespace MULTISLOT_PYTHON_ABI {

#if MULTISLOT_PYTHON_LIMITED

void SingleInterpreterFastPath::Enable() {}

#else

namespace internal {

// The name of an event that asks whether the hook is called. Others may use the
// same name, so the hook compares the string's address. The event's argument is
// the address of a bool.
inline constexpr char kAreYouThere[] = "multislot.are_you_there";

namespace {

using multislot::internal::RegistryLock;

bool IsOf(const Record* record, PyInterpreterState* state) noexcept {
  // Relaxed: the calling thread is attached to one of the two interpreters.
  return (record->address.load(std::memory_order_relaxed) & ~kUnproven) ==
         reinterpret_cast<std::uintptr_t>(state);
}

// Called when there is another interpreter, or soon will be. The other
// interpreter's thread sees the stores before other code runs there: its own
// call of the hook makes them, or finds that no record is watched any more.
void DisableFastPath() noexcept {
  RegistryLock lock;
  g_records.only.store(nullptr, std::memory_order_relaxed);
  g_records.watched.store(nullptr, std::memory_order_release);  // (36)
}

// CPython calls it for each audited event, in every interpreter.
int AuditHook(const char* event, PyObject* arguments, void*) {
  if (event == kAreYouThere) {
    *static_cast<bool*>(PyLong_AsVoidPtr(PyTuple_GetItem(arguments, 0))) = true;
    return 0;
  }
  const Record* watched =
      g_records.watched.load(std::memory_order_acquire);  // (25)
  if (watched != nullptr &&
      (!IsOf(watched, CurrentState()) ||
       std::strcmp(event, "cpython.PyInterpreterState_New") == 0)) {
    DisableFastPath();
  }
  return 0;
}

// Whether the hook is called. It is not if another hook vetoes the event first.
bool HookIsCalled() {
  bool heard = false;
  if (PySys_Audit(kAreYouThere, "n", reinterpret_cast<Py_ssize_t>(&heard)) !=
      0) {
    PyErr_Clear();
  }
  return heard;
}

// A hook that is not called may have been added all the same, behind one that
// vetoes. So each life of a record adds one at most.
void AddHook(Record* record) {
  {
    RegistryLock lock;
    if (record->hook_tried) return;
    record->hook_tried = true;
  }
  if (PySys_AddAuditHook(AuditHook, nullptr) != 0) PyErr_Clear();
}

// CPython lists an interpreter from its creation until no thread can be
// attached to it any more.
bool IsTheOnlyOne(PyInterpreterState* state) {
  return PyInterpreterState_Head() == state &&
         PyInterpreterState_Next(state) == nullptr;
}

void RegisterCurrent() {
  PyInterpreterState* state = CurrentState();
  Record* record = CurrentRecord();
  if (record == nullptr || record != FindInPlace(state, 0) ||
      !IsTheOnlyOne(state)) {
    return;
  }
  std::uint64_t attempt;
  {
    RegistryLock lock;
    g_records.watched.store(record, std::memory_order_release);  // (24)
    attempt = ++g_records.attempts;
  }
  if (!HookIsCalled()) AddHook(record);
  // From here on the hook notices new interpreters. None must have come before.
  const bool is_alone = HookIsCalled() && IsTheOnlyOne(state);
  RegistryLock lock;
  // Since then the hook may have noticed one: no record is watched any more, or
  // a later attempt watches again.
  if (is_alone && g_records.attempts == attempt &&
      g_records.watched.load(std::memory_order_relaxed) == record &&
      FindInPlace(state, 0) == record) {
    g_records.only.store(record, std::memory_order_release);  // (22)
  }
}

}  // namespace
}  // namespace internal

void SingleInterpreterFastPath::Enable() {
  if (internal::HasOnly()) return;
  internal::SavedError saved_error;
  internal::RegisterCurrent();
  saved_error.Restore();
}

#endif

}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot
