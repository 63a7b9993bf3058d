#ifndef OTHER_C10_UTIL_PYTHON_STUB_H_
#define OTHER_C10_UTIL_PYTHON_STUB_H_

struct _object;
using PyObject = _object;

#endif  // OTHER_C10_UTIL_PYTHON_STUB_H_
