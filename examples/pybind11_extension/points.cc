// An extension with pybind11. Each interpreter has its own classes: a named
// tuple, an enum and an exception.
//
//   >>> import points
//   >>> points.mirror(points.Point(2, 4), points.Axis.X)
//   Point(x=2.0, y=-4.0)

#include <pybind11/pybind11.h>

#include <exception>
#include <stdexcept>

#include "examples/pybind11_extension/module.h"
#include "multislot/cpython/call_once_and_store.h"
#include "multislot/cpython/per_interpreter.h"

namespace py = pybind11;

namespace {

// These would be global variables if there were one interpreter.
struct Classes {
  py::object point;
  py::object axis;
  py::object x_axis;
  py::object error;
};

Classes MakeClasses() {
  Classes made;
  made.point =
      py::module_::import("collections").attr("namedtuple")("Point", "x y");
  made.axis = py::module_::import("enum").attr("Enum")("Axis", "X Y");
  for (const py::object& type : {made.point, made.axis}) {
    type.attr("__module__") = "points";
  }
  made.x_axis = made.axis.attr("X");
  made.error = py::reinterpret_steal<py::object>(
      PyErr_NewException("points.PointError", PyExc_ValueError, nullptr));
  if (!made.error) throw py::error_already_set();
  return made;
}

// This interpreter's. pybind11's exceptions pass through.
const Classes& GetClasses() {
  static const multislot::cpython::PerInterpreter<Classes> classes;
  const Classes* found = classes.get_or_create(MakeClasses);
  if (found == nullptr) throw py::error_already_set();  // no memory
  return *found;
}

// One object, as in code for pybind11 3: there the first type would be
// py::gil_safe_call_once_and_store.
const py::object& Hypot() {
  static multislot::cpython::CallOnceAndStore<py::object> storage;
  return storage
      .call_once_and_store_result(
          [] { return py::module_::import("math").attr("hypot"); })
      .get_stored();
}

// In Python, this interpreter's PointError. (py::register_exception would have
// one class for all of them.)
struct PointError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void Translate(std::exception_ptr thrown) {
  try {
    if (thrown) std::rethrow_exception(thrown);
  } catch (const PointError& error) {
    PyErr_SetString(GetClasses().error.ptr(), error.what());
  }
}

py::object Mirror(const py::tuple& point, const py::object& axis) {
  const Classes& classes = GetClasses();
  if (point.size() != 2) throw PointError("a point has two coordinates");
  if (!py::isinstance(axis, classes.axis)) throw PointError("not an Axis");
  const double x = point[0].cast<double>();
  const double y = point[1].cast<double>();
  return axis.is(classes.x_axis) ? classes.point(x, -y) : classes.point(-x, y);
}

py::object Distance(const py::tuple& point) {
  if (point.size() != 2) throw PointError("a point has two coordinates");
  return Hypot()(point[0], point[1]);
}

}  // namespace

MULTI_INTERPRETER_MODULE(points, module) {
  const Classes& classes = GetClasses();
  module.attr("Point") = classes.point;
  module.attr("Axis") = classes.axis;
  module.attr("PointError") = classes.error;
  module.attr("PYBIND11") = PYBIND11_VERSION_MAJOR;
  py::register_exception_translator(Translate);
  module.def("mirror", Mirror, "The Point on the other side of the Axis.");
  module.def("distance", Distance, "How far the Point is from the origin.");
}
