// (S36, S37) An extension that a test imports hundreds of copies of. It says
// what it has cached and how often it had to make it. CROWD_THREAD_LOCAL adds
// that many bytes of thread-local data.

#include <Python.h>

#include <atomic>

#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/multislot.h"
#include "multislot/fixed_slots.h"
#include "multislot/side_table.h"

namespace {

std::atomic<long> g_made{0};

#ifdef CROWD_THREAD_LOCAL
thread_local volatile char t_data[CROWD_THREAD_LOCAL];
#endif

PyObject* MakeError() {
  ++g_made;
  return PyErr_NewException("crowd.Error", PyExc_ValueError, nullptr);
}

const multislot::cpython::HandleCache<multislot::SideTable> g_error;
const multislot::cpython::HandleCache<multislot::FixedSlots<1>> g_tight_error;
multislot_cache g_c_error = MULTISLOT_CACHE_INIT;

// This copy's exception types in this interpreter: from a C++ cache, from one
// with a single slot, and from a C cache.
PyObject* Errors(PyObject*, PyObject*) {
  PyObject* errors[] = {
      g_error.get_or_create(MakeError), g_tight_error.get_or_create(MakeError),
      multislot_get(
          &g_c_error, [](void*) { return MakeError(); }, nullptr)};
  for (PyObject* error : errors) {
    if (error == nullptr) return nullptr;
  }
  return PyTuple_Pack(3, errors[0], errors[1], errors[2]);
}

PyObject* Raise(PyObject*, PyObject*) {
  PyObject* error = g_error.get_or_create(MakeError);
  if (error != nullptr) PyErr_SetString(error, "as asked");
  return nullptr;
}

// How many of them were made in all interpreters.
PyObject* Made(PyObject*, PyObject*) { return PyLong_FromLong(g_made); }

// How many bytes of thread-local data this copy has; uses all of them.
PyObject* ThreadLocal(PyObject*, PyObject*) {
  long bytes = 0;
#ifdef CROWD_THREAD_LOCAL
  for (volatile char& byte : t_data) {
    byte = 1;
    bytes += byte;
  }
#endif
  return PyLong_FromLong(bytes);
}

PyMethodDef g_methods[] = {
    {"errors", Errors, METH_NOARGS, nullptr},
    {"raise_it", Raise, METH_NOARGS, nullptr},
    {"made", Made, METH_NOARGS, nullptr},
    {"thread_local", ThreadLocal, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef_Slot g_slots[] = {
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, nullptr},
};

PyModuleDef g_module = {
    PyModuleDef_HEAD_INIT,
    "crowd",
    nullptr,
    0,
    g_methods,
    g_slots,
    nullptr,
    nullptr,
    nullptr,
};

}  // namespace

PyMODINIT_FUNC PyInit_crowd() { return PyModuleDef_Init(&g_module); }
