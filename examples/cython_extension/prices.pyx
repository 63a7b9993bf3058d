# cython: language_level=3
# cython: subinterpreters_compatible=own_gil
# cython: freethreading_compatible=True
"""Prices, as decimal.Decimal.

    >>> import prices
    >>> prices.price("2.345")
    Decimal('2.34')

What Cython itself keeps, strings and functions, is in the module's state: that
takes the macro CYTHON_USE_MODULE_STATE, which BUILD defines. `cdef` variables
are not, so there are none here.
"""

from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdlib cimport calloc, free
from multislot.cpython.multislot cimport (
    multislot_cache,
    multislot_get,
    multislot_get_value,
    multislot_import_attr,
    multislot_value_cache,
)

# In place of `cdef object decimal` and `cdef Rules rules`.
cdef extern from *:
    """
    static multislot_cache decimal_cache = MULTISLOT_CACHE_INIT;
    static multislot_value_cache rules_cache = MULTISLOT_CACHE_INIT;
    """
    multislot_cache decimal_cache
    multislot_value_cache rules_cache


cdef PyObject* make_decimal(void* arg) except NULL:
    return multislot_import_attr("decimal", "Decimal")


cdef object decimal():
    """This interpreter's class."""
    return <object>multislot_get(&decimal_cache, make_decimal, NULL)


# How prices are rounded: objects of one interpreter.
cdef struct Rules:
    PyObject* cent
    PyObject* rounding


cdef PyObject* new_reference(object thing) noexcept:
    Py_INCREF(thing)
    return <PyObject*>thing


cdef void* make_rules(void* arg) except NULL:
    cent = decimal()("0.01")
    from decimal import ROUND_HALF_EVEN

    cdef Rules* rules = <Rules*>calloc(1, sizeof(Rules))
    if rules is NULL:
        raise MemoryError
    rules.cent = new_reference(cent)
    rules.rounding = new_reference(ROUND_HALF_EVEN)
    return rules


cdef void destroy_rules(void* value) noexcept:
    cdef Rules* rules = <Rules*>value
    Py_XDECREF(rules.cent)
    Py_XDECREF(rules.rounding)
    free(rules)


def price(amount):
    """The amount, rounded to cents."""
    cdef Rules* rules = <Rules*>multislot_get_value(&rules_cache, make_rules, destroy_rules, NULL)
    return decimal()(amount).quantize(<object>rules.cent, <object>rules.rounding)


def cent():
    """The smallest price."""
    cdef Rules* rules = <Rules*>multislot_get_value(&rules_cache, make_rules, destroy_rules, NULL)
    return <object>rules.cent
