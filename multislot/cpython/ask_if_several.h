#ifndef MULTISLOT_CPYTHON_ASK_IF_SEVERAL_H_
#define MULTISLOT_CPYTHON_ASK_IF_SEVERAL_H_

#include <Python.h>

#include <atomic>

#include "absl/base/macros.h"
#include "absl/base/optimization.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/interpreter.h"

namespace multislot {
namespace cpython {

namespace internal {

// An interpreter has got its record, or was heard: the only one so far, or one
// too many.
void CountInterpreter() noexcept;

// The runtime has ended, and all interpreters with it.
void ForgetInterpreters() noexcept;

// Whether there is a record that is `only`.
bool HasOnly() noexcept;

}  // namespace internal

// How a HandleCache finds the CurrentInterpreter(): while the process has one
// interpreter only, that is it, and CPython is not asked. As soon as there is
// another, CPython is asked on each call, until the runtime ends.
//
//   HandleCache<FixedSlots<8>, AskIfSeveral> g_decimal;
//
//   int Exec(PyObject*) {  // the module's Py_mod_exec
//     AskIfSeveral::Register();
//     return 0;
//   }
//
// That there is another is known from an audit hook: a new interpreter imports
// modules before any other code runs in it, and CPython has hooks hear of that.
// So other interpreters may do what they like, import the module or not. The
// price is that hook, one for each extension that registers. CPython calls it
// on each audited event of the process (opening a file, importing a module).
//
// A thread that is attached to no interpreter hits like others, if it was
// attached before; in a debug build that is an assertion.
struct AskIfSeveral {
  // Declares that the calling thread's interpreter uses this. Until a first
  // call, and where it is not certain that the interpreter is the only one, all
  // lookups ask CPython: where another audit hook forbids ours, say, or under
  // the limited API. Sets no Python error and leaves one that is set alone.
  // Further calls do no harm. Any attached thread, at any time; takes a lock.
  static void Register() noexcept;

  // The CurrentInterpreter(), which see. Any thread, at any time; constant
  // time, and no lock, call or write while there is one interpreter.
  static Interpreter* Find() noexcept {
    internal::Record* record = internal::t_record;
    if (ABSL_PREDICT_TRUE(record != nullptr &&
                          record->only.load(std::memory_order_relaxed))) {
      ABSL_ASSERT(CurrentInterpreter() == &record->interpreter &&
                  "not the only interpreter's thread");
      return &record->interpreter;
    }
    return CurrentInterpreter();
  }
};

}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_ASK_IF_SEVERAL_H_
