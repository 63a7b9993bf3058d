#ifndef MULTISLOT_CPYTHON_CURRENT_INTERPRETER_H_
#define MULTISLOT_CPYTHON_CURRENT_INTERPRETER_H_

#include <Python.h>

#include <atomic>

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
  // A dict that owns the interpreter's handles: address -> object.
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
  // The limited API has nothing that says whether there is one.
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

// Makes the interpreter own the object from here on; takes over the caller's
// reference. Without a record, or memory, the object lives for ever. A Python
// error that is set stays set.
void Own(Record* record, PyObject* object) noexcept;

}  // namespace internal

// The multislot::Interpreter of the CPython interpreter that the calling thread
// is attached to, for as long as that lives. It is born on the first call and
// retires when the interpreter's dict is cleared, late in its end. Null if the
// thread is attached to none, if the interpreter has come further in its end
// than that, or without memory.
//
// CPython is asked on every call, so a thread may switch interpreters. Constant
// time; the first call of a thread in an interpreter does a dict lookup. Sets
// no Python error and leaves one that is set alone.
inline Interpreter* CurrentInterpreter() noexcept {
  internal::Record* record = internal::CurrentRecord();
  return record == nullptr ? nullptr : &record->interpreter;
}

}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_CURRENT_INTERPRETER_H_
