// The same with CallOnceAndStore.

#include <pybind11/pybind11.h>

#include "examples/pybind11_extension/module.h"

// [storage]
#include "multislot/cpython/call_once_and_store.h"

namespace py = pybind11;

template <typename T>
using CallOnceAndStore = multislot::cpython::CallOnceAndStore<T>;

const py::object& Fraction() {
  static CallOnceAndStore<py::object> storage;
  return storage
      .call_once_and_store_result(
          [] { return py::module_::import("fractions").attr("Fraction"); })
      .get_stored();
}
// [end storage]

MULTI_INTERPRETER_MODULE(pybind_after, module) {
  module.def("get", [] { return Fraction(); });
  module.attr("PYBIND11") = PYBIND11_VERSION_MAJOR;
}
