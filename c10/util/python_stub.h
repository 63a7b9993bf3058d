#ifndef C10_UTIL_PYTHON_STUB_H_
#define C10_UTIL_PYTHON_STUB_H_

// Names PyObject without Python.h. The type stays incomplete; the declaration
// agrees with CPython's own, so a translation unit may see both.
struct _object;
using PyObject = _object;

#endif  // C10_UTIL_PYTHON_STUB_H_
