#ifndef BENCHMARKS_ADAPTER_PEERS_H_
#define BENCHMARKS_ADAPTER_PEERS_H_

#include <Python.h>

#include "multislot/interpreter.h"

// Ways for an extension to get its interpreter's own object, here math.sqrt:
// multislot and its alternatives. Each function returns a borrowed reference or
// something similar.

namespace benchmarks {

// An extension's module in the current interpreter, with module state and its
// own type.
class Module {
 public:
  Module();
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  PyObject* module() const { return module_; }
  PyTypeObject* type() const { return type_; }
  multislot::Interpreter* interpreter() const { return interpreter_; }

 private:
  PyObject* module_;
  PyTypeObject* type_;
  multislot::Interpreter* interpreter_;
};

using Peer = void* (*)(const Module&);

// Only asks CPython for the current interpreter.
void* Floor(const Module&);

// HandleCache<SideTable>, the default: by itself, with
// SingleInterpreterFastPath, and with the interpreter given.
void* GetOrCreate(const Module&);
void* GetOrCreateIfSeveral(const Module&);
void* GetOrCreateGiven(const Module&);

// HandleCache<FixedSlots<8>>, for an interpreter that has a slot, and for one
// without because eight others have taken all.
void* GetOrCreateFixed(const Module&);
void* NoSlot(const Module&);

// PerInterpreter<T> for a struct that contains the object; CallOnceAndStore,
// which has pybind11's member functions.
void* PerInterpreterValue(const Module&);
void* CallOnceStored(const Module&);

// Imports the module and gets the attribute each time.
void* Import(const Module&);

// A dict lookup in PyInterpreterState_GetDict, with a key that is made once.
void* InterpreterDict(const Module&);

// The module's state, for code that has the module, such as its methods.
void* ModuleState(const Module&);

// The module's state, for code that has an object of one of the module's types.
// It has to find the module first: by PyType_GetModuleByDef, or before CPython
// 3.11 by PyType_GetModule, which does not work for a subclass.
void* ModuleStateByType(const Module&);

// An array indexed by interpreter id, as in generated code.
void* IdArray(const Module&);

#if __has_include(<pybind11/gil_safe_call_once.h>)
// pybind11's gil_safe_call_once_and_store::get_stored(). pybind11 2.10 does not
// have it.
void* PybindStored(const Module&);
#endif

// pybind11's version; null if pybind11 is not measured.
const char* PybindVersion();

struct NamedPeer {
  const char* name;
  Peer peer;
};

constexpr NamedPeer kPeers[] = {
    {"floor", Floor},
    {"get_or_create", GetOrCreate},
    {"get_or_create_if_several", GetOrCreateIfSeveral},
    {"get_or_create_given", GetOrCreateGiven},
    {"get_or_create_fixed", GetOrCreateFixed},
    {"no_slot", NoSlot},
    {"per_interpreter", PerInterpreterValue},
    {"call_once_and_store", CallOnceStored},
    {"import", Import},
    {"interpreter_dict", InterpreterDict},
    {"module_state", ModuleState},
    {"module_state_by_type", ModuleStateByType},
    {"id_array", IdArray},
#if __has_include(<pybind11/gil_safe_call_once.h>)
    {"pybind11_call_once", PybindStored},
#endif
};

}  // namespace benchmarks

#endif  // BENCHMARKS_ADAPTER_PEERS_H_
