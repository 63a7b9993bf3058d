// One of many extensions that embed multislot, as they are built for use: with
// nothing visible but PyInit_crowd. With THREAD_LOCAL_BYTES, one that has that
// much thread-local data besides.

#include <Python.h>

#include "multislot/cpython/ask_if_several.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/import_attr.h"
#include "multislot/cpython/multislot.h"
#include "multislot/fixed_slots.h"

namespace {

using multislot::FixedSlots;
using multislot::cpython::AskIfSeveral;
using multislot::cpython::HandleCache;

#if defined(THREAD_LOCAL_BYTES)
thread_local char t_data[THREAD_LOCAL_BYTES];
#endif

int g_made = 0;

PyObject* New(PyObject* borrowed) {
  Py_XINCREF(borrowed);
  return borrowed;
}

PyObject* MakeError() {
  ++g_made;
  return PyErr_NewException("crowd.Error", nullptr, nullptr);
}

PyObject* Error(PyObject*, PyObject*) {
  static const HandleCache<FixedSlots<8>> cache;
  return New(cache.get_or_create(MakeError));
}

PyObject* IfSeveral(PyObject*, PyObject*) {
  static const HandleCache<FixedSlots<8>, AskIfSeveral> cache;
  return New(cache.get_or_create(MakeError));
}

// Without a slot: there is one, and the first interpreter has it.
PyObject* WithoutSlot(PyObject*, PyObject*) {
  static const HandleCache<FixedSlots<1>> cache;
  return New(cache.get_or_create(MakeError));
}

// What `make` gives, from a cache that is asked with one slot by way of the
// header for C, or without one.
PyObject* CallArgument(void* arg) {
  return PyObject_CallObject(static_cast<PyObject*>(arg), nullptr);
}

PyObject* FromC(PyObject*, PyObject* make) {
  static multislot_cache cache = MULTISLOT_CACHE_INIT;
  return New(multislot_get(&cache, CallArgument, make));
}

// As many threads as like, for a cache that nobody asked yet: the next one of
// many.
PyObject* Race(PyObject*, PyObject* make) {
  static const HandleCache<FixedSlots<1>> caches[1000];
  static int next = 0;
  if (make == Py_None) {
    ++next;
    Py_RETURN_NONE;
  }
  return New(caches[next % 1000].get_or_create(
      [make] { return PyObject_CallObject(make, nullptr); }));
}

// With an error pending, which has to be there afterwards.
PyObject* WithError(PyObject*, PyObject* make) {
  const HandleCache<FixedSlots<1>> cache;
  PyErr_SetString(PyExc_KeyError, "from before");
  PyObject* made = New(cache.get_or_create(
      [make] { return PyObject_CallObject(make, nullptr); }));
  if (made != nullptr && PyErr_ExceptionMatches(PyExc_KeyError)) PyErr_Clear();
  return made;
}

PyObject* Made(PyObject*, PyObject*) { return PyLong_FromLong(g_made); }

PyObject* Register(PyObject*, PyObject*) {
  AskIfSeveral::Register();
  Py_RETURN_NONE;
}

PyMethodDef g_methods[] = {
    {"error", Error, METH_NOARGS, nullptr},
    {"if_several", IfSeveral, METH_NOARGS, nullptr},
    {"without_slot", WithoutSlot, METH_NOARGS, nullptr},
    {"from_c", FromC, METH_O, nullptr},
    {"race", Race, METH_O, nullptr},
    {"with_error", WithError, METH_O, nullptr},
    {"made", Made, METH_NOARGS, nullptr},
    {"register", Register, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

int Exec(PyObject*) {
#if defined(THREAD_LOCAL_BYTES)
  t_data[0] = 1;
#endif
  return 0;
}

PyModuleDef_Slot g_slots[] = {
    {Py_mod_exec, reinterpret_cast<void*>(Exec)},
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
