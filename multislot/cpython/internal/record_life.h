#ifndef MULTISLOT_CPYTHON_INTERNAL_RECORD_LIFE_H_
#define MULTISLOT_CPYTHON_INTERNAL_RECORD_LIFE_H_

// A record's life.
//
// A record is born on the first lookup in its interpreter. A capsule in the
// interpreter's dict (PyInterpreterState_GetDict) holds it. When the dict goes,
// the capsule goes, and the record ends.
//
// While the record has two witnesses in the interpreter, its address is proven,
// and lookups find the record by the address alone. The witnesses are a
// function that is registered with the interpreter's own atexit, and an object
// in sys. The proof ends as soon as one of these happens: atexit calls the
// function, at the beginning of the interpreter's end; a witness is dropped;
// the record ends. From then on lookups find the record by the dict. So even if
// somebody keeps the interpreter's dict, or all objects that the garbage
// collector knows, past the interpreter's end, another interpreter at the same
// address does not get this record.
//
// No record is born once sys.modules is gone. That is the visible sign that the
// interpreter is past the point where CPython clears the dict, or soon will be.
// A record that was born then might never end.

#include <Python.h>

#include "absl/base/optimization.h"
#include "multislot/cpython/internal/python_abi.h"
#include "multislot/cpython/internal/records.h"

namespace multislot {
namespace cpython {
inline namespace MULTISLOT_PYTHON_ABI {
namespace internal {

// The record of the interpreter that this thread is attached to; makes it if
// need be. `state` is the CurrentState(). Null for a null state, for an
// interpreter that is past its end, and without memory. May run Python code. A
// pending Python error stays pending.
Record* FindRecord(PyInterpreterState* state);

// CurrentInterpreter()'s record, or null.
inline Record* CurrentRecord() {
  PyInterpreterState* state = CurrentState();
  Record* record = FindFirst(state);
  return ABSL_PREDICT_TRUE(record != nullptr) ? record : FindRecord(state);
}

}  // namespace internal
}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_INTERNAL_RECORD_LIFE_H_
