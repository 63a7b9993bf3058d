#ifndef EXAMPLES_INTERPRETER_FARM_CALLABLES_H_
#define EXAMPLES_INTERPRETER_FARM_CALLABLES_H_

#include <vector>

#include "absl/status/statusor.h"
#include "c10/util/python_stub.h"
#include "examples/interpreter_farm/operators.h"

namespace interpreter_farm {

// All of this is asked of the current interpreter, whose GIL must be held.

// The public callables of a part of the standard library, sorted: those that
// are the same object each time one gets them, and that their module owns.
absl::StatusOr<std::vector<Callable>> ListCallables();

// The slow accessor: imports the module and gets the attribute. A borrowed
// reference, which lasts as long as the module does; null if there is no such
// callable.
PyObject* GetCallable(const Callable& callable);

}  // namespace interpreter_farm

#endif  // EXAMPLES_INTERPRETER_FARM_CALLABLES_H_
