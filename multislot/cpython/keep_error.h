#ifndef MULTISLOT_CPYTHON_KEEP_ERROR_H_
#define MULTISLOT_CPYTHON_KEEP_ERROR_H_

#include <Python.h>

namespace multislot {
namespace cpython {
namespace internal {

// Keeps a Python error that is set where it is.
class KeepError {
 public:
#if (defined(Py_LIMITED_API) ? Py_LIMITED_API + 0 : PY_VERSION_HEX) >= \
    0x030C0000
  KeepError() : error_(PyErr_GetRaisedException()) {}
  ~KeepError() { PyErr_SetRaisedException(error_); }

 private:
  PyObject* error_;
#else
  KeepError() { PyErr_Fetch(&type_, &value_, &traceback_); }
  ~KeepError() { PyErr_Restore(type_, value_, traceback_); }

 private:
  PyObject* type_;
  PyObject* value_;
  PyObject* traceback_;
#endif
};

}  // namespace internal
}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_KEEP_ERROR_H_
