// An object in pybind11's gil_safe_call_once_and_store.

#include <pybind11/pybind11.h>

#include "examples/pybind11_extension/module.h"

#if __has_include(<pybind11/gil_safe_call_once.h>)  // pybind11 2.12 and newer

// [storage]
#include <pybind11/gil_safe_call_once.h>

namespace py = pybind11;

const py::object& Fraction() {
  PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<py::object>
      storage;
  return storage
      .call_once_and_store_result(
          [] { return py::module_::import("fractions").attr("Fraction"); })
      .get_stored();
}
// [end storage]

#else  // what pybind11 2.10's users had: never destroyed

namespace py = pybind11;

const py::object& Fraction() {
  static const auto* fraction =
      new py::object(py::module_::import("fractions").attr("Fraction"));
  return *fraction;
}

#endif

MULTI_INTERPRETER_MODULE(pybind_before, module) {
  module.def("get", [] { return Fraction(); });
  module.attr("PYBIND11") = PYBIND11_VERSION_MAJOR;
}
