#ifndef EXAMPLES_PYBIND11_EXTENSION_MODULE_H_
#define EXAMPLES_PYBIND11_EXTENSION_MODULE_H_

// PYBIND11_MODULE for sub-interpreters, with pybind11 2 or 3.
//
//   MULTI_INTERPRETER_MODULE(name, m) { m.def(...); }

#include <pybind11/pybind11.h>

#if PYBIND11_VERSION_HEX >= 0x03000000

// In this order: pybind11 3.1 does not compile the other order.
#define MULTI_INTERPRETER_MODULE(name, variable)                \
  PYBIND11_MODULE(name, variable, pybind11::mod_gil_not_used(), \
                  pybind11::multiple_interpreters::per_interpreter_gil())

#else

// pybind11 2 makes only single-phase modules, and all interpreters get the same
// one. So this makes the module, with multi-phase initialisation, and pybind11
// fills it. pybind11 2 still keeps types and exceptions once per process. That
// is enough for functions, in interpreters that share a GIL, but for no more.
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
