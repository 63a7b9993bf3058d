/* A struct of several objects in the module's state. */

#include <Python.h>

/* [state] */
typedef struct {
  PyObject* decimal;
  PyObject* fraction;
} State;

static State* get_state(PyObject* module) { /* whoever calls needs the module */
  return (State*)PyModule_GetState(module);
}
/* [end state] */

static PyObject* import(const char* name, const char* attribute) {
  PyObject* module = PyImport_ImportModule(name);
  PyObject* value =
      module == NULL ? NULL : PyObject_GetAttrString(module, attribute);
  Py_XDECREF(module);
  return value;
}

static int exec(PyObject* module) {
  State* state = get_state(module);
  state->decimal = import("decimal", "Decimal");
  state->fraction =
      state->decimal == NULL ? NULL : import("fractions", "Fraction");
  return state->fraction == NULL ? -1 : 0;
}

static int traverse(PyObject* module, visitproc visit, void* arg) {
  State* state = get_state(module);
  if (state == NULL) return 0;
  Py_VISIT(state->decimal);
  Py_VISIT(state->fraction);
  return 0;
}

static int clear(PyObject* module) {
  State* state = get_state(module);
  Py_CLEAR(state->decimal);
  Py_CLEAR(state->fraction);
  return 0;
}

static PyObject* get(PyObject* self, PyObject* unused) {
  (void)unused;
  return PyTuple_Pack(2, get_state(self)->decimal, get_state(self)->fraction);
}

static PyMethodDef methods[] = {
    {"get", get, METH_NOARGS, "The module's classes."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void*)exec},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_def = {PyModuleDef_HEAD_INIT,
                                        "state_before",
                                        NULL,
                                        sizeof(State),
                                        methods,
                                        slots,
                                        traverse,
                                        clear,
                                        NULL};

PyMODINIT_FUNC PyInit_state_before(void) {
  return PyModuleDef_Init(&module_def);
}
