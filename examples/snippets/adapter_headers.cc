// The examples in the headers of multislot/cpython/.

#include <Python.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/import_attr.h"
#include "multislot/cpython/per_interpreter.h"
#include "multislot/cpython/single_interpreter_fast_path.h"
#include "tests/cpython/embedded.h"

namespace {

using multislot::SideTable;
using multislot::cpython::CurrentInterpreter;
using multislot::cpython::HandleCache;
using multislot::cpython::ImportAttr;
using multislot::cpython::PerInterpreter;
using multislot::cpython::SingleInterpreterFastPath;

// [handle_cache]
PyObject* Decimal() {  // borrowed; null with a Python error set
  static const HandleCache<> cache;
  return cache.get_or_create(ImportAttr("decimal", "Decimal"));
}
// [end handle_cache]

// [per_interpreter]
struct Types {
  PyObject* decimal = nullptr;
  PyObject* fraction = nullptr;
  ~Types() {
    Py_XDECREF(decimal);
    Py_XDECREF(fraction);
  }
};

std::unique_ptr<Types> MakeTypes() {
  auto types = std::make_unique<Types>();
  types->decimal = ImportAttr("decimal", "Decimal")();
  if (types->decimal == nullptr) return nullptr;
  types->fraction = ImportAttr("fractions", "Fraction")();
  if (types->fraction == nullptr) return nullptr;
  return types;
}

const Types* GetTypes() {  // null with a Python error set
  static const PerInterpreter<Types> cache;
  return cache.get_or_create(MakeTypes);
}
// [end per_interpreter]

// [current_interpreter]
struct ModuleState {
  multislot::Interpreter* interpreter;
};

// The module's Py_mod_exec slot, which runs once in each interpreter.
int Exec(PyObject* module) {
  auto* state = static_cast<ModuleState*>(PyModule_GetState(module));
  state->interpreter = CurrentInterpreter();
  return 0;
}

PyObject* DecimalOf(const ModuleState& state) {
  static const HandleCache<> cache;
  return cache.get_or_create(state.interpreter,
                             ImportAttr("decimal", "Decimal"));
}
// [end current_interpreter]

// [fast_path]
const HandleCache<SideTable, SingleInterpreterFastPath> g_decimal;

// The module's Py_mod_exec slot, which runs once in each interpreter.
int ExecWithFastPath(PyObject*) {
  SingleInterpreterFastPath::Enable();
  return 0;
}

PyObject* DecimalByFastPath() {
  return g_decimal.get_or_create(ImportAttr("decimal", "Decimal"));
}
// [end fast_path]

void Check(bool good, const char* what) {
  if (good) return;
  if (PyErr_Occurred() != nullptr) PyErr_Print();
  std::fprintf(stderr, "not so: %s\n", what);
  std::exit(1);
}

// In the current interpreter, whose Fraction is returned. (Decimal may be one
// class for all interpreters: before 3.12 it has static storage.)
PyObject* CheckAll(PyObject* of_another) {
  PyObject* decimal = Decimal();
  Check(decimal != nullptr && decimal == Decimal(), "HandleCache");

  const Types* types = GetTypes();
  Check(types != nullptr && types == GetTypes(), "PerInterpreter");
  Check(types->decimal == decimal, "the same class");
  Check(types->fraction != of_another, "an object for each interpreter");

  // Static: a free-threaded CPython frees modules later.
  static PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                                   "module",
                                   nullptr,
                                   sizeof(ModuleState),
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   nullptr};
  PyObject* module = PyModule_Create(&definition);
  Check(module != nullptr && Exec(module) == 0, "Exec");
  const auto* state = static_cast<ModuleState*>(PyModule_GetState(module));
  Check(DecimalOf(*state) == decimal, "by the module's state");
  Py_DECREF(module);

  Check(ExecWithFastPath(nullptr) == 0, "ExecWithFastPath");
  Check(DecimalByFastPath() == decimal, "by the fast path");
  return types->fraction;
}

}  // namespace

int main() {
  const multislot::cpython::Runtime runtime;
  PyObject* in_main = CheckAll(nullptr);
  PyThreadState* main = PyThreadState_Get();
  PyThreadState* sub = Py_NewInterpreter();
  Check(sub != nullptr, "a sub-interpreter");
  CheckAll(in_main);
  Py_EndInterpreter(sub);
  PyThreadState_Swap(main);
  Check(CheckAll(nullptr) == in_main, "the main interpreter's, again");
}
