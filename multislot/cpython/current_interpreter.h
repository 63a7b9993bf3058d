#ifndef MULTISLOT_CPYTHON_CURRENT_INTERPRETER_H_
#define MULTISLOT_CPYTHON_CURRENT_INTERPRETER_H_

#include <Python.h>

#include <atomic>
#include <cstdint>

#include "absl/base/optimization.h"
#include "multislot/interpreter.h"

namespace multislot {
namespace cpython {

namespace internal {

// What is known of one CPython interpreter. Born on first use in it, anchored
// in its dict (PyInterpreterState_GetDict) by a capsule whose destructor ends
// it, then used again for another; never freed. So there are as many as
// interpreters were ever alive together.
struct Record {
  // The interpreter that the record is of; while it is of none, an address
  // that is no interpreter's. Relaxed everywhere: a thread compares it with the
  // interpreter that it is attached to, and whatever wrote that one's address
  // here, or another's before, happened before the thread could attach.
  std::atomic<PyInterpreterState*> state;
  // Made anew for each life.
  Interpreter interpreter;
  // Whether that is certainly the only interpreter of the process, so that
  // CPython need not be asked: see AskIfSeveral. Relaxed everywhere: it goes
  // false before anybody's code runs in another interpreter.
  std::atomic<bool> only;
  // A dict that owns the interpreter's handles: cache number -> object.
  PyObject* owned;
  Record* next_free;
};

// The record that this thread used last. Whether it is the right one, its
// state says.
#if defined(__GLIBC__) && (defined(__GNUC__) || defined(__clang__))
// One word of what glibc sets aside for shared objects that are loaded later;
// saves a call on each lookup.
extern __thread Record* t_record __attribute__((tls_model("initial-exec")));
#else
extern thread_local Record* t_record;
#endif

// The interpreter that this thread is attached to; null if to none.
inline PyInterpreterState* CurrentState() noexcept {
#if defined(Py_LIMITED_API)
  // A call, and CPython ends the process if there is none: the limited API has
  // nothing that would say so.
  return PyInterpreterState_Get();
#elif PY_VERSION_HEX >= 0x030D0000
  PyThreadState* thread = PyThreadState_GetUnchecked();
  return thread == nullptr ? nullptr : thread->interp;
#else
  // Private until 3.13, which made it public under the name above.
  PyThreadState* thread = _PyThreadState_UncheckedGet();
  return thread == nullptr ? nullptr : thread->interp;
#endif
}

// The record of the interpreter that this thread is attached to, by way of its
// dict, if need be born now. Null for a null state, and for an interpreter that
// has ended. A Python error that is set stays set.
Record* FindRecord(PyInterpreterState* state) noexcept;

// CurrentInterpreter()'s record, or null.
inline Record* CurrentRecord() noexcept {
  PyInterpreterState* state = CurrentState();
  Record* record = t_record;
  if (ABSL_PREDICT_TRUE(record != nullptr &&
                        record->state.load(std::memory_order_relaxed) ==
                            state)) {
    return record;
  }
  return FindRecord(state);
}

// What names a cache in the dicts of the interpreters: given out on first need,
// and to no other cache of this process, so that one in the memory of another
// that is gone finds nothing of that one's. (Where pointers have 32 bits the
// numbers come again after 2^32 caches.) Zero is none yet.
using CacheNumber = std::atomic<std::uintptr_t>;

// The object that the record's interpreter owns for the cache, borrowed; null
// if there is none. A Python error that is set stays set.
PyObject* FindOwned(const Record* record, const CacheNumber& cache) noexcept;

// Makes the interpreter own the object for the cache, unless it owns one for it
// already, and returns the one that it owns then, borrowed: of several calls
// all return the first one's object. Takes over the caller's reference, and
// gives it back to the interpreter if it is not needed. Without a record, or
// memory, nobody owns the object and it lives for ever. A Python error that is
// set stays set.
PyObject* Own(Record* record, CacheNumber& cache, PyObject* object) noexcept;

}  // namespace internal

// The multislot::Interpreter of the CPython interpreter that the calling thread
// is attached to, for as long as that lives. It is born on the first call and
// retires when the interpreter's dict is cleared, late in its end. Null if the
// thread is attached to none, if the interpreter has come further in its end
// than that, or without memory. (Under the limited API, CPython ends the
// process if the thread is attached to none.)
//
// CPython is asked on every call, so a thread may switch interpreters. Constant
// time; the first call of a thread in an interpreter does a dict lookup. Sets
// no Python error and leaves one that is set alone.
inline Interpreter* CurrentInterpreter() noexcept {
  internal::Record* record = internal::CurrentRecord();
  return record == nullptr ? nullptr : &record->interpreter;
}

// How a HandleCache finds the CurrentInterpreter(): asks CPython, on each call.
struct AskAlways {
  static Interpreter* Find() noexcept { return CurrentInterpreter(); }
};

}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_CURRENT_INTERPRETER_H_
