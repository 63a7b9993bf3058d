#ifndef MULTISLOT_CPYTHON_INTERNAL_RECORD_LIFE_H_
#define MULTISLOT_CPYTHON_INTERNAL_RECORD_LIFE_H_

// A record's life.
//
// It is born on the first lookup in its interpreter, and anchored in the
// interpreter's dict (PyInterpreterState_GetDict) by a capsule. The capsule's
// end, which comes with the dict's, is the record's.
//
// Its address is proven, so that a lookup needs the address only, while it has
// two witnesses in the interpreter: a function that is registered with the
// interpreter's own atexit, and an object in sys. The proof ends as soon as one
// of these happens: atexit calls the function, as the interpreter's end begins;
// one of the witnesses is dropped; the record ends. From there on lookups find
// the record by the dict. So whoever keeps the interpreter's dict, or all that
// the garbage collector knows, for longer than the interpreter lives, its
// address is not taken for another interpreter's.
//
// No record is born once sys.modules is gone. That is how CPython's end looks
// from outside when it is past what would clear the dict, or soon will be. A
// record that was born then might never end.

#include <Python.h>

#include "absl/base/optimization.h"
#include "multislot/cpython/internal/python_abi.h"
#include "multislot/cpython/internal/records.h"

namespace multislot {
namespace cpython {
inline namespace MULTISLOT_PYTHON_ABI {
namespace internal {

// The record of the interpreter that this thread is attached to, if need be
// born now; `state` is the CurrentState(). Null for a null state, for an
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
