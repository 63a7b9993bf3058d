#include "multislot/cpython/current_interpreter.h"

#include <Python.h>

#include <atomic>
#include <cstdint>
#include <new>

#include "multislot/internal/registry.h"
#include "multislot/interpreter.h"

namespace multislot {
namespace cpython {
namespace internal {

#if defined(__GLIBC__) && (defined(__GNUC__) || defined(__clang__))
__thread Record* t_record = nullptr;
#else
thread_local Record* t_record = nullptr;
#endif

namespace {

// The interpreter whose record this thread ended last. Its dict is gone, and a
// new one would never be cleared: what still runs in it must not get a record.
// Only this thread can be in it by then. An interpreter that comes later can
// have the same address, but not the same id as well, unless it is the main
// interpreter: that one has ended if the runtime is ending.
struct Ended {
  PyInterpreterState* state;
  std::int64_t id;
};
thread_local Ended t_ended = {nullptr, 0};

bool HasEnded(PyInterpreterState* state) noexcept {
  if (t_ended.state != state || t_ended.id != PyInterpreterState_GetID(state)) {
    return false;
  }
  // CPython says no from early in Py_FinalizeEx on.
  return t_ended.id != 0 || !Py_IsInitialized();
}

Record* g_free = nullptr;  // under the RegistryLock

// An address that no interpreter has.
PyInterpreterState* Nobody(Record* record) noexcept {
  return reinterpret_cast<PyInterpreterState*>(record);
}

Record* NewRecord() noexcept {
  Record* record;
  {
    multislot::internal::RegistryLock lock;
    record = g_free;
    if (record != nullptr) g_free = record->next_free;
  }
  if (record == nullptr) {
    void* memory = ::operator new(sizeof(Record), std::nothrow);
    if (memory == nullptr) return nullptr;
    record = new (memory) Record{{nullptr}, Interpreter(), nullptr, nullptr};
    record->state.store(Nobody(record), std::memory_order_relaxed);
    return record;
  }
  record->interpreter.~Interpreter();
  new (&record->interpreter) Interpreter();
  return record;
}

void FreeRecord(Record* record) noexcept {
  record->interpreter.retire();
  multislot::internal::RegistryLock lock;
  record->next_free = g_free;
  g_free = record;
}

constexpr char kCapsuleName[] = "multislot.record";

// The capsule goes: with the interpreter's dict, or because another thread's
// was there first.
void End(PyObject* capsule) {
  auto* record =
      static_cast<Record*>(PyCapsule_GetPointer(capsule, kCapsuleName));
  PyInterpreterState* state = record->state.load(std::memory_order_relaxed);
  if (state != Nobody(record)) {
    t_ended = {state, PyInterpreterState_GetID(state)};
    record->state.store(Nobody(record), std::memory_order_relaxed);
  }
  record->interpreter.retire();
  // Runs code of others, which finds the interpreter ended.
  Py_CLEAR(record->owned);
  FreeRecord(record);
}

// Keeps a Python error that is set where it is.
class KeepError {
 public:
#if PY_VERSION_HEX >= 0x030C0000
  KeepError() : error_(PyErr_GetRaisedException()) {}
  ~KeepError() { PyErr_SetRaisedException(error_); }

 private:
  PyObject* error_;
#else
  KeepError() { PyErr_Fetch(&type_, &value_, &traceback_); }
  ~KeepError() { PyErr_Restore(type_, value_, traceback_); }

 private:
  PyObject* type_;
  PyObject* value_;
  PyObject* traceback_;
#endif
};

// The capsule in the dict, put there now if there is none; a new reference, or
// null with an error set.
PyObject* Anchor(PyObject* dict) {
  // Each shared object that embeds this library has its own t_ended, and so its
  // own key.
  PyObject* key = PyUnicode_FromFormat("%s.%p", kCapsuleName, &g_free);
  if (key == nullptr) return nullptr;
  PyObject* capsule = PyDict_GetItemWithError(dict, key);
  Py_XINCREF(capsule);
  if (capsule == nullptr && !PyErr_Occurred()) {
    Record* record = NewRecord();
    PyObject* ours = nullptr;
    if (record != nullptr) {
      record->owned = PyDict_New();
      if (record->owned != nullptr) {
        ours = PyCapsule_New(record, kCapsuleName, End);
      }
      if (ours == nullptr) {
        Py_CLEAR(record->owned);
        FreeRecord(record);
      }
    }
    if (ours != nullptr) {
      capsule = PyDict_SetDefault(dict, key, ours);
      Py_XINCREF(capsule);
      Py_DECREF(ours);
    }
  }
  Py_DECREF(key);
  return capsule;
}

}  // namespace

Record* FindRecord(PyInterpreterState* state) noexcept {
  if (state == nullptr || HasEnded(state)) return nullptr;
  KeepError keep_error;
  PyObject* dict = PyInterpreterState_GetDict(state);
  PyObject* capsule = dict == nullptr ? nullptr : Anchor(dict);
  if (capsule == nullptr) {
    PyErr_Clear();
    return nullptr;
  }
  auto* record =
      static_cast<Record*>(PyCapsule_GetPointer(capsule, kCapsuleName));
  Py_DECREF(capsule);
  record->state.store(state, std::memory_order_relaxed);
  t_record = record;
  return record;
}

void Own(Record* record, PyObject* object) noexcept {
  if (record == nullptr || record->owned == nullptr) return;
  KeepError keep_error;
  PyObject* key = PyLong_FromVoidPtr(object);
  if (key != nullptr && PyDict_SetItem(record->owned, key, object) == 0) {
    Py_DECREF(object);
  }
  PyErr_Clear();
  Py_XDECREF(key);
}

}  // namespace internal
}  // namespace cpython
}  // namespace multislot
