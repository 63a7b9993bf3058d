/* A class from another module, looked up once and kept in a static variable. */

#include <Python.h>

/* [cache] */
static PyObject* fraction; /* the class, once it has been looked up */

static PyObject* get_fraction(void) { /* a borrowed reference */
  if (fraction == NULL) {
    PyObject* module = PyImport_ImportModule("fractions");
    if (module == NULL) return NULL;
    fraction = PyObject_GetAttrString(module, "Fraction");
    Py_DECREF(module);
  }
  return fraction;
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
    {"get", get, METH_NOARGS, "The class that is kept."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT,
                                    "static_before",
                                    NULL,
                                    -1,
                                    methods,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL};

PyMODINIT_FUNC PyInit_static_before(void) { return PyModule_Create(&module); }
/* [end module] */
