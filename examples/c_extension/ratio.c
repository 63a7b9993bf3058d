// An extension in plain C that uses a class of the standard library and an
// exception type of its own. Each interpreter has its own two, and one line
// looks each of them up.
//
//   >>> import ratio
//   >>> ratio.parse("6/4")
//   Fraction(3, 2)

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <errno.h>
#include <stdlib.h>

#include "multislot/cpython/multislot.h"

// What would have been `static PyObject* fraction, *parse_error;`.
static multislot_cache g_fraction = MULTISLOT_CACHE_INIT;
static multislot_cache g_parse_error = MULTISLOT_CACHE_INIT;

static PyObject* make_fraction(void* arg) {
  (void)arg;
  return multislot_import_attr("fractions", "Fraction");
}

static PyObject* make_parse_error(void* arg) {
  (void)arg;
  return PyErr_NewException("ratio.ParseError", PyExc_ValueError, NULL);
}

// Parses a number that fills the text up to `end`.
static int parse_number(const char** text, char end, long long* number) {
  char* rest;
  errno = 0;
  *number = strtoll(*text, &rest, 10);
  if (rest == *text || *rest != end || errno != 0) return 0;
  *text = rest;
  return 1;
}

static PyObject* parse(PyObject* module, PyObject* argument) {
  (void)module;
  PyObject* bytes = PyUnicode_AsUTF8String(argument);
  if (bytes == NULL) return NULL;
  const char* text = PyBytes_AsString(bytes);
  long long above;
  long long below;
  int good = text != NULL && parse_number(&text, '/', &above);
  if (good) {
    ++text;
    good = parse_number(&text, '\0', &below) && below != 0;
  }
  Py_DECREF(bytes);
  if (!good) {
    PyObject* error = multislot_get(&g_parse_error, make_parse_error, NULL);
    if (error != NULL) PyErr_Format(error, "not a ratio: %R", argument);
    return NULL;
  }
  PyObject* fraction = multislot_get(&g_fraction, make_fraction, NULL);
  if (fraction == NULL) return NULL;
  return PyObject_CallFunction(fraction, "LL", above, below);
}

static int exec(PyObject* module) {
  PyObject* error = multislot_get(&g_parse_error, make_parse_error, NULL);
  if (error == NULL) return -1;
  Py_INCREF(error);  // PyModule_AddObject takes one over, if it succeeds
  if (PyModule_AddObject(module, "ParseError", error) == 0) return 0;
  Py_DECREF(error);
  return -1;
}

static PyMethodDef g_methods[] = {
    {"parse", parse, METH_O, "The fractions.Fraction that 'a/b' stands for."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot g_slots[] = {
    {Py_mod_exec, exec},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef g_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "ratio",
    .m_methods = g_methods,
    .m_slots = g_slots,
};

PyMODINIT_FUNC PyInit_ratio(void) { return PyModuleDef_Init(&g_module); }
