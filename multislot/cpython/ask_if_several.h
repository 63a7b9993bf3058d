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

// An interpreter has got its record: the only one so far, or one too many.
void CountInterpreter() noexcept;

// The runtime has ended, and all interpreters with it.
void ForgetInterpreters() noexcept;

// The record that is `only`, or null.
const Record* Only() noexcept;

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
// That there is another is known from CPython, which announces each new
// interpreter to audit hooks, and from the first lookup that misses in it.
//
// Precondition: in an interpreter that was announced to nobody, Register()
// comes before the first lookup; importing the module sees to that. Such is one
// that a thread makes that is attached to no interpreter (possible from
// CPython 3.12 on), or that is being made while another thread registers first.
// Otherwise a thread that has looked things up in the first interpreter hits
// that one's objects in the other too; in a debug build that is an assertion.
// So is a lookup of a thread that is attached to none, which can hit as well.
//
// The price is an audit hook for each extension that registers. CPython calls
// it on each audited event of the process (opening a file, importing a module).
struct AskIfSeveral {
  // Declares that the calling thread's interpreter uses this. Until a first
  // call, and where it is not certain that the interpreter is the only one, all
  // lookups ask CPython: where another audit hook forbids ours, say, or under
  // the limited API. Sets no Python error and leaves one that is set alone.
  // Further calls do no harm.
  static void Register() noexcept;

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
