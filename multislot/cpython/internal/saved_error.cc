#include "multislot/cpython/internal/saved_error.h"

#include <Python.h>

#include <exception>

namespace multislot {
namespace cpython {
inline namespace MULTISLOT_PYTHON_ABI {
namespace internal {
namespace {

// Longer chains are not followed to their end: somebody may have made a ring.
constexpr int kLongestChain = 1000;

// The exception's context, or null. Borrowed: the exception has a reference.
PyObject* ContextOf(PyObject* exception) {
  PyObject* context = PyException_GetContext(exception);
  Py_DecRef(context);
  return context;
}

bool IsInChain(PyObject* wanted, PyObject* exception) {
  for (int i = 0; i < kLongestChain && exception != nullptr; ++i) {
    if (exception == wanted) return true;
    exception = ContextOf(exception);
  }
  return false;
}

// Appends `first` to the chain of contexts of `later`. The end of that chain
// may already be a part of first's own chain. Takes over a reference to
// `first`.
void Chain(PyObject* later, PyObject* first) {
  if (IsInChain(first, later)) {
    Py_DecRef(first);
    return;
  }
  PyObject* last = later;
  for (int i = 0; i < kLongestChain; ++i) {
    PyObject* context = ContextOf(last);
    if (context == nullptr || IsInChain(context, first)) break;
    last = context;
  }
  // If first's chain leads to `last`, cuts it, as Python's `raise` does.
  // Otherwise the chain would become a ring.
  PyObject* node = first;
  for (int i = 0; i < kLongestChain && node != nullptr; ++i) {
    PyObject* context = ContextOf(node);
    if (context == last) PyException_SetContext(node, nullptr);
    node = context == last ? nullptr : context;
  }
  PyException_SetContext(last, first);
}

}  // namespace

#if MULTISLOT_PYTHON_MINOR >= 12

SavedError::SavedError()
    : exceptions_(std::uncaught_exceptions()),
      error_(PyErr_GetRaisedException()) {}

void SavedError::Restore() {
  PyObject* first = error_;
  error_ = nullptr;
  if (first == nullptr) return;
  PyObject* later = PyErr_GetRaisedException();
  if (later == nullptr) {
    PyErr_SetRaisedException(first);
    return;
  }
  Chain(later, first);
  PyErr_SetRaisedException(later);
}

#else

SavedError::SavedError() : exceptions_(std::uncaught_exceptions()) {
  PyErr_Fetch(&type_, &error_, &traceback_);
}

void SavedError::Restore() {
  PyObject* type = type_;
  PyObject* error = error_;
  PyObject* traceback = traceback_;
  type_ = error_ = traceback_ = nullptr;
  if (type == nullptr) return;
  PyObject *later_type, *later, *later_traceback;
  PyErr_Fetch(&later_type, &later, &later_traceback);
  if (later_type == nullptr) {
    PyErr_Restore(type, error, traceback);
    return;
  }
  PyErr_NormalizeException(&type, &error, &traceback);
  PyErr_NormalizeException(&later_type, &later, &later_traceback);
  if (traceback != nullptr) PyException_SetTraceback(error, traceback);
  Py_DecRef(type);
  Py_DecRef(traceback);
  Chain(later, error);
  PyErr_Restore(later_type, later, later_traceback);
}

#endif

}  // namespace internal
}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot
