#ifndef EXAMPLES_PYBIND11_EXTENSION_MODULE_H_
#define EXAMPLES_PYBIND11_EXTENSION_MODULE_H_

// PYBIND11_MODULE for sub-interpreters, with a pybind11 of either kind.
//
//   MULTI_INTERPRETER_MODULE(name, m) { m.def(...); }

#include <pybind11/pybind11.h>

#if PYBIND11_VERSION_HEX >= 0x03000000

// In this order: 3.1 does not compile the other.
#define MULTI_INTERPRETER_MODULE(name, variable)                \
  PYBIND11_MODULE(name, variable, pybind11::mod_gil_not_used(), \
                  pybind11::multiple_interpreters::per_interpreter_gil())

#else

// The 2.x make single-phase modules only, of which all interpreters get one
// and the same; so the module is made here, in multi-phase initialisation, and
// pybind11 fills it. What it knows of types and exceptions it still keeps once
// for the process: enough for functions, in interpreters that share a GIL, and
// no more.
#if defined(Py_mod_multiple_interpreters)
#define MULTI_INTERPRETER_MODULE_INTERPRETERS_ \
  {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_SUPPORTED},
#else
#define MULTI_INTERPRETER_MODULE_INTERPRETERS_
#endif
#if defined(Py_mod_gil)
#define MULTI_INTERPRETER_MODULE_GIL_ {Py_mod_gil, Py_MOD_GIL_USED},
#else
#define MULTI_INTERPRETER_MODULE_GIL_
#endif

#define MULTI_INTERPRETER_MODULE(name, variable)                              \
  static void FillModule(pybind11::module_& variable);                        \
  static int ExecModule(PyObject* object) {                                   \
    try {                                                                     \
      auto module = pybind11::reinterpret_borrow<pybind11::module_>(object);  \
      FillModule(module);                                                     \
      return 0;                                                               \
    } catch (pybind11::error_already_set & error) {                           \
      error.restore();                                                        \
    } catch (const std::exception& error) {                                   \
      PyErr_SetString(PyExc_ImportError, error.what());                       \
    }                                                                         \
    return -1;                                                                \
  }                                                                           \
  extern "C" PYBIND11_EXPORT PyObject* PyInit_##name();                       \
  extern "C" PYBIND11_EXPORT PyObject* PyInit_##name() {                      \
    static PyModuleDef_Slot slots[] = {                                       \
        {Py_mod_exec, reinterpret_cast<void*>(ExecModule)},                   \
        MULTI_INTERPRETER_MODULE_INTERPRETERS_ MULTI_INTERPRETER_MODULE_GIL_{ \
            0, nullptr}};                                                     \
    static PyModuleDef definition = {PyModuleDef_HEAD_INIT,                   \
                                     #name,                                   \
                                     nullptr,                                 \
                                     0,                                       \
                                     nullptr,                                 \
                                     slots,                                   \
                                     nullptr,                                 \
                                     nullptr,                                 \
                                     nullptr};                                \
    return PyModuleDef_Init(&definition);                                     \
  }                                                                           \
  static void FillModule(pybind11::module_& variable)

#endif

#endif  // EXAMPLES_PYBIND11_EXTENSION_MODULE_H_
