#include "multislot/cpython/current_interpreter.h"

#include <Python.h>

#include <atomic>
#include <cstdint>
#include <new>

#include "multislot/cpython/ask_if_several.h"
#include "multislot/cpython/keep_error.h"
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

// Inline for the reason that registry.h gives: caches that are one for the
// process, of whichever shared object, need numbers that are.
inline std::atomic<std::uintptr_t> g_last_cache_number{0};

#if defined(Py_GIL_DISABLED) && !defined(Py_LIMITED_API)
inline PyMutex g_dict_mutex = {0};
#endif

namespace {

// How often a runtime has ended: Py_FinalizeEx counts, by way of Py_AtExit, at
// its very end. Relaxed: whoever is attached to an interpreter of a runtime
// comes after the end of the one before.
std::atomic<std::uint64_t> g_runtimes_ended{0};
std::atomic<bool> g_counts_this_runtime{false};

void EndRuntime() {
  g_counts_this_runtime.store(false, std::memory_order_relaxed);
  g_runtimes_ended.fetch_add(1, std::memory_order_relaxed);
  ForgetInterpreters();
}

bool CountThisRuntime() noexcept {
  if (g_counts_this_runtime.exchange(true, std::memory_order_relaxed)) {
    return true;
  }
  if (Py_AtExit(EndRuntime) == 0) return true;
  g_counts_this_runtime.store(false, std::memory_order_relaxed);
  return false;
}

// The interpreter whose record this thread ended last. Its dict is gone, and a
// new one would never be cleared: what still runs in it, and only this thread
// can, must not get a record again. An interpreter that comes later can have
// its address, but not its id too, unless in another runtime.
struct Ended {
  PyInterpreterState* state;
  std::int64_t id;
  std::uint64_t runtime;

  static Ended Now(PyInterpreterState* state) noexcept {
    return {state, PyInterpreterState_GetID(state),
            g_runtimes_ended.load(std::memory_order_relaxed)};
  }
};
thread_local Ended t_ended = {nullptr, 0, 0};

bool HasEnded(PyInterpreterState* state) noexcept {
  if (t_ended.state != state) return false;
  const Ended now = Ended::Now(state);
  return t_ended.id == now.id && t_ended.runtime == now.runtime;
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
    record = new (memory)
        Record{{nullptr}, Interpreter(), {false}, nullptr, nullptr};
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

// The interpreter's dict, or null.
PyObject* DictOf(PyInterpreterState* state) noexcept {
#if defined(Py_GIL_DISABLED) && !defined(Py_LIMITED_API)
  // The first call for an interpreter makes the dict, and CPython
  // (3.13.5) does not see to it that one thread does: another's is lost then,
  // and with it what was put there. A thread that waits for a PyMutex is
  // detached, so that it does not hold up a stop-the-world pause.
  PyMutex_Lock(&g_dict_mutex);
  PyObject* dict = PyInterpreterState_GetDict(state);
  PyMutex_Unlock(&g_dict_mutex);
  return dict;
#else
  return PyInterpreterState_GetDict(state);
#endif
}

constexpr char kCapsuleName[] = "multislot.record";

// The capsule goes: with the interpreter's dict, or because another thread's
// was there first.
void End(PyObject* capsule) {
  auto* record =
      static_cast<Record*>(PyCapsule_GetPointer(capsule, kCapsuleName));
  PyInterpreterState* state = record->state.load(std::memory_order_relaxed);
  if (state != Nobody(record)) {
    t_ended = Ended::Now(state);
    record->state.store(Nobody(record), std::memory_order_relaxed);
  }
  record->only.store(false, std::memory_order_relaxed);
  record->interpreter.retire();
  // Runs code of others, which finds the interpreter ended.
  Py_CLEAR(record->owned);
  FreeRecord(record);
}

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
    Record* record = CountThisRuntime() ? NewRecord() : nullptr;
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
      // By its name: PyDict_SetDefault is not in the limited API.
      capsule = PyObject_CallMethod(dict, "setdefault", "OO", key, ours);
      Py_DECREF(ours);
    }
  }
  Py_DECREF(key);
  return capsule;
}

std::uintptr_t Number(CacheNumber& cache) noexcept {
  // Relaxed, all of it: see FindOwned().
  std::uintptr_t number = cache.load(std::memory_order_relaxed);
  if (number != 0) return number;
  const std::uintptr_t fresh =
      g_last_cache_number.fetch_add(1, std::memory_order_relaxed) + 1;
  // Another thread may be first; then the fresh number is nobody's.
  return cache.compare_exchange_strong(number, fresh, std::memory_order_relaxed)
             ? fresh
             : number;
}

}  // namespace

Record* FindRecord(PyInterpreterState* state) noexcept {
  if (state == nullptr || HasEnded(state)) return nullptr;
  KeepError keep_error;
  PyObject* dict = DictOf(state);
  PyObject* capsule = dict == nullptr ? nullptr : Anchor(dict);
  if (capsule == nullptr) {
    PyErr_Clear();
    return nullptr;
  }
  auto* record =
      static_cast<Record*>(PyCapsule_GetPointer(capsule, kCapsuleName));
  Py_DECREF(capsule);
  if (record->state.exchange(state, std::memory_order_relaxed) != state) {
    CountInterpreter();
  }
  t_record = record;
  return record;
}

PyObject* FindOwned(const Record* record, const CacheNumber& cache) noexcept {
  // Relaxed: all that is ever asked of the number is whether it is the same.
  const std::uintptr_t number = cache.load(std::memory_order_relaxed);
  if (number == 0 || record->owned == nullptr) return nullptr;
  KeepError keep_error;
  PyObject* key = PyLong_FromVoidPtr(reinterpret_cast<void*>(number));
  // Borrowed, also without a GIL: what is in this dict stays.
  PyObject* found =
      key == nullptr ? nullptr : PyDict_GetItemWithError(record->owned, key);
  PyErr_Clear();
  Py_XDECREF(key);
  return found;
}

PyObject* Own(Record* record, CacheNumber& cache, PyObject* object) noexcept {
  if (record == nullptr || record->owned == nullptr) return object;
  KeepError keep_error;
  PyObject* key = PyLong_FromVoidPtr(reinterpret_cast<void*>(Number(cache)));
  PyObject* owned =
      key == nullptr
          ? nullptr
          : PyObject_CallMethod(record->owned, "setdefault", "OO", key, object);
  PyErr_Clear();
  Py_XDECREF(key);
  if (owned == nullptr) return object;
  Py_DECREF(owned);  // the dict has one
  Py_DECREF(object);
  return owned;
}

}  // namespace internal
}  // namespace cpython
}  // namespace multislot
