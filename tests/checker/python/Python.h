// A stand-in for CPython: the functions that the adapter calls, for
// interpreters with a GIL each. Functions that may run Python code release the
// GIL meanwhile.

#ifndef MULTISLOT_TESTS_CHECKER_PYTHON_PYTHON_H_
#define MULTISLOT_TESTS_CHECKER_PYTHON_PYTHON_H_

#include <cstddef>
#include <cstdint>

#define PY_VERSION_HEX 0x030D0000
#define PY_MINOR_VERSION 13

struct _object;
typedef struct _object PyObject;
typedef std::ptrdiff_t Py_ssize_t;
struct PyInterpreterState;
struct PyThreadState {
  PyInterpreterState* interp;
};
typedef PyObject* (*PyCFunction)(PyObject*, PyObject*);
typedef void (*PyCapsule_Destructor)(PyObject*);
typedef int (*Py_AuditHookFunction)(const char*, PyObject*, void*);
struct PyMethodDef {
  const char* name;
  PyCFunction function;
  int flags;
  const char* doc;
};
#define METH_NOARGS 4
#define Py_None (&g_none)
#define Py_RETURN_NONE return Py_NewRef(Py_None)
extern PyObject g_none;
extern PyObject* PyExc_Exception;

PyObject* Py_NewRef(PyObject* object);
void Py_IncRef(PyObject* object);
void Py_DecRef(PyObject* object);

PyThreadState* PyThreadState_GetUnchecked();
int PyThreadState_SetAsyncExc(unsigned long thread, PyObject* error);
unsigned long PyThread_get_thread_ident();
std::int64_t PyInterpreterState_GetID(PyInterpreterState* state);
PyObject* PyInterpreterState_GetDict(PyInterpreterState* state);
PyInterpreterState* PyInterpreterState_Head();
PyInterpreterState* PyInterpreterState_Next(PyInterpreterState* state);

PyObject* PyDict_GetItemWithError(PyObject* dict, PyObject* key);
PyObject* PyObject_CallMethod(PyObject* object, const char* name,
                              const char* format, ...);
PyObject* PyImport_ImportModule(const char* name);
PyObject* PyObject_GetAttrString(PyObject* object, const char* name);
PyObject* PySys_GetObject(const char* name);
int PySys_SetObject(const char* name, PyObject* value);
int PySys_Audit(const char* event, const char* format, ...);
int PySys_AddAuditHook(Py_AuditHookFunction hook, void* data);

PyObject* PyCapsule_New(void* pointer, const char* name,
                        PyCapsule_Destructor destructor);
void* PyCapsule_GetPointer(PyObject* capsule, const char* name);
int PyCapsule_IsValid(PyObject* capsule, const char* name);
void* PyCapsule_GetContext(PyObject* capsule);
int PyCapsule_SetContext(PyObject* capsule, void* context);
int PyCapsule_SetDestructor(PyObject* capsule, PyCapsule_Destructor destructor);
PyObject* PyCFunction_NewEx(PyMethodDef* method, PyObject* self,
                            PyObject* module);
PyObject* PyUnicode_FromFormat(const char* format, ...);
const char* PyUnicode_AsUTF8AndSize(PyObject* text, Py_ssize_t* size);
PyObject* PyTuple_GetItem(PyObject* tuple, Py_ssize_t index);
void* PyLong_AsVoidPtr(PyObject* number);

// No function here ever sets an error.
PyObject* PyErr_Occurred();
PyObject* PyErr_NoMemory();
void PyErr_Clear();
int PyErr_GivenExceptionMatches(PyObject* error, PyObject* of);
PyObject* PyErr_GetRaisedException();
void PyErr_SetRaisedException(PyObject* error);
void PyErr_WriteUnraisable(PyObject* object);
PyObject* PyException_GetContext(PyObject* error);
void PyException_SetContext(PyObject* error, PyObject* context);

#endif  // MULTISLOT_TESTS_CHECKER_PYTHON_PYTHON_H_
