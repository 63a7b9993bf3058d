// The same struct, for code that has no module at hand.

#include <Python.h>

// [state]
#include <memory>

#include "multislot/cpython/import_attr.h"
#include "multislot/cpython/per_interpreter.h"

using multislot::cpython::ImportAttr;

struct State {
  PyObject* decimal = nullptr;
  PyObject* fraction = nullptr;
  ~State() {
    Py_XDECREF(decimal);
    Py_XDECREF(fraction);
  }
};

static std::unique_ptr<State> MakeState() {
  auto state = std::make_unique<State>();
  state->decimal = ImportAttr("decimal", "Decimal")();
  if (state->decimal == nullptr) return nullptr;
  state->fraction = ImportAttr("fractions", "Fraction")();
  if (state->fraction == nullptr) return nullptr;
  return state;
}

static const State* GetState() {  // null with a Python error set
  static const multislot::cpython::PerInterpreter<State> states;
  return states.get_or_create(MakeState);
}
// [end state]

static PyObject* Get(PyObject*, PyObject*) {
  const State* state = GetState();
  if (state == nullptr) return nullptr;
  return PyTuple_Pack(2, state->decimal, state->fraction);
}

static PyMethodDef g_methods[] = {
    {"get", Get, METH_NOARGS, "This interpreter's classes."},
    {nullptr, nullptr, 0, nullptr},
};

static PyModuleDef_Slot g_slots[] = {
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, nullptr},
};

static PyModuleDef g_module = {PyModuleDef_HEAD_INIT,
                               "state_after",
                               nullptr,
                               0,
                               g_methods,
                               g_slots,
                               nullptr,
                               nullptr,
                               nullptr};

PyMODINIT_FUNC PyInit_state_after() { return PyModuleDef_Init(&g_module); }
