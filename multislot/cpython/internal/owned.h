#ifndef MULTISLOT_CPYTHON_INTERNAL_OWNED_H_
#define MULTISLOT_CPYTHON_INTERNAL_OWNED_H_

// What an interpreter owns: one reference to an object, or one value, for each
// cache that it filled. They are in the interpreter's table
// (multislot/side_table.h).

#include <Python.h>

#include "multislot/cpython/internal/python_abi.h"
#include "multislot/cpython/internal/records.h"
#include "multislot/internal/registry.h"
#include "multislot/internal/table.h"
#include "multislot/side_table.h"

namespace multislot {
namespace cpython {
inline namespace MULTISLOT_PYTHON_ABI {
namespace internal {

using multislot::internal::OwnedValue;

// Makes the interpreter own the object or value for the cache, unless it
// already owns one for this cache. Returns the handle of the one that it owns
// then: all calls return the first one's. Takes over the caller's reference or
// value. If it is not needed, releases it at once, which may run Python code.
// Without a record or memory nobody owns it, and it lives for ever. A pending
// Python error stays pending.
//
// They take the register as an argument, so that the caller's code names it:
// see MULTISLOT_SHARED (multislot/internal/shared.h).
PyObject* Own(
    Record* record, const SideTable& cache, PyObject* object,
    multislot::internal::Register& shared = multislot::internal::g_register);
PyObject* Own(
    Record* record, const SideTable& cache, OwnedValue* value,
    multislot::internal::Register& shared = multislot::internal::g_register);

// Destroys the value. A pending Python error stays pending. An error that the
// value's destructor leaves is reported as unraisable.
void Destroy(OwnedValue* value);

// Releases what the interpreter of these tables owned, in reverse order of
// creation: each goes before those that it was made from. The interpreter must
// have retired. Runs user code.
void Release(multislot::internal::Table* tables);

}  // namespace internal
}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_INTERNAL_OWNED_H_
