// Lookups for tests that are written in Python: caches by number; make() is any
// callable that the test passes. Also built for the limited API. Apart from
// borrowed references and what New() makes, it refers to no foreign objects, so
// that only the library's references count.

#include <Python.h>

#include <atomic>
#include <memory>

#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/import_attr.h"
#include "multislot/cpython/multislot.h"
#include "multislot/cpython/per_interpreter.h"
#include "multislot/cpython/single_interpreter_fast_path.h"
#include "multislot/fixed_slots.h"
#include "multislot/side_table.h"

namespace {

using Cache = multislot::cpython::HandleCache<multislot::SideTable>;
using TightCache = multislot::cpython::HandleCache<multislot::FixedSlots<1>>;
using multislot::cpython::SingleInterpreterFastPath;
using IfSeveralCache =
    multislot::cpython::HandleCache<multislot::FixedSlots<8>,
                                    SingleInterpreterFastPath>;

constexpr Py_ssize_t kCaches = 300;
Cache g_caches[kCaches];
TightCache g_tight_caches[kCaches];
IfSeveralCache g_if_several_caches[kCaches];
multislot_cache g_c_caches[kCaches];
multislot_value_cache g_c_values[kCaches];

// A value that owns a reference. Daemon threads may be unwound out of it.
struct Value {
  ~Value() noexcept(false) { Py_DecRef(object); }
  PyObject* object;
};
multislot::cpython::PerInterpreter<Value> g_values[kCaches];

PyObject* Call(void* make) {
  return PyObject_CallObject(static_cast<PyObject*>(make), nullptr);
}

// A new reference. Calls a function, which knows immortal objects whatever
// headers this was compiled with.
PyObject* New(PyObject* borrowed) {
  Py_IncRef(borrowed);
  return borrowed;
}

// Looks up with a Python function's arguments (number, make, times = 1).
template <typename LookUp>
PyObject* WithArguments(PyObject* args, LookUp look_up) {
  Py_ssize_t number;
  PyObject* make;
  Py_ssize_t times = 1;
  if (!PyArg_ParseTuple(args, "nO|n", &number, &make, &times)) return nullptr;
  if (number < 0 || number >= kCaches) {
    PyErr_SetString(PyExc_IndexError, "no such cache");
    return nullptr;
  }
  PyObject* object = nullptr;
  for (Py_ssize_t i = 0; i < times; ++i) {
    object = look_up(number, make);
    if (object == nullptr) return nullptr;
  }
  return New(object);
}

PyObject* Get(PyObject*, PyObject* args) {
  return WithArguments(args, [](Py_ssize_t number, PyObject* make) {
    return g_caches[number].get_or_create([make] { return Call(make); });
  });
}

PyObject* TightGet(PyObject*, PyObject* args) {
  return WithArguments(args, [](Py_ssize_t number, PyObject* make) {
    return g_tight_caches[number].get_or_create([make] { return Call(make); });
  });
}

PyObject* CGet(PyObject*, PyObject* args) {
  return WithArguments(args, [](Py_ssize_t number, PyObject* make) {
    return multislot_get(&g_c_caches[number], Call, make);
  });
}

PyObject* ValueGet(PyObject*, PyObject* args) {
  return WithArguments(args, [](Py_ssize_t number, PyObject* make) {
    const Value* value =
        g_values[number].get_or_create([make]() -> std::unique_ptr<Value> {
          PyObject* object = Call(make);
          if (object == nullptr) return nullptr;
          return std::unique_ptr<Value>(new Value{object});
        });
    return value == nullptr ? nullptr : value->object;
  });
}

PyObject* CValueGet(PyObject*, PyObject* args) {
  return WithArguments(args, [](Py_ssize_t number, PyObject* make) {
    return static_cast<PyObject*>(multislot_get_value(
        &g_c_values[number], [](void* arg) -> void* { return Call(arg); },
        [](void* object) { Py_DecRef(static_cast<PyObject*>(object)); }, make));
  });
}

// get() that calls Enable() each time.
PyObject* GetIfSeveral(PyObject*, PyObject* args) {
  return WithArguments(args, [](Py_ssize_t number, PyObject* make) {
    SingleInterpreterFastPath::Enable();
    return g_if_several_caches[number].get_or_create(
        [make] { return Call(make); });
  });
}

// get() while a KeyError is pending.
PyObject* GetWithAnError(PyObject*, PyObject* args) {
  return WithArguments(args, [](Py_ssize_t number, PyObject* make) {
    PyErr_SetString(PyExc_KeyError, "pending");
    PyObject* object =
        g_caches[number].get_or_create([make] { return Call(make); });
    if (object == nullptr) return object;
    if (!PyErr_ExceptionMatches(PyExc_KeyError)) {
      PyErr_SetString(PyExc_AssertionError, "the pending error is gone");
      return static_cast<PyObject*>(nullptr);
    }
    PyErr_Clear();
    return object;
  });
}

// Looks up with a Python function's arguments (number, module, attribute).
template <typename LookUp>
PyObject* WithNames(PyObject* args, LookUp look_up) {
  Py_ssize_t number;
  const char* module;
  const char* attribute;
  if (!PyArg_ParseTuple(args, "nss", &number, &module, &attribute)) {
    return nullptr;
  }
  if (number < 0 || number >= kCaches) {
    PyErr_SetString(PyExc_IndexError, "no such cache");
    return nullptr;
  }
  return New(look_up(number, module, attribute));
}

PyObject* ImportAttr(PyObject*, PyObject* args) {
  return WithNames(
      args, [](Py_ssize_t number, const char* module, const char* attribute) {
        return g_caches[number].get_or_create(
            multislot::cpython::ImportAttr(module, attribute));
      });
}

struct Names {
  const char* module;
  const char* attribute;
};

PyObject* ImportNames(void* arg) {
  const Names* names = static_cast<const Names*>(arg);
  return multislot_import_attr(names->module, names->attribute);
}

PyObject* CImportAttr(PyObject*, PyObject* args) {
  return WithNames(
      args, [](Py_ssize_t number, const char* module, const char* attribute) {
        Names names = {module, attribute};
        return multislot_get(&g_c_caches[number], ImportNames, &names);
      });
}

// lose_races(make, times): loses that many races, each in a fresh cache with
// one slot. Returns the last winner.
PyObject* LoseRaces(PyObject*, PyObject* args) {
  PyObject* make;
  Py_ssize_t times;
  if (!PyArg_ParseTuple(args, "On", &make, &times)) return nullptr;
  PyObject* outer = nullptr;
  for (Py_ssize_t i = 0; i < times; ++i) {
    TightCache cache;
    PyObject* inner = nullptr;
    outer = cache.get_or_create([&] {
      inner = cache.get_or_create([make] { return Call(make); });
      return Call(make);
    });
    if (outer == nullptr) return nullptr;
    if (outer != inner) {
      PyErr_SetString(PyExc_AssertionError, "the loser got its own object");
      return nullptr;
    }
  }
  return New(outer);
}

PyObject* InterpreterId(PyObject*, PyObject*) {
  return PyLong_FromLongLong(
      PyInterpreterState_GetID(PyInterpreterState_Get()));
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ADDRESS_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define UNDER_ADDRESS_SANITIZER
#endif

// Whether threads can be made to end inside
// SingleInterpreterFastPath::Enable(). Under the limited API it does nothing.
// AddressSanitizer does not notice that pthread_exit() unwinds the stack, and
// reports its next write to an old frame.
PyObject* CanEndInRegister(PyObject*, PyObject*) {
#if defined(Py_LIMITED_API) || defined(UNDER_ADDRESS_SANITIZER)
  return New(Py_False);
#else
  return New(Py_True);
#endif
}

std::atomic<long> g_wrong{0};

// Counts an error, in whichever interpreter. Late in an interpreter's end there
// is no other way to report one.
PyObject* Wrong(PyObject*, PyObject*) {
  ++g_wrong;
  return PyLong_FromLong(g_wrong);
}

// The number of errors so far.
PyObject* WrongSoFar(PyObject*, PyObject*) { return PyLong_FromLong(g_wrong); }

PyMethodDef g_methods[] = {
    {"get", Get, METH_VARARGS, nullptr},
    {"tight_get", TightGet, METH_VARARGS, nullptr},
    {"c_get", CGet, METH_VARARGS, nullptr},
    {"value_get", ValueGet, METH_VARARGS, nullptr},
    {"c_value_get", CValueGet, METH_VARARGS, nullptr},
    {"get_if_several", GetIfSeveral, METH_VARARGS, nullptr},
    {"get_with_an_error", GetWithAnError, METH_VARARGS, nullptr},
    {"import_attr", ImportAttr, METH_VARARGS, nullptr},
    {"c_import_attr", CImportAttr, METH_VARARGS, nullptr},
    {"can_end_in_register", CanEndInRegister, METH_NOARGS, nullptr},
    {"lose_races", LoseRaces, METH_VARARGS, nullptr},
    {"wrong", Wrong, METH_NOARGS, nullptr},
    {"wrong_so_far", WrongSoFar, METH_NOARGS, nullptr},
    {"interpreter_id", InterpreterId, METH_NOARGS, nullptr},
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
    "caller",
    nullptr,
    0,
    g_methods,
    g_slots,
    nullptr,
    nullptr,
    nullptr,
};

}  // namespace

PyMODINIT_FUNC PyInit_caller() { return PyModuleDef_Init(&g_module); }
