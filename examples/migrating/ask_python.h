#ifndef EXAMPLES_MIGRATING_ASK_PYTHON_H_
#define EXAMPLES_MIGRATING_ASK_PYTHON_H_

#include "c10/core/impl/PyInterpreter.h"

// The slow way to an object's handle: asks the current interpreter. Here it
// only counts.
PyObject* AskPython();

#endif  // EXAMPLES_MIGRATING_ASK_PYTHON_H_
