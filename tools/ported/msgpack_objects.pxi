# What msgpack's extension keeps for each interpreter, in place of `cdef`
# variables. It needs datetime's classes because datetime's C API is a static
# pointer, and CPython 3.12 has no such API in an interpreter with its own GIL.

from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdlib cimport calloc, free
from multislot.cpython.multislot cimport multislot_get_value, multislot_import_attr, multislot_value_cache

cdef extern from *:
    """
    static multislot_value_cache objects_cache = MULTISLOT_CACHE_INIT;
    static const int DEFAULT_RECURSE_LIMIT = 511;
    static const long long ITEM_LIMIT = 0xffffffff;
    """
    multislot_value_cache objects_cache
    const int DEFAULT_RECURSE_LIMIT
    const long long ITEM_LIMIT


cdef struct Objects:
    PyObject* ext_type
    PyObject* timestamp
    PyObject* giga
    PyObject* datetime
    PyObject* timedelta
    PyObject* epoch


cdef void destroy_objects(void* value) noexcept:
    cdef Objects* objects = <Objects*>value
    Py_XDECREF(objects.ext_type)
    Py_XDECREF(objects.timestamp)
    Py_XDECREF(objects.giga)
    Py_XDECREF(objects.datetime)
    Py_XDECREF(objects.timedelta)
    Py_XDECREF(objects.epoch)
    free(objects)


cdef PyObject* new_reference(object thing) noexcept:
    Py_INCREF(thing)
    return <PyObject*>thing


cdef void* make_objects(void* unused) except NULL:
    cdef Objects* objects = <Objects*>calloc(1, sizeof(Objects))
    if objects is NULL:
        raise MemoryError
    try:
        objects.ext_type = multislot_import_attr("msgpack.ext", "ExtType")
        objects.timestamp = multislot_import_attr("msgpack.ext", "Timestamp")
        objects.giga = new_reference(10**9)
        objects.datetime = multislot_import_attr("datetime", "datetime")
        objects.timedelta = multislot_import_attr("datetime", "timedelta")
        from datetime import timezone

        objects.epoch = new_reference((<object>objects.datetime)(1970, 1, 1, tzinfo=timezone.utc))
    except:
        destroy_objects(objects)
        raise
    return objects


cdef inline Objects* get_objects() except NULL:
    return <Objects*>multislot_get_value(&objects_cache, make_objects, destroy_objects, NULL)
