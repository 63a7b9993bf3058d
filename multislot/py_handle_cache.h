#ifndef MULTISLOT_PY_HANDLE_CACHE_H_
#define MULTISLOT_PY_HANDLE_CACHE_H_

#include "multislot/bare_interpreter.h"  // IWYU pragma: export
#include "multislot/basic_py_handle_cache.h"
#include "multislot/default_slot_policy.h"  // IWYU pragma: export
#include "multislot/fixed_slots.h"          // IWYU pragma: export
#include "multislot/side_table.h"           // IWYU pragma: export
#include "multislot/single_slot.h"          // IWYU pragma: export

namespace multislot {

// The cache with the default slot policy: eight slots, unless the build says
// otherwise.
//
// Example (examples/snippets/core_headers.cc [py_handle_cache]):
//
//   PyObject* Operator(multislot::Interpreter* interpreter) {
//     static const multislot::PyHandleCache cache;
//     return cache.ptr_or(interpreter, [] { return FindOperator(); });
//   }
//
// Eight interpreters, the main one included, have a slot. For any others the
// accessor is called each time. The Bazel flags
// --@multislot//multislot:slot_policy and --@multislot//multislot:slots choose
// another policy for the whole build. Name the policy where it should not
// depend on flags: BasicPyHandleCache<FixedSlots<4>>.
//
// Ownership, errors, threads and cost: see BasicPyHandleCache.
using PyHandleCache = BasicPyHandleCache<DefaultSlotPolicy>;

}  // namespace multislot

#endif  // MULTISLOT_PY_HANDLE_CACHE_H_
