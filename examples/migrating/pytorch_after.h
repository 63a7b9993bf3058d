#ifndef EXAMPLES_MIGRATING_PYTORCH_AFTER_H_
#define EXAMPLES_MIGRATING_PYTORCH_AFTER_H_

#include "c10/core/impl/PyInterpreter.h"
#include "examples/migrating/ask_python.h"

// [object]
#include "multislot/bare_interpreter.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/fixed_slots.h"

class After {
 public:
  PyObject* handle(c10::impl::PyInterpreter* interpreter) const {
    return cache_.ptr_or(interpreter, AskPython);
  }

 private:
  // One slot for each of eight interpreters.
  multislot::BasicPyHandleCache<
      multislot::FixedSlots<8, c10::impl::PyInterpreter>>
      cache_;
};
// [end object]

#endif  // EXAMPLES_MIGRATING_PYTORCH_AFTER_H_
