#include "benchmarks/adapter_peers.h"

#include <Python.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

#include "multislot/cpython/call_once_and_store.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/import_attr.h"
#include "multislot/cpython/per_interpreter.h"
#include "multislot/cpython/single_interpreter_fast_path.h"
#include "multislot/fixed_slots.h"
#include "multislot/side_table.h"

#if __has_include(<pybind11/gil_safe_call_once.h>)
#include <pybind11/gil_safe_call_once.h>
#include <pybind11/pybind11.h>
#endif

namespace benchmarks {
namespace {

using multislot::FixedSlots;
using multislot::SideTable;
using multislot::cpython::CallOnceAndStore;
using multislot::cpython::CurrentInterpreter;
using multislot::cpython::HandleCache;
using multislot::cpython::ImportAttr;
using multislot::cpython::PerInterpreter;
using multislot::cpython::SingleInterpreterFastPath;

template <typename T>
T* OrDie(T* pointer) {
  if (pointer != nullptr) return pointer;
  PyErr_Print();
  std::abort();
}

PyObject* Make() { return OrDie(ImportAttr("math", "sqrt")()); }

struct State {
  PyObject* object;
};

PyModuleDef g_def = {
    PyModuleDef_HEAD_INIT,
    "peer",
    nullptr,
    sizeof(State),
    nullptr,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
};

State* StateOf(PyObject* module) {
  return static_cast<State*>(PyModule_GetState(module));
}

PyObject* ObjectOf(PyObject* module) {
  State* state = StateOf(module);
  if (state->object == nullptr) state->object = Make();
  return state->object;
}

}  // namespace

Module::Module()
    : module_(OrDie(PyModule_Create(&g_def))),
      interpreter_(CurrentInterpreter()) {
#if defined(PYBIND11_VERSION_MAJOR) && PYBIND11_VERSION_MAJOR >= 3
  pybind11::detail::ensure_internals();  // as PYBIND11_MODULE does
#endif
  PyType_Slot slots[] = {{0, nullptr}};
  PyType_Spec spec = {"peer.Type", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT,
                      slots};
  type_ = reinterpret_cast<PyTypeObject*>(
      OrDie(PyType_FromModuleAndSpec(module_, &spec, nullptr)));
}

Module::~Module() {
  Py_DECREF(type_);
  Py_XDECREF(StateOf(module_)->object);
  Py_DECREF(module_);
}

void* Floor(const Module&) {
  return multislot::cpython::internal::CurrentState();
}

void* GetOrCreate(const Module&) {
  static const HandleCache<SideTable> cache;
  return cache.get_or_create(Make);
}

void* GetOrCreateIfSeveral(const Module&) {
  static const HandleCache<SideTable, SingleInterpreterFastPath> cache;
  return cache.get_or_create(Make);
}

void* GetOrCreateGiven(const Module& module) {
  static const HandleCache<SideTable> cache;
  return cache.get_or_create(module.interpreter(), Make);
}

void* GetOrCreateFixed(const Module&) {
  static const HandleCache<FixedSlots<8>> cache;
  return cache.get_or_create(Make);
}

void* NoSlot(const Module&) {
  static const HandleCache<FixedSlots<8>> cache;
  return cache.get_or_create(Make);
}

void* PerInterpreterValue(const Module&) {
  static const PerInterpreter<State> states;
  return states.get_or_create([] { return State{Make()}; })->object;
}

void* CallOnceStored(const Module&) {
  static CallOnceAndStore<State> storage;
  return storage.call_once_and_store_result([] { return State{Make()}; })
      .get_stored()
      .object;
}

void* Import(const Module&) {
  PyObject* object = Make();
  Py_DECREF(object);
  return object;
}

void* InterpreterDict(const Module&) {
  // A str, which other interpreters may read as long as it lives.
  static PyObject* const key = PyUnicode_InternFromString("peer.object");
  PyObject* dict = PyInterpreterState_GetDict(PyInterpreterState_Get());
  PyObject* object = PyDict_GetItemWithError(dict, key);
  if (object == nullptr) {
    object = Make();
    PyDict_SetItem(dict, key, object);
    Py_DECREF(object);
  }
  return object;
}

void* ModuleState(const Module& module) { return ObjectOf(module.module()); }

void* ModuleStateByType(const Module& module) {
#if PY_VERSION_HEX >= 0x030B0000
  return ObjectOf(PyType_GetModuleByDef(module.type(), &g_def));
#else
  return ObjectOf(PyType_GetModule(module.type()));
#endif
}

void* IdArray(const Module&) {
  constexpr std::int64_t kIds = 65536;
  static std::atomic<PyObject*> objects[kIds] = {};
  const std::int64_t id = PyInterpreterState_GetID(PyInterpreterState_Get());
  if (id >= kIds) std::abort();
  PyObject* object = objects[id].load(std::memory_order_acquire);
  if (object == nullptr) {
    object = Make();
    objects[id].store(object, std::memory_order_release);
  }
  return object;
}

#if __has_include(<pybind11/gil_safe_call_once.h>)

void* PybindStored(const Module&) {
  PYBIND11_CONSTINIT static pybind11::gil_safe_call_once_and_store<
      pybind11::object>
      storage;
  return storage
      .call_once_and_store_result(
          [] { return pybind11::reinterpret_steal<pybind11::object>(Make()); })
      .get_stored()
      .ptr();
}

const char* PybindVersion() {
  return PYBIND11_TOSTRING(PYBIND11_VERSION_MAJOR) "." PYBIND11_TOSTRING(
      PYBIND11_VERSION_MINOR);
}

#else

const char* PybindVersion() { return nullptr; }

#endif

}  // namespace benchmarks
