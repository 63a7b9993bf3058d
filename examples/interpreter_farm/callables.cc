#include "examples/interpreter_farm/callables.h"

// Python.h wants to be first, after the header of this file.
#include <Python.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "examples/interpreter_farm/operators.h"

namespace interpreter_farm {
namespace {

// Those that interpreters with their own GILs can import and that leave such an
// interpreter in peace when it ends. Not decimal, nor fractions and statistics
// which import it: 3.12.1's frees memory twice.
constexpr const char* kModules[] = {
    "base64",      "binascii", "bisect",    "builtins", "cmath",    "codecs",
    "collections", "copy",     "functools", "heapq",    "io",       "itertools",
    "json",        "keyword",  "math",      "operator", "os",       "posixpath",
    "random",      "re",       "string",    "struct",   "textwrap", "time",
    "types",       "weakref",
};

// Whether this attribute, found in its module's dictionary, is one of the kind
// wanted.
bool IsStableCallable(PyObject* module, PyObject* name, PyObject* value) {
  if (!PyUnicode_Check(name) || !PyCallable_Check(value)) return false;
  if (PyUnicode_GetLength(name) < 1 || PyUnicode_ReadChar(name, 0) == '_') {
    return false;
  }
  PyObject* const got = PyObject_GetAttr(module, name);
  PyErr_Clear();
  Py_XDECREF(got);
  return got == value;  // compared, not looked into
}

}  // namespace

absl::StatusOr<std::vector<Callable>> ListCallables() {
  std::vector<Callable> callables;
  for (const char* module_name : kModules) {
    PyObject* const module = PyImport_ImportModule(module_name);
    if (module == nullptr) {
      PyErr_Clear();
      return absl::NotFoundError(
          absl::StrCat("Python has no module ", module_name));
    }
    PyObject *name, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(PyModule_GetDict(module), &position, &name, &value)) {
      if (IsStableCallable(module, name, value)) {
        callables.push_back({module_name, PyUnicode_AsUTF8(name)});
      }
    }
    Py_DECREF(module);
  }
  std::sort(callables.begin(), callables.end(),
            [](const Callable& a, const Callable& b) {
              return std::tie(a.module, a.name) < std::tie(b.module, b.name);
            });
  return callables;
}

PyObject* GetCallable(const Callable& callable) {
  PyObject* const module = PyImport_ImportModule(callable.module.c_str());
  if (module == nullptr) {
    PyErr_Clear();
    return nullptr;
  }
  PyObject* const object =
      PyObject_GetAttrString(module, callable.name.c_str());
  Py_DECREF(module);
  if (object == nullptr) {
    PyErr_Clear();
    return nullptr;
  }
  // The module keeps it alive, and sys.modules the module.
  Py_DECREF(object);
  return object;
}

}  // namespace interpreter_farm
