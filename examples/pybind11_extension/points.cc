// An extension on pybind11 whose functions return a named tuple, a class that
// each interpreter has to have made for itself.
//
//   >>> import points
//   >>> points.midpoint(points.Point(0, 0), points.Point(2, 4))
//   Point(x=1.0, y=2.0)

#include <pybind11/pybind11.h>

#include "examples/pybind11_extension/module.h"
#include "multislot/cpython/handle_cache.h"

namespace py = pybind11;

namespace {

// The class. pybind11's exceptions pass through the cache.
py::handle Point() {
  static const multislot::cpython::HandleCache<> cache;
  return cache.get_or_create([] {
    py::object point =
        py::module_::import("collections").attr("namedtuple")("Point", "x y");
    point.attr("__module__") = "points";
    return point.release().ptr();
  });
}

py::object Midpoint(const py::tuple& from, const py::tuple& to) {
  if (from.size() != 2 || to.size() != 2) {
    throw py::value_error("a point has two coordinates");
  }
  const auto middle = [&](std::size_t i) {
    return (from[i].cast<double>() + to[i].cast<double>()) / 2;
  };
  return Point()(middle(0), middle(1));
}

}  // namespace

MULTI_INTERPRETER_MODULE(points, module) {
  module.attr("Point") = Point();
  module.def("midpoint", Midpoint, "The Point halfway between two.");
}
