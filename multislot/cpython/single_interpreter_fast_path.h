#ifndef MULTISLOT_CPYTHON_SINGLE_INTERPRETER_FAST_PATH_H_
#define MULTISLOT_CPYTHON_SINGLE_INTERPRETER_FAST_PATH_H_

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

// A faster way for a HandleCache to find the CurrentInterpreter(): as long as
// the process has only one interpreter, that is the current one, and CPython is
// not asked. Once there is a second one, CPython is asked on each call.
//
// Example (examples/snippets/adapter_headers.cc [fast_path]):
//
//   const HandleCache<SideTable, SingleInterpreterFastPath> g_decimal;
//
//   // The module's Py_mod_exec slot, which runs once in each interpreter.
//   int ExecWithFastPath(PyObject*) {
//     SingleInterpreterFastPath::Enable();
//     return 0;
//   }
//
//   PyObject* DecimalByFastPath() {
//     return g_decimal.get_or_create(ImportAttr("decimal", "Decimal"));
//   }
//
// An audit hook notices other interpreters: CPython announces most of them, and
// each imports modules before any other code runs in it. So it does not matter
// whether they import your module.
//
// Cost: a load and a comparison while there is one interpreter. The price is
// that hook, at most one for each shared object that embeds this library.
// CPython calls it on each audited event of the process (opening a file,
// importing a module).
//
// Limits:
//   - One kind of interpreter is not noticed: one that PyInterpreterState_New()
//     made, in CPython 3.9 to 3.11, while no thread held the GIL. Nothing of
//     Python is initialised in it; do not use such caches there.
//   - A thread that is attached to no interpreter hits like others. (If NDEBUG
//     is not defined, that asserts.)
struct SingleInterpreterFastPath {
  // Turns the fast path on, if this is provably the only interpreter. Until
  // then all lookups ask CPython. It stays off under the limited API, and where
  // another audit hook forbids ours. If a second interpreter has turned it off,
  // a call after that one's end turns it on again.
  //
  // Threads: any that is attached, at any time; takes a lock. Errors: none is
  // set, and one that is pending stays. Further calls do no harm.
  static void Enable();

  // The same as CurrentInterpreter(), without asking CPython while the fast
  // path is on.
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

#endif  // MULTISLOT_CPYTHON_SINGLE_INTERPRETER_FAST_PATH_H_
