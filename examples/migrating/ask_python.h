#ifndef EXAMPLES_MIGRATING_ASK_PYTHON_H_
#define EXAMPLES_MIGRATING_ASK_PYTHON_H_

#include "c10/core/impl/PyInterpreter.h"

// The slow way to an object's handle: the current interpreter is asked. Here it
// counts.
PyObject* AskPython();

#endif  // EXAMPLES_MIGRATING_ASK_PYTHON_H_
