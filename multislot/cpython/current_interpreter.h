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

// The registration (multislot::Interpreter) of the CPython interpreter that the
// calling thread is attached to. Code that holds on to it, say in its module
// state, can pass it to a cache, which then need not ask CPython.
//
// Example (examples/snippets/adapter_headers.cc [current_interpreter]):
//
//   struct ModuleState {
//     multislot::Interpreter* interpreter;
//   };
//
//   // The module's Py_mod_exec slot, which runs once in each interpreter.
//   int Exec(PyObject* module) {
//     auto* state = static_cast<ModuleState*>(PyModule_GetState(module));
//     state->interpreter = CurrentInterpreter();
//     return 0;
//   }
//
//   PyObject* DecimalOf(const ModuleState& state) {
//     static const HandleCache<> cache;
//     return cache.get_or_create(state.interpreter,
//                                ImportAttr("decimal", "Decimal"));
//   }
//
// Ownership: the adapter owns it. It is made on the first call in an
// interpreter, and retires late in the interpreter's end, when CPython clears
// the interpreter's dict. The pointer is good until then.
// Errors: no Python error is set, and a pending one stays. Null
//   - if the thread is attached to no interpreter (under the limited API,
//     CPython ends the process),
//   - if the interpreter is past that point of its end; an interpreter whose
//     sys.modules somebody took away looks the same,
//   - without memory.
// Threads: any thread, at any time. In a free-threaded CPython make the first
// call in the Py_mod_exec slot, before there are other threads: CPython itself
// (3.13.5) makes the interpreter's dict on first use, and a lock that is only
// ours cannot keep others from doing so at the same time.
// Cost: CPython is asked on every call, since a thread may switch interpreters;
// then constant time, after a switch too. The first call in an interpreter, and
// calls while it ends, look into its dict and may run Python code.
[[nodiscard]] inline Interpreter* CurrentInterpreter() {
  internal::Record* record = internal::CurrentRecord();
  return record == nullptr ? nullptr : &record->interpreter;
}

// How a HandleCache finds the CurrentInterpreter(): asks CPython, on each call.
struct AskCPython {
  [[nodiscard]] static Interpreter* Find() { return CurrentInterpreter(); }
};

}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_CURRENT_INTERPRETER_H_
