#ifndef MULTISLOT_CPYTHON_IMPORT_ATTR_H_
#define MULTISLOT_CPYTHON_IMPORT_ATTR_H_

#include <Python.h>

namespace multislot {
namespace cpython {

// For HandleCache::get_or_create(): imports the module and gets its attribute.
// Both names are C strings that outlive the call. If either is not to be had,
// null, with the Python error set that says why.
inline auto ImportAttr(const char* module, const char* attribute) {
  return [module, attribute]() -> PyObject* {
    PyObject* imported = PyImport_ImportModule(module);
    if (imported == nullptr) return nullptr;
    PyObject* value = PyObject_GetAttrString(imported, attribute);
    Py_DECREF(imported);
    return value;
  };
}

}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_IMPORT_ATTR_H_
