// An extension for tests, built under several names, PROBE.

#include "tests/cpython/extension/probe.h"

#include <Python.h>

#include <memory>

#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/single_interpreter_fast_path.h"
#include "multislot/side_table.h"

namespace {

using Cache = multislot::cpython::HandleCache<multislot::SideTable>;

PyObject* New(PyObject* borrowed) {
  Py_XINCREF(borrowed);
  return borrowed;
}

// (S20) Looks up while the extension is loaded, before PyInit_. The interpreter
// exists, but no module. The object found is the interpreter's own.
extern const Cache g_own;
const bool g_right_before_init = [] {
  PyObject* list = g_own.get_or_create(probe::MakeList);
  return list != nullptr && list == g_own.get_or_create(probe::MakeList);
}();
const Cache g_own;

PyObject* RightBeforeInit(PyObject*, PyObject*) {
  return PyBool_FromLong(g_right_before_init);
}

PyObject* Own(PyObject*, PyObject*) {
  return New(g_own.get_or_create(probe::MakeList));
}

PyObject* IfSeveral(PyObject*, PyObject*) {
  static const multislot::cpython::HandleCache<
      multislot::SideTable, multislot::cpython::SingleInterpreterFastPath>
      cache;
  return New(cache.get_or_create(probe::MakeList));
}

PyObject* Asks(PyObject*, PyObject*) {
  return PyBool_FromLong(!multislot::cpython::internal::HasOnly());
}

PyObject* Shared(PyObject*, PyObject*) { return New(probe::Shared()); }

// Fills a thousand fresh caches; returns whether every object was right. Some
// make()s release the GIL.
PyObject* Fill(PyObject*, PyObject*) {
  constexpr int kCaches = 1000;
  auto caches = std::make_unique<Cache[]>(kCaches);
  bool right = true;
  for (int i = 0; i < kCaches; ++i) {
    PyObject* list = caches[i].get_or_create([i] {
      if (i % 100 == 0) {
        Py_BEGIN_ALLOW_THREADS;
        Py_END_ALLOW_THREADS;
      }
      return probe::MakeList();
    });
    if (list == nullptr) return nullptr;
    right =
        right && caches[i].get_or_create(probe::MakeList) == list &&
        PyLong_AsLongLong(PyList_GetItem(list, 0)) == probe::InterpreterId();
  }
  return PyBool_FromLong(right);
}

PyObject* InterpreterId(PyObject*, PyObject*) {
  return PyLong_FromLongLong(probe::InterpreterId());
}

PyObject* SharedCache(PyObject*, PyObject*) {
  return PyLong_FromVoidPtr(const_cast<probe::Cache*>(&probe::SharedCache()));
}

PyMethodDef g_methods[] = {
    {"interpreter_id", InterpreterId, METH_NOARGS, nullptr},
    {"right_before_init", RightBeforeInit, METH_NOARGS, nullptr},
    {"own", Own, METH_NOARGS, nullptr},
    {"if_several", IfSeveral, METH_NOARGS, nullptr},
    {"asks", Asks, METH_NOARGS, nullptr},
    {"shared", Shared, METH_NOARGS, nullptr},
    {"shared_cache", SharedCache, METH_NOARGS, nullptr},
    {"fill", Fill, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

int Exec(PyObject*) {
  multislot::cpython::SingleInterpreterFastPath::Enable();
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

#define PROBE_TEXT_(name) #name
#define PROBE_TEXT(name) PROBE_TEXT_(name)
#define PROBE_INIT_(name) PyInit_##name
#define PROBE_INIT(name) PROBE_INIT_(name)

PyModuleDef g_module = {
    PyModuleDef_HEAD_INIT,
    PROBE_TEXT(PROBE),
    nullptr,
    0,
    g_methods,
    g_slots,
    nullptr,
    nullptr,
    nullptr,
};

}  // namespace

PyMODINIT_FUNC PROBE_INIT(PROBE)() { return PyModuleDef_Init(&g_module); }
