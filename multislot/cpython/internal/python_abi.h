/* The Python that a file is compiled for, as a part of names; and the check
 * that the user's code and this library are compiled for the same one. C and
 * C++. */

#ifndef MULTISLOT_CPYTHON_INTERNAL_PYTHON_ABI_H_
#define MULTISLOT_CPYTHON_INTERNAL_PYTHON_ABI_H_

#ifndef PY_VERSION_HEX
#include <Python.h>
#endif

#include "multislot/internal/kept_function.h"

#if PY_VERSION_HEX < 0x03090000
#error "multislot needs CPython 3.9 or newer"
#endif

/* MULTISLOT_PYTHON_LIMITED is 1 under the limited API, else 0. Every version of
 * the limited API counts as another Python. MULTISLOT_PYTHON_MINOR is 12 for
 * Python 3.12 and for the limited API of 3.12. */
#ifdef Py_LIMITED_API
#define MULTISLOT_PYTHON_LIMITED 1
#if Py_LIMITED_API + 0 < 0x030A0000
#error \
    "multislot needs the limited API of 3.10 or newer: Py_LIMITED_API=0x030A0000"
#elif Py_LIMITED_API < 0x030B0000
#define MULTISLOT_PYTHON_MINOR 10
#elif Py_LIMITED_API < 0x030C0000
#define MULTISLOT_PYTHON_MINOR 11
#elif Py_LIMITED_API < 0x030D0000
#define MULTISLOT_PYTHON_MINOR 12
#elif Py_LIMITED_API < 0x030E0000
#define MULTISLOT_PYTHON_MINOR 13
#elif Py_LIMITED_API < 0x030F0000
#define MULTISLOT_PYTHON_MINOR 14
#elif Py_LIMITED_API < 0x03100000
#define MULTISLOT_PYTHON_MINOR 15
#else
#error "multislot does not know this Py_LIMITED_API yet"
#endif
#else
#define MULTISLOT_PYTHON_LIMITED 0
#define MULTISLOT_PYTHON_MINOR PY_MINOR_VERSION
#endif

#if defined(Py_GIL_DISABLED) && defined(Py_DEBUG)
#define MULTISLOT_PYTHON_KIND free_threaded_debug
#elif defined(Py_GIL_DISABLED)
#define MULTISLOT_PYTHON_KIND free_threaded
#elif defined(Py_DEBUG)
#define MULTISLOT_PYTHON_KIND debug
#else
#define MULTISLOT_PYTHON_KIND release
#endif

#define MULTISLOT_PASTE_(a, b) a##b
#define MULTISLOT_PASTE(a, b) MULTISLOT_PASTE_(a, b)

/* python_3_12, or limited_api_3_12. */
#if MULTISLOT_PYTHON_LIMITED
#define MULTISLOT_PYTHON_VERSION \
  MULTISLOT_PASTE(limited_api_3_, MULTISLOT_PYTHON_MINOR)
#else
#define MULTISLOT_PYTHON_VERSION \
  MULTISLOT_PASTE(python_3_, MULTISLOT_PYTHON_MINOR)
#endif

/* Version and kind: python_3_12_release. The inline namespace of all code that
 * depends on the Python. */
#define MULTISLOT_PYTHON_ABI                                    \
  MULTISLOT_PASTE(MULTISLOT_PASTE(MULTISLOT_PYTHON_VERSION, _), \
                  MULTISLOT_PYTHON_KIND)

/* Every file that includes this header refers to these two functions. Only the
 * library for the same Python defines them. wrong_python.bzl defines those of
 * other Pythons so that they do not link; the linker's message names both. */
#define MULTISLOT_NEEDS_VERSION \
  MULTISLOT_PASTE(multislot_needs_, MULTISLOT_PYTHON_VERSION)
#define MULTISLOT_NEEDS_KIND \
  MULTISLOT_PASTE(multislot_needs_python_of_kind_, MULTISLOT_PYTHON_KIND)

#ifdef __cplusplus
extern "C" {
#endif
void MULTISLOT_NEEDS_VERSION(void);
void MULTISLOT_NEEDS_KIND(void);
#ifdef __cplusplus
}
#endif

#if !defined(MULTISLOT_NO_PYTHON_CHECK)
MULTISLOT_KEPT_FUNCTION(multislot_needs_version, MULTISLOT_NEEDS_VERSION);
MULTISLOT_KEPT_FUNCTION(multislot_needs_kind, MULTISLOT_NEEDS_KIND);
#endif

#endif /* MULTISLOT_CPYTHON_INTERNAL_PYTHON_ABI_H_ */
