# multislot/cpython/multislot.h for Cython: caches with one object, or one C
# value, for each interpreter, in the place of `cdef object` and other `cdef`
# variables, of which a module has one for all interpreters.
#
#   from cpython.object cimport PyObject
#   from multislot.cpython.multislot cimport *
#
#   cdef extern from *:
#       """
#       static multislot_cache decimal_cache = MULTISLOT_CACHE_INIT;
#       """
#       multislot_cache decimal_cache
#
#   cdef PyObject* make_decimal(void* arg) except NULL:  # a new reference
#       return multislot_import_attr("decimal", "Decimal")
#
#   cdef object decimal():
#       return <object>multislot_get(&decimal_cache, make_decimal, NULL)
#
# Cython finds this file with the folder that holds `multislot` as an include
# folder: -I FOLDER. The contracts are in the header.

from cpython.object cimport PyObject

cdef extern from "multislot/cpython/multislot.h":
    ctypedef struct multislot_cache:
        pass

    # Returns a new reference.
    ctypedef PyObject* (*multislot_make)(void* arg) except NULL

    # A borrowed reference. `<object>` makes one of Cython's own of it.
    PyObject* multislot_get(multislot_cache* cache, multislot_make make, void* arg) except NULL

    # A new reference, for multislot_make.
    PyObject* multislot_import_attr(const char* module, const char* attribute) except NULL

    ctypedef struct multislot_value_cache:
        pass

    ctypedef void* (*multislot_make_value)(void* arg) except NULL
    ctypedef void (*multislot_destroy_value)(void* value) noexcept

    void* multislot_get_value(
        multislot_value_cache* cache, multislot_make_value make, multislot_destroy_value destroy, void* arg
    ) except NULL
