#include "tests/fuzz/last_acts.h"

#include <Python.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace multislot {
namespace fuzz {
namespace {

// These calls fail only if memory runs out.
template <typename T>
T* NotNull(T* pointer) {
  if (pointer == nullptr) {
    if (PyErr_Occurred() != nullptr) PyErr_Print();
    std::fprintf(stderr, "cannot plant a last act\n");
    std::abort();
  }
  return pointer;
}
void IsZero(int result) { NotNull(result == 0 ? &result : nullptr); }

// The act must not see a pending error.
void Run(const LastAct* act) {
  PyObject* type;
  PyObject* error;
  PyObject* traceback;
  PyErr_Fetch(&type, &error, &traceback);
  act->run(*act);
  PyErr_Restore(type, error, traceback);
}

const LastAct* ActIn(PyObject* capsule) {
  return static_cast<const LastAct*>(PyCapsule_GetPointer(capsule, nullptr));
}

PyObject* NewCapsule(const LastAct* act, PyCapsule_Destructor destructor) {
  return NotNull(PyCapsule_New(const_cast<LastAct*>(act), nullptr, destructor));
}

// An object that runs the act as it dies.
PyObject* NewDying(const LastAct* act) {
  return NewCapsule(act, [](PyObject* self) { Run(ActIn(self)); });
}

// A function that runs the act when it is called.
PyObject* NewFunction(const LastAct* act) {
  static PyMethodDef method = {"run",
                               [](PyObject* self, PyObject*) -> PyObject* {
                                 Run(ActIn(self));
                                 Py_RETURN_NONE;
                               },
                               METH_NOARGS, nullptr};
  PyObject* capsule = NewCapsule(act, nullptr);
  PyObject* function = NotNull(PyCFunction_New(&method, capsule));
  Py_DECREF(capsule);
  return function;
}

// A function that does nothing but keep the object alive.
PyObject* NewKeeper(PyObject* object) {
  static PyMethodDef method = {
      "nothing", [](PyObject*, PyObject*) -> PyObject* { Py_RETURN_NONE; },
      METH_NOARGS, nullptr};
  return NotNull(PyCFunction_New(&method, object));
}

PyObject* NewModule(const LastAct* act) {
  static PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, nullptr}
  };
  static PyModuleDef def = {
      PyModuleDef_HEAD_INIT,
      "dying",
      nullptr,
      sizeof(LastAct*),
      nullptr,
      slots,
      nullptr,
      nullptr,
      [](void* module) {
        Run(*static_cast<const LastAct**>(
            PyModule_GetState(static_cast<PyObject*>(module))));
      }};
  // The spec needs nothing but a name.
  PyObject* types = NotNull(PyImport_ImportModule("types"));
  PyObject* spec =
      NotNull(PyObject_CallMethod(types, "SimpleNamespace", nullptr));
  PyObject* name = NotNull(PyUnicode_FromString("dying"));
  IsZero(PyObject_SetAttrString(spec, "name", name));
  PyObject* module = NotNull(PyModule_FromDefAndSpec(&def, spec));
  IsZero(PyModule_ExecDef(module, &def));
  *static_cast<const LastAct**>(NotNull(PyModule_GetState(module))) = act;
  for (PyObject* done : {types, spec, name}) Py_DECREF(done);
  return module;
}

struct Dying {
  PyObject_HEAD const LastAct* act;
};

PyObject* NewInstance(const LastAct* act) {
  static PyType_Slot slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(+[](PyObject* self) {
         PyTypeObject* type = Py_TYPE(self);
         Run(reinterpret_cast<Dying*>(self)->act);
         PyObject_Free(self);
         Py_DECREF(type);
       })},
      {0, nullptr}};
  static PyType_Spec spec = {"dying.Dying", sizeof(Dying), 0,
                             Py_TPFLAGS_DEFAULT, slots};
  PyObject* type = NotNull(PyType_FromSpec(&spec));
  Dying* dying =
      NotNull(PyObject_New(Dying, reinterpret_cast<PyTypeObject*>(type)));
  dying->act = act;
  Py_DECREF(type);  // the object has its own reference
  return reinterpret_cast<PyObject*>(dying);
}

// An object whose class has this __del__().
PyObject* NewWithDel(const LastAct* act) {
  PyObject* function = NewFunction(act);
  PyObject* type =
      NotNull(PyObject_CallFunction(reinterpret_cast<PyObject*>(&PyType_Type),
                                    "s(){sO}", "Dying", "__del__", function));
  PyObject* object = NotNull(PyObject_CallObject(type, nullptr));
  Py_DECREF(type);
  Py_DECREF(function);
  return object;
}

PyObject* MainDict() {
  return PyModule_GetDict(NotNull(PyImport_AddModule("__main__")));
}

}  // namespace

const char* NameOf(Place place) {
  switch (place) {
    case Place::kNowhere:
      return "nowhere";
    case Place::kAtExit:
      return "a callback of atexit";
    case Place::kSys:
      return "a capsule in sys";
    case Place::kThread:
      return "a capsule in the thread state's dict";
    case Place::kDict:
      return "a capsule in the interpreter's dict";
    case Place::kModule:
      return "a module's m_free";
    case Place::kDealloc:
      return "a tp_dealloc";
    case Place::kDel:
      return "a __del__()";
    case Place::kCycle:
      return "a __del__() in a cycle";
    case Place::kAtFork:
      return "a capsule in a fork handler";
    case Place::kCache:
      return "an object in a cache";
  }
  return "";
}

void Plant(const LastAct* act) {
  // Each act has its own key.
  static thread_local char key[64];
  std::snprintf(key, sizeof(key), "dying.%p", static_cast<const void*>(act));
  PyObject* planted = nullptr;
  switch (act->place) {
    case Place::kCache:
      std::abort();
    case Place::kNowhere:
      planted = NewDying(act);
      break;
    case Place::kAtExit: {
      planted = NewFunction(act);
      PyObject* atexit = NotNull(PyImport_ImportModule("atexit"));
      Py_DECREF(NotNull(PyObject_CallMethod(atexit, "register", "O", planted)));
      Py_DECREF(atexit);
      break;
    }
    case Place::kSys:
      planted = NewDying(act);
      IsZero(PySys_SetObject(key, planted));
      break;
    case Place::kThread:
      planted = NewDying(act);
      IsZero(PyDict_SetItemString(PyThreadState_GetDict(), key, planted));
      break;
    case Place::kDict:
      planted = NewDying(act);
      IsZero(PyDict_SetItemString(
          PyInterpreterState_GetDict(PyInterpreterState_Get()), key, planted));
      break;
    case Place::kModule:
      planted = NewModule(act);
      IsZero(PyDict_SetItemString(PyImport_GetModuleDict(), key, planted));
      break;
    case Place::kDealloc:
      planted = NewInstance(act);
      IsZero(PyDict_SetItemString(PyImport_GetModuleDict(), key, planted));
      break;
    case Place::kDel:
      planted = NewWithDel(act);
      IsZero(PyDict_SetItemString(MainDict(), key, planted));
      break;
    case Place::kCycle: {
      // The cycle is to be collected at the end, not during a lookup.
      PyObject* gc = NotNull(PyImport_ImportModule("gc"));
      Py_DECREF(NotNull(PyObject_CallMethod(gc, "disable", nullptr)));
      Py_DECREF(gc);
      planted = NewWithDel(act);
      IsZero(PyObject_SetAttrString(planted, "itself", planted));
      break;
    }
    case Place::kAtFork: {
      PyObject* dying = NewDying(act);
      planted = NewKeeper(dying);
      Py_DECREF(dying);
      PyObject* posix = NotNull(PyImport_ImportModule("posix"));
      PyObject* function =
          NotNull(PyObject_GetAttrString(posix, "register_at_fork"));
      PyObject* arguments = NotNull(PyTuple_New(0));
      PyObject* keywords =
          NotNull(Py_BuildValue("{sO}", "after_in_child", planted));
      Py_DECREF(NotNull(PyObject_Call(function, arguments, keywords)));
      for (PyObject* done : {posix, function, arguments, keywords}) {
        Py_DECREF(done);
      }
      break;
    }
  }
  Py_DECREF(planted);
}

}  // namespace fuzz
}  // namespace multislot
