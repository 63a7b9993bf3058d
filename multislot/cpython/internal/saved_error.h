#ifndef MULTISLOT_CPYTHON_INTERNAL_SAVED_ERROR_H_
#define MULTISLOT_CPYTHON_INTERNAL_SAVED_ERROR_H_

#include <Python.h>

#include <exception>

#include "multislot/cpython/internal/python_abi.h"

namespace multislot {
namespace cpython {
inline namespace MULTISLOT_PYTHON_ABI {
namespace internal {

// Puts a pending Python error aside, so that Python code can run, until
// Restore(). If a C++ exception passes through, the destructor puts it back.
//
// Before 3.14, CPython ends a daemon thread by pthread_exit() if the thread
// wants the GIL while the process ends. That unwinds the stack too, but the
// thread is attached to no interpreter, and nothing of Python's may be touched:
// the destructor then does nothing. What tells the two apart is that no C++
// exception is in flight.
class SavedError {
 public:
  SavedError();
  ~SavedError() {
    if (std::uncaught_exceptions() > exceptions_) Restore();
  }
  SavedError(const SavedError&) = delete;
  SavedError& operator=(const SavedError&) = delete;

  // The error that was put aside is pending again. If there is another one by
  // now, that one stays, and has the first as its context (__context__, at the
  // end of the chain). A second call does nothing.
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
