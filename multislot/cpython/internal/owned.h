#ifndef MULTISLOT_CPYTHON_INTERNAL_OWNED_H_
#define MULTISLOT_CPYTHON_INTERNAL_OWNED_H_

// What an interpreter owns: for each cache that was filled there one object,
// with one reference, in the interpreter's table (multislot/side_table.h).

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

// Makes the interpreter own the object for the cache, unless it owns one for it
// already, and returns the one that it owns then, borrowed: of several calls
// all return the first one's object. Takes over the caller's reference, and
// gives it back to the interpreter if it is not needed, which may run Python
// code. Without a record, or memory, nobody owns the object and it lives for
// ever. A pending Python error stays pending.
//
// It is told which register, so that the caller's code names it: see
// MULTISLOT_SHARED (multislot/internal/shared.h).
PyObject* Own(
    Record* record, const SideTable& cache, PyObject* object,
    multislot::internal::Register& shared = multislot::internal::g_register);

// Releases what the interpreter of these tables owned, the last object first,
// so that each goes before those that it was made from. The interpreter has
// retired. Runs code of others.
void Release(multislot::internal::Table* tables);

}  // namespace internal
}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_INTERNAL_OWNED_H_
