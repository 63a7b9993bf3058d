#ifndef MULTISLOT_CPYTHON_INTERNAL_OWNED_H_
#define MULTISLOT_CPYTHON_INTERNAL_OWNED_H_

// What an interpreter owns: for each cache that was filled there one object,
// with one reference, in a dict that ends with the interpreter's record.

#include <Python.h>

#include <atomic>
#include <cstdint>

#include "multislot/cpython/internal/python_abi.h"
#include "multislot/cpython/internal/records.h"
#include "multislot/internal/shared.h"

namespace multislot {
namespace cpython {
inline namespace MULTISLOT_PYTHON_ABI {
namespace internal {

// What names a cache in the dicts of the interpreters: given out on first need,
// and to no other cache of this process, so that one in the memory of another
// that is gone finds nothing of that one's. (Where pointers have 32 bits the
// numbers come again after 2^32 caches.) Zero is none yet.
using CacheNumber = std::atomic<std::uintptr_t>;

// The last one that was given out. A cache that is one for several shared
// objects needs a number that all of them respect: see MULTISLOT_SHARED.
MULTISLOT_SHARED inline CacheNumber g_last_cache_number{0};

// The object that the record's interpreter owns for the cache, borrowed; null
// if there is none. A pending Python error stays pending.
PyObject* FindOwned(const Record* record, const CacheNumber& cache);

// Makes the interpreter own the object for the cache, unless it owns one for it
// already, and returns the one that it owns then, borrowed: of several calls
// all return the first one's object. Takes over the caller's reference, and
// gives it back to the interpreter if it is not needed, which may run Python
// code. Without a record, or memory, nobody owns the object and it lives for
// ever. A pending Python error stays pending.
PyObject* Own(Record* record, CacheNumber& cache, PyObject* object,
              CacheNumber& last_number = g_last_cache_number);

}  // namespace internal
}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_INTERNAL_OWNED_H_
