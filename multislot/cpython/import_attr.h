#ifndef MULTISLOT_CPYTHON_IMPORT_ATTR_H_
#define MULTISLOT_CPYTHON_IMPORT_ATTR_H_

#include <Python.h>

#include "absl/base/attributes.h"
#include "multislot/cpython/internal/python_abi.h"

namespace multislot {
namespace cpython {
inline namespace MULTISLOT_PYTHON_ABI {

//   // ImportAttr gives a new reference, get_or_create() a borrowed one.
//   PyObject* decimal = cache.get_or_create(ImportAttr("decimal", "Decimal"));
//   if (decimal == nullptr) return nullptr;  // the Python error is set
//
// For HandleCache::get_or_create(): imports the module and gets its attribute,
// a new reference. Both names are C strings that outlive the call. If either
// cannot be had, the call returns null with the Python error set.
[[nodiscard]] inline auto ImportAttr(
    const char* module ABSL_ATTRIBUTE_LIFETIME_BOUND,
    const char* attribute ABSL_ATTRIBUTE_LIFETIME_BOUND) {
  return [module, attribute]() -> PyObject* {
    PyObject* imported = PyImport_ImportModule(module);
    if (imported == nullptr) return nullptr;
    PyObject* value = PyObject_GetAttrString(imported, attribute);
    Py_DecRef(imported);
    return value;
  };
}

}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_IMPORT_ATTR_H_
