#ifndef MULTISLOT_CPYTHON_ASK_IF_SEVERAL_H_
#define MULTISLOT_CPYTHON_ASK_IF_SEVERAL_H_

#include <Python.h>

#include <atomic>

#include "absl/base/macros.h"
#include "absl/base/optimization.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/internal/python_abi.h"
#include "multislot/cpython/internal/records.h"
#include "multislot/interpreter.h"

namespace multislot {
namespace cpython {
inline namespace MULTISLOT_PYTHON_ABI {

// How a HandleCache finds the CurrentInterpreter(): while the process has one
// interpreter only, that is it, and CPython is not asked. As soon as there is
// another, CPython is asked on each call.
//
//   const HandleCache<FixedSlots<8>, AskIfSeveral> g_decimal;
//
//   int Exec(PyObject*) {  // the module's Py_mod_exec
//     AskIfSeveral::Register();
//     // ImportAttr gives a new reference, get_or_create() a borrowed one.
//     PyObject* decimal =
//         g_decimal.get_or_create(ImportAttr("decimal", "Decimal"));
//     return decimal == nullptr ? -1 : 0;  // the Python error is set
//   }
//
// An audit hook hears of other interpreters: CPython announces most of them,
// and each imports modules before any other code runs in it. So they may do
// what they like, import the module or not. The price is that hook, at most one
// for each shared object that embeds this library. CPython calls it on each
// audited event of the process (opening a file, importing a module).
//
// One kind of interpreter is not heard of: one that PyInterpreterState_New()
// made, in CPython 3.9 to 3.11, while no thread held the GIL. Nothing of Python
// is initialised in it; do not use such caches there.
//
// A thread that is attached to no interpreter hits like others; if NDEBUG is
// not defined that is an assertion.
struct AskIfSeveral {
  // Declares that the calling thread's interpreter uses this. Until a first
  // call, and unless this is provably the only interpreter, all lookups ask
  // CPython: where another audit hook forbids ours, say, or under the limited
  // API. Once there was another interpreter, a call after its end starts anew.
  //
  // Threads: any that is attached, at any time; takes a lock. Errors: none is
  // set, and one that is pending stays. Further calls do no harm.
  static void Register();

  // The CurrentInterpreter(), which see. Any thread, at any time; a load and a
  // comparison while there is one interpreter.
  [[nodiscard]] static Interpreter* Find() {
    internal::Record* only =
        internal::g_records.only.load(std::memory_order_acquire);  // (23)
    if (ABSL_PREDICT_TRUE(only != nullptr)) {
      ABSL_ASSERT(CurrentInterpreter() == &only->interpreter &&
                  "not the only interpreter's thread");
      return &only->interpreter;
    }
    return CurrentInterpreter();
  }
};

namespace internal {

// Whether an interpreter is provably the only one.
inline bool HasOnly() noexcept {
  return g_records.only.load(std::memory_order_relaxed) != nullptr;
}

}  // namespace internal

}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_ASK_IF_SEVERAL_H_
