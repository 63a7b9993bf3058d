#ifndef EXAMPLES_MIGRATING_PYTORCH_BEFORE_H_
#define EXAMPLES_MIGRATING_PYTORCH_BEFORE_H_

#include "c10/core/impl/PyInterpreter.h"
#include "examples/migrating/ask_python.h"

// [object]
#include "c10/core/PyHandleCache.h"

class Before {
 public:
  PyObject* handle(c10::impl::PyInterpreter* interpreter) const {
    return cache_.ptr_or(interpreter, AskPython);
  }

 private:
  c10::PyHandleCache cache_;  // one slot: the first interpreter's
};
// [end object]

#endif  // EXAMPLES_MIGRATING_PYTORCH_BEFORE_H_
