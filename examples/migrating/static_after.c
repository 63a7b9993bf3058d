/* The same with a cache that has one class for each interpreter. */

#include <Python.h>

/* [cache] */
#include "multislot/cpython/multislot.h"

static multislot_cache fraction = MULTISLOT_CACHE_INIT;

static PyObject* make_fraction(void* unused) { /* a new reference */
  (void)unused;
  return multislot_import_attr("fractions", "Fraction");
}

static PyObject* get_fraction(void) { /* a borrowed reference */
  return multislot_get(&fraction, make_fraction, NULL);
}
/* [end cache] */

static PyObject* get(PyObject* self, PyObject* unused) {
  PyObject* type = get_fraction();
  (void)self;
  (void)unused;
  Py_XINCREF(type);
  return type;
}

/* [module] */
static PyMethodDef methods[] = {
    {"get", get, METH_NOARGS, "This interpreter's class."},
    {NULL, NULL, 0, NULL},
};

static int exec(PyObject* self) {
  (void)self;
  return get_fraction() == NULL ? -1 : 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, exec},
#ifdef Py_mod_multiple_interpreters /* CPython 3.12 and newer */
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#ifdef Py_mod_gil /* 3.13 and newer */
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT,
                                    "static_after",
                                    NULL,
                                    0,
                                    methods,
                                    slots,
                                    NULL,
                                    NULL,
                                    NULL};

PyMODINIT_FUNC PyInit_static_after(void) { return PyModuleDef_Init(&module); }
/* [end module] */
