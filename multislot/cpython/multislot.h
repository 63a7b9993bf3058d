#ifndef MULTISLOT_CPYTHON_MULTISLOT_H_
#define MULTISLOT_CPYTHON_MULTISLOT_H_

/* HandleCache and PerInterpreter for extensions written in C.
 *
 * Example (examples/migrating/static_after.c [cache]):
 *
 *   static multislot_cache fraction = MULTISLOT_CACHE_INIT;
 *
 *   static PyObject* make_fraction(void* unused) {  // a new reference
 *     (void)unused;
 *     return multislot_import_attr("fractions", "Fraction");
 *   }
 *
 *   static PyObject* get_fraction(void) {  // a borrowed reference
 *     return multislot_get(&fraction, make_fraction, NULL);
 *   }
 *
 * Ownership, errors, threads and cost are those of
 * multislot/cpython/handle_cache.h and multislot/cpython/per_interpreter.h. */

#include <Python.h>
#include <stdint.h>

#include "multislot/cpython/internal/python_abi.h"

/* So that a program can have it for several Pythons. */
#define multislot_get MULTISLOT_PASTE(multislot_get_, MULTISLOT_PYTHON_ABI)
#define multislot_get_value \
  MULTISLOT_PASTE(multislot_get_value_, MULTISLOT_PYTHON_ABI)
#define multislot_import_attr \
  MULTISLOT_PASTE(multislot_import_attr_, MULTISLOT_PYTHON_ABI)

#ifdef __cplusplus
extern "C" {
#endif

/* Static, or a member of an object that lives long. A copy, or one that was
 * moved by memcpy or realloc, is an empty cache. What is in it is not for
 * users. */
typedef struct multislot_cache {
  uintptr_t word;
  void* self;
} multislot_cache;

/* An empty cache. A cache that is all zero is empty too. A test may reset one
 * that way while nobody else uses it. */
#define MULTISLOT_CACHE_INIT \
  { 0, NULL }

/* Returns a new reference, or NULL with a Python error set. */
typedef PyObject* (*multislot_make)(void* arg);

/* The current interpreter's object, a borrowed reference that is good until the
 * interpreter ends: the one that an earlier call made there, else what
 * make(arg) returns, which the interpreter owns from then on.
 *
 * If make fails, NULL, and the next call tries again. A Python error that is
 * pending is kept aside while make runs, and is pending again afterwards; if
 * make failed, its error is pending, with the one from before at the end of its
 * chain of contexts (__context__).
 *
 * Any thread that is attached to an interpreter may call. */
PyObject* multislot_get(multislot_cache* cache, multislot_make make, void* arg);

/* The same for a value that is no Python object, one for each interpreter:
 *
 *   static multislot_value_cache state = MULTISLOT_CACHE_INIT;
 *   struct state* s = multislot_get_value(&state, make_state, free_state,
 * NULL);
 */
typedef struct multislot_value_cache {
  uintptr_t word;
  void* self;
} multislot_value_cache;

/* Returns a value of any kind, or NULL with a Python error set. */
typedef void* (*multislot_make_value)(void* arg);

/* Destroys what multislot_make_value returned. */
typedef void (*multislot_destroy_value)(void* value);

/* The current interpreter's value, good until the interpreter ends: the one
 * that an earlier call made there, else what make(arg) returns.
 *
 * The interpreter owns it from then on: destroy(value) is called at the
 * interpreter's end, by a thread that is attached to it, late, when its modules
 * are gone; what was made last goes first, Python objects included. So it is
 * called, at once, for a value that is not needed because another thread's was
 * first, and for one that make returned with a Python error set, which is a
 * failure. If destroy is NULL, values are only forgotten. It may run Python
 * code; a Python error that it leaves is reported as unraisable.
 *
 * If make fails, NULL, and the next call tries again; without memory NULL with
 * a MemoryError. Errors that are pending are kept as multislot_get keeps them.
 * Where nothing can own a value, late in an interpreter's end, each call makes
 * one, which lives for ever. */
void* multislot_get_value(multislot_value_cache* cache,
                          multislot_make_value make,
                          multislot_destroy_value destroy, void* arg);

/* Imports the module and gets its attribute: a new reference, or NULL with a
 * Python error set. */
PyObject* multislot_import_attr(const char* module, const char* attribute);

#ifdef __cplusplus
}
#endif

#endif /* MULTISLOT_CPYTHON_MULTISLOT_H_ */
