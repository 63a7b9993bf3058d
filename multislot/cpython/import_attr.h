#ifndef MULTISLOT_CPYTHON_IMPORT_ATTR_H_
#define MULTISLOT_CPYTHON_IMPORT_ATTR_H_

#include <Python.h>

#include "absl/base/attributes.h"
#include "multislot/cpython/internal/python_abi.h"

namespace multislot {
namespace cpython {
inline namespace MULTISLOT_PYTHON_ABI {

// A make() for HandleCache::get_or_create() that imports a module and gets one
// of its attributes.
//
// Example (examples/snippets/adapter_headers.cc [handle_cache]):
//
//   PyObject* Decimal() {  // borrowed; null with a Python error set
//     static const HandleCache<> cache;
//     return cache.get_or_create(ImportAttr("decimal", "Decimal"));
//   }
//
// Ownership: it returns a new reference. Both names are C strings that must
// outlive the call.
// Errors: null, with the Python error set, if the module cannot be imported or
// lacks the attribute.
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
