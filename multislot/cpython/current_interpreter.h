#ifndef MULTISLOT_CPYTHON_CURRENT_INTERPRETER_H_
#define MULTISLOT_CPYTHON_CURRENT_INTERPRETER_H_

#include <Python.h>

#include "multislot/cpython/internal/python_abi.h"
#include "multislot/cpython/internal/record_life.h"
#include "multislot/cpython/internal/records.h"
#include "multislot/interpreter.h"

namespace multislot {
namespace cpython {
inline namespace MULTISLOT_PYTHON_ABI {

// The multislot::Interpreter of the CPython interpreter that the calling thread
// is attached to. It is born on the first call there, and retires when the
// interpreter's dict is cleared, late in its end. Null
//   - if the thread is attached to no interpreter (under the limited API,
//     CPython ends the process),
//   - if the interpreter is past that point of its end; an interpreter whose
//     sys.modules somebody took away looks the same,
//   - without memory.
//
// Threads: any, at any time. Cost: CPython is asked who is current on every
// call, since a thread may switch interpreters; then constant time, after a
// switch too. The first call in an interpreter, and calls while it ends, look
// into its dict and may run Python code. Errors: none is set, and one that is
// pending stays.
[[nodiscard]] inline Interpreter* CurrentInterpreter() {
  internal::Record* record = internal::CurrentRecord();
  return record == nullptr ? nullptr : &record->interpreter;
}

// How a HandleCache finds the CurrentInterpreter(): asks CPython, on each call.
struct AskAlways {
  [[nodiscard]] static Interpreter* Find() { return CurrentInterpreter(); }
};

}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_CURRENT_INTERPRETER_H_
