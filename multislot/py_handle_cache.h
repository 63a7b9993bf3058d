#ifndef MULTISLOT_PY_HANDLE_CACHE_H_
#define MULTISLOT_PY_HANDLE_CACHE_H_

#include "multislot/bare_interpreter.h"  // IWYU pragma: export
#include "multislot/basic_py_handle_cache.h"
#include "multislot/default_slot_policy.h"  // IWYU pragma: export
#include "multislot/fixed_slots.h"          // IWYU pragma: export
#include "multislot/side_table.h"           // IWYU pragma: export
#include "multislot/single_slot.h"          // IWYU pragma: export

namespace multislot {

//   static const multislot::PyHandleCache cache;
//   // The accessor returns a borrowed reference, and so does ptr_or().
//   PyObject* handle = cache.ptr_or(interpreter, [] { return FindOperator();
//   });
//
// The cache with the default slot policy, which the Bazel flags
// --//multislot:slot_policy and --//multislot:slots choose for a build. Where
// the policy should not depend on how one builds, name it:
// BasicPyHandleCache<FixedSlots<4>>.
using PyHandleCache = BasicPyHandleCache<DefaultSlotPolicy>;

}  // namespace multislot

#endif  // MULTISLOT_PY_HANDLE_CACHE_H_
