// A whole extension module in C++:
//
//   >>> import fraction
//   >>> fraction.half()
//   Fraction(1, 2)

#include "multislot/cpython/current_interpreter.h"

// [fraction]
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/import_attr.h"

// fractions.Fraction, a borrowed reference; null with a Python error set.
PyObject* Fraction() {
  static const multislot::cpython::HandleCache<> cache;
  return cache.get_or_create(
      multislot::cpython::ImportAttr("fractions", "Fraction"));
}
// [end fraction]

namespace {

PyObject* Half(PyObject*, PyObject*) {
  PyObject* fraction = Fraction();
  return fraction == nullptr ? nullptr
                             : PyObject_CallFunction(fraction, "ii", 1, 2);
}

PyMethodDef g_methods[] = {
    {"half", Half, METH_NOARGS, "Fraction(1, 2)"},
    {nullptr, nullptr, 0, nullptr},
};

// [slots]
// Runs once in each interpreter that imports the module.
int Exec(PyObject*) {
  // Only a free-threaded CPython needs this: the interpreter is registered now,
  // before there are threads that could race to do it.
  static_cast<void>(multislot::cpython::CurrentInterpreter());
  return 0;
}

PyModuleDef_Slot g_slots[] = {
    {Py_mod_exec, reinterpret_cast<void*>(Exec)},
#ifdef Py_mod_multiple_interpreters
    // Interpreters with a GIL of their own may import it (CPython 3.12 and up).
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#ifdef Py_mod_gil
    // It needs no GIL (free-threaded CPython 3.13 and up).
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, nullptr},
};

PyModuleDef g_module = {
    PyModuleDef_HEAD_INIT,
    "fraction",
    nullptr,
    0,
    g_methods,
    g_slots,
    nullptr,
    nullptr,
    nullptr,
};
// [end slots]

}  // namespace

// [init]
// Multi-phase initialisation (PEP 489): the function returns the definition,
// and each interpreter makes its own module of it.
PyMODINIT_FUNC PyInit_fraction() { return PyModuleDef_Init(&g_module); }
// [end init]
