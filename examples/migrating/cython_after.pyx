# cython: language_level=3
# cython: subinterpreters_compatible=own_gil
# cython: freethreading_compatible=True
"""The same with a cache that has one class for each interpreter."""

# [cache]
from cpython.object cimport PyObject
from multislot.cpython.multislot cimport multislot_cache, multislot_get, multislot_import_attr

cdef extern from *:
    """
    static multislot_cache fraction = MULTISLOT_CACHE_INIT;
    """
    multislot_cache fraction

cdef PyObject* make_fraction(void* unused) except NULL:  # a new reference
    return multislot_import_attr("fractions", "Fraction")

cdef object get_fraction():
    return <object>multislot_get(&fraction, make_fraction, NULL)

get_fraction()  # the first lookup, in each interpreter that imports the module
# [end cache]


def get():
    """This interpreter's class."""
    return get_fraction()
