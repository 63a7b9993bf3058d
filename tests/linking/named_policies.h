#ifndef TESTS_LINKING_NAMED_POLICIES_H_
#define TESTS_LINKING_NAMED_POLICIES_H_

#include "c10/util/python_stub.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/fixed_slots.h"
#include "multislot/interpreter.h"

// Functions of another translation unit. One looks up in its own cache, the
// other in the caller's.
using TwoSlots = multislot::BasicPyHandleCache<multislot::FixedSlots<2>>;
using ThreeSlots = multislot::BasicPyHandleCache<multislot::FixedSlots<3>>;

PyObject* LookUpInTwoSlots(multislot::Interpreter* interpreter,
                           PyObject* if_missed);
PyObject* LookUp(const ThreeSlots& cache, multislot::Interpreter* interpreter,
                 PyObject* if_missed);

#endif  // TESTS_LINKING_NAMED_POLICIES_H_
