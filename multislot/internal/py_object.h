#ifndef MULTISLOT_INTERNAL_PY_OBJECT_H_
#define MULTISLOT_INTERNAL_PY_OBJECT_H_

#include "multislot/internal/cplusplus17.h"

// PyObject as Python.h declares it, for code that does not include Python.h.

struct _object;
typedef struct _object PyObject;

#endif  // MULTISLOT_INTERNAL_PY_OBJECT_H_
