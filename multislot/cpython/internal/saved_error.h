#ifndef MULTISLOT_CPYTHON_INTERNAL_SAVED_ERROR_H_
#define MULTISLOT_CPYTHON_INTERNAL_SAVED_ERROR_H_

#include <Python.h>

#include <exception>

#include "multislot/cpython/internal/python_abi.h"

namespace multislot {
namespace cpython {
inline namespace MULTISLOT_PYTHON_ABI {
namespace internal {

// Puts a pending Python error aside until Restore(), so that Python code can
// run. If a C++ exception passes through, the destructor restores the error.
//
// Before 3.14, CPython ends a daemon thread by pthread_exit() if the thread
// wants the GIL while the process ends. That unwinds the stack too. The thread
// is then attached to no interpreter and must not touch Python, so the
// destructor does nothing. It recognises that case because no C++ exception is
// in flight.
class SavedError {
 public:
  SavedError();
  ~SavedError() {
    if (std::uncaught_exceptions() > exceptions_) Restore();
  }
  SavedError(const SavedError&) = delete;
  SavedError& operator=(const SavedError&) = delete;

  // Makes the error pending again. If another error is pending now, that one
  // stays, and the first goes to the end of its chain of contexts
  // (__context__). A second call does nothing.
  void Restore();

 private:
  const int exceptions_;
  PyObject* error_;
#if MULTISLOT_PYTHON_MINOR < 12
  PyObject* type_;
  PyObject* traceback_;
#endif
};

}  // namespace internal
}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_INTERNAL_SAVED_ERROR_H_
