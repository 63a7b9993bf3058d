#include "tests/checker/python/interpreters.h"

#include <Python.h>

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "tests/checker/model.h"

namespace {

using multislot::checker::CurrentThread;
using multislot::checker::Expect;
using multislot::checker::kMaxThreads;
using multislot::checker::Lock;
using multislot::checker::Plain;
using multislot::checker::Unlock;

enum class Kind { kOther, kObject, kCapsule, kFunction };

}  // namespace

// A Python object may only be used with its interpreter's GIL.
struct _object {
  explicit _object(Kind kind_of_it = Kind::kOther) : kind(kind_of_it) {}

  Kind kind;
  int references = 1;
  void* pointer = nullptr;  // of a capsule, or an audit event's argument
  void* context = nullptr;
  PyCapsule_Destructor destructor = nullptr;
  PyMethodDef* method = nullptr;  // of a function
  PyObject* self = nullptr;
  Plain<std::int64_t> made_in{0};  // of an object
};

struct PyInterpreterState {
  char gil = 0;
  char dict_mutex = 0;
  // Guarded by the GIL:
  Plain<bool> lives{false};
  Plain<std::int64_t> id{0};
  int threads = 0;  // attached threads
  bool has_modules = false;
  PyObject dict;
  PyObject* record = nullptr;     // in the interpreter's dict
  PyObject* in_sys = nullptr;     // in sys
  PyObject* in_atexit = nullptr;  // in atexit
};

PyObject g_none;
static PyObject g_exception_class;
PyObject* PyExc_Exception = &g_exception_class;

namespace multislot {
namespace checker {
namespace {

// The runtime's list of interpreters, guarded by its own lock instead of a GIL.
char g_list_mutex;
std::vector<PyInterpreterState*> g_list;
std::int64_t g_last_id = 0;

struct Hook {
  Py_AuditHookFunction function;  // null: runs Python code
};
std::vector<Hook> g_hooks;

std::vector<PyObject*> g_kept;
char g_kept_mutex;

bool g_has_gil = true;

PyThreadState g_threads[kMaxThreads + 1];
PyObject g_sys_modules, g_atexit_module, g_key;
int g_live_objects = 0;

PyThreadState& ThisThread() { return g_threads[CurrentThread() + 1]; }
PyInterpreterState* Current() { return ThisThread().interp; }

void Drop(PyObject*& object) {
  PyObject* dropped = object;
  object = nullptr;
  Py_DecRef(dropped);
}

// Without a GIL, guards the dict operations that are atomic.
class DictLock {
 public:
  DictLock() : state_(Current()) {
    if (!g_has_gil) Lock(&state_->dict_mutex);
  }
  ~DictLock() {
    if (!g_has_gil) Unlock(&state_->dict_mutex);
  }

 private:
  PyInterpreterState* state_;
};

void Keep(PyObject* object) {
  Lock(&g_kept_mutex);
  Py_IncRef(object);
  g_kept.push_back(object);
  Unlock(&g_kept_mutex);
}

}  // namespace

PyInterpreterState* Address(std::size_t number) {
  static auto* const states = new PyInterpreterState[kAddresses];
  return &states[number];
}

void RestartPython() {
  while (!g_list.empty()) {
    g_threads[0].interp = g_list.back();
    g_list.back()->threads = 1;
    EndInterpreter();
  }
  DropWhatWasKept();
  for (PyThreadState& thread : g_threads) thread.interp = nullptr;
  g_hooks.clear();
  g_has_gil = true;
  g_last_id = 0;
  g_live_objects = 0;
}

void DropTheGil() { g_has_gil = false; }

void RunPython() {
  if (!g_has_gil) return;
  Unlock(&Current()->gil);
  Lock(&Current()->gil);
}

void NewInterpreter(PyInterpreterState* where) {
  PySys_Audit("cpython.PyInterpreterState_New", nullptr);
  if (Current() != nullptr) Detach();
  Lock(&where->gil);
  where->lives.set(true);
  where->has_modules = true;
  where->threads = 1;
  Lock(&g_list_mutex);
  where->id.set(++g_last_id);
  g_list.insert(g_list.begin(), where);
  Unlock(&g_list_mutex);
  ThisThread().interp = where;
  if (!g_has_gil) Unlock(&where->gil);
  PySys_Audit("import", nullptr);
}

bool EndInterpreter(Keeps keeps) {
  PyInterpreterState* state = Current();
  if (state->threads > 1) return false;
  if (keeps != Keeps::kNothing) Keep(state->record);
  if (keeps == Keeps::kDictAndWitnesses) {
    Keep(state->in_sys);
    Keep(state->in_atexit);
  }
  if (state->in_atexit != nullptr) {
    PyObject* function = state->in_atexit;
    Py_DecRef(function->method->function(function->self, nullptr));
  }
  Drop(state->in_sys);
  Drop(state->in_atexit);
  state->has_modules = false;
  Drop(state->record);
  Lock(&g_list_mutex);
  for (std::size_t i = 0; i < g_list.size(); ++i) {
    if (g_list[i] == state) g_list.erase(g_list.begin() + i);
  }
  Unlock(&g_list_mutex);
  state->lives.set(false);
  Detach();
  return true;
}

void DropWhatWasKept() {
  Lock(&g_kept_mutex);
  std::vector<PyObject*> kept;
  kept.swap(g_kept);
  Unlock(&g_kept_mutex);
  for (PyObject* object : kept) Py_DecRef(object);
}

bool Attach(PyInterpreterState* where) {
  Lock(&where->gil);
  if (!where->lives.get()) {
    Unlock(&where->gil);
    return false;
  }
  ++where->threads;
  ThisThread().interp = where;
  if (!g_has_gil) Unlock(&where->gil);
  return true;
}

void Detach() {
  PyInterpreterState* state = Current();
  if (!g_has_gil) Lock(&state->gil);
  --state->threads;
  ThisThread().interp = nullptr;
  Unlock(&state->gil);
}

std::int64_t CurrentId() { return Current()->id.get(); }

void AddHookInPython() { g_hooks.push_back({nullptr}); }

PyObject* NewObject() {
  auto* object = new PyObject(Kind::kObject);
  object->made_in.set(CurrentId());
  ++g_live_objects;
  return object;
}

std::int64_t MadeIn(PyObject* object) { return object->made_in.get(); }
int LiveObjects() { return g_live_objects; }

}  // namespace checker
}  // namespace multislot

using namespace multislot::checker;  // NOLINT: what CPython defines is global

PyObject* Py_NewRef(PyObject* object) {
  Py_IncRef(object);
  return object;
}
void Py_IncRef(PyObject* object) {
  if (object != nullptr) ++object->references;
}
void Py_DecRef(PyObject* object) {
  if (object == nullptr || --object->references > 0) return;
  Expect(object->references == 0 && object->kind != Kind::kOther,
         "an object is released too often");
  if (object->kind == Kind::kObject) {
    object->made_in.set(0);
    --g_live_objects;
  }
  if (object->destructor != nullptr) object->destructor(object);
  Py_DecRef(object->self);
  delete object;
}

PyThreadState* PyThreadState_GetUnchecked() {
  return Current() == nullptr ? nullptr : &ThisThread();
}
int PyThreadState_SetAsyncExc(unsigned long, PyObject*) { return 0; }
unsigned long PyThread_get_thread_ident() {
  return static_cast<unsigned long>(CurrentThread() + 1);
}
std::int64_t PyInterpreterState_GetID(PyInterpreterState* state) {
  return state->id.get();
}
PyObject* PyInterpreterState_GetDict(PyInterpreterState* state) {
  return &state->dict;
}
PyInterpreterState* PyInterpreterState_Head() {
  Lock(&g_list_mutex);
  PyInterpreterState* head = g_list.empty() ? nullptr : g_list.front();
  Unlock(&g_list_mutex);
  return head;
}
PyInterpreterState* PyInterpreterState_Next(PyInterpreterState* state) {
  Lock(&g_list_mutex);
  PyInterpreterState* next = nullptr;
  for (std::size_t i = 0; i + 1 < g_list.size(); ++i) {
    if (g_list[i] == state) next = g_list[i + 1];
  }
  Unlock(&g_list_mutex);
  return next;
}

PyObject* PyDict_GetItemWithError(PyObject*, PyObject*) {
  const DictLock lock;
  return Current()->record;
}
PyObject* PyObject_CallMethod(PyObject* object, const char* name,
                              const char* format, ...) {
  RunPython();
  std::va_list arguments;
  va_start(arguments, format);
  PyObject* result = nullptr;
  if (std::strcmp(name, "setdefault") == 0) {
    const DictLock lock;
    va_arg(arguments, PyObject*);
    PyObject* value = va_arg(arguments, PyObject*);
    if (Current()->record == nullptr) Current()->record = Py_NewRef(value);
    result = Py_NewRef(Current()->record);
  } else if (object == &g_atexit_module) {
    Expect(Current()->in_atexit == nullptr, "registered with atexit twice");
    Drop(Current()->in_atexit);
    Current()->in_atexit = Py_NewRef(va_arg(arguments, PyObject*));
    result = Py_NewRef(Py_None);
  }
  va_end(arguments);
  return result;
}
PyObject* PyImport_ImportModule(const char*) {
  RunPython();
  return Py_NewRef(&g_atexit_module);
}
PyObject* PyObject_GetAttrString(PyObject*, const char*) { return nullptr; }
PyObject* PySys_GetObject(const char* name) {
  if (std::strcmp(name, "modules") != 0) return Current()->in_sys;
  return Current()->has_modules ? &g_sys_modules : nullptr;
}
int PySys_SetObject(const char*, PyObject* value) {
  Drop(Current()->in_sys);
  Current()->in_sys = Py_NewRef(value);
  return 0;
}

int PySys_Audit(const char* event, const char* format, ...) {
  PyObject argument;
  if (format != nullptr) {
    std::va_list arguments;
    va_start(arguments, format);
    argument.pointer = reinterpret_cast<void*>(va_arg(arguments, Py_ssize_t));
    va_end(arguments);
  }
  // Hooks are never removed.
  for (std::size_t i = 0; i < g_hooks.size(); ++i) {
    if (g_hooks[i].function != nullptr) {
      g_hooks[i].function(event, &argument, nullptr);
    } else if (Current() != nullptr) {
      RunPython();
    }
  }
  return 0;
}
int PySys_AddAuditHook(Py_AuditHookFunction hook, void*) {
  g_hooks.push_back({hook});
  return 0;
}

PyObject* PyCapsule_New(void* pointer, const char*,
                        PyCapsule_Destructor destructor) {
  auto* capsule = new PyObject(Kind::kCapsule);
  capsule->pointer = pointer;
  capsule->destructor = destructor;
  return capsule;
}
void* PyCapsule_GetPointer(PyObject* capsule, const char*) {
  return capsule->pointer;
}
int PyCapsule_IsValid(PyObject* capsule, const char*) {
  return capsule->kind == Kind::kCapsule ? 1 : 0;
}
void* PyCapsule_GetContext(PyObject* capsule) { return capsule->context; }
int PyCapsule_SetContext(PyObject* capsule, void* context) {
  capsule->context = context;
  return 0;
}
int PyCapsule_SetDestructor(PyObject* capsule,
                            PyCapsule_Destructor destructor) {
  capsule->destructor = destructor;
  return 0;
}
PyObject* PyCFunction_NewEx(PyMethodDef* method, PyObject* self, PyObject*) {
  auto* function = new PyObject(Kind::kFunction);
  function->method = method;
  function->self = Py_NewRef(self);
  return function;
}
PyObject* PyUnicode_FromFormat(const char*, ...) { return Py_NewRef(&g_key); }
const char* PyUnicode_AsUTF8AndSize(PyObject*, Py_ssize_t*) { return "key"; }
PyObject* PyTuple_GetItem(PyObject* tuple, Py_ssize_t) { return tuple; }
void* PyLong_AsVoidPtr(PyObject* number) { return number->pointer; }

PyObject* PyErr_Occurred() { return nullptr; }
PyObject* PyErr_NoMemory() { return nullptr; }
void PyErr_Clear() {}
int PyErr_GivenExceptionMatches(PyObject*, PyObject*) { return 1; }
PyObject* PyErr_GetRaisedException() { return nullptr; }
void PyErr_SetRaisedException(PyObject*) {}
void PyErr_WriteUnraisable(PyObject*) {}
PyObject* PyException_GetContext(PyObject*) { return nullptr; }
void PyException_SetContext(PyObject*, PyObject*) {}
