#include "multislot/cpython/internal/record_life.h"

#include <Python.h>

#include <atomic>
#include <cstdint>
#include <new>

#include "multislot/cpython/internal/owned.h"
#include "multislot/cpython/internal/python_abi.h"
#include "multislot/cpython/internal/records.h"
#include "multislot/cpython/internal/saved_error.h"
#include "multislot/internal/interpreter_traits.h"
#include "multislot/internal/registry.h"
#include "multislot/internal/table.h"
#include "multislot/internal/table_fill.h"
#include "multislot/interpreter.h"

// The functions that python_abi.h refers to. One program may have the libraries
// for the full and for the limited API, both of the same kind.
extern "C" {
void MULTISLOT_NEEDS_VERSION(void) {}
#if defined(__GNUC__)
__attribute__((weak))
#endif
void MULTISLOT_NEEDS_KIND(void) {
}
}

namespace multislot {
namespace cpython {
inline namespace MULTISLOT_PYTHON_ABI {
namespace internal {

#if defined(Py_GIL_DISABLED) && !MULTISLOT_PYTHON_LIMITED
inline PyMutex g_dict_mutex = {0};
#endif

namespace {

using multislot::internal::FreeTables;
using multislot::internal::g_register;
using multislot::internal::InterpreterTraits;
using multislot::internal::RegistryLock;
using multislot::internal::Table;

std::uintptr_t AddressOf(PyInterpreterState* state) noexcept {
  return reinterpret_cast<std::uintptr_t>(state);
}

// --- The memory of records ---------------------------------------------------

// Takes the first unused record in the place; null if there is none.
Record* TakeUnused(const std::atomic<Record*>& place) noexcept {
  RegistryLock lock;
  // Relaxed, here and below: the lock orders these with other writers'.
  Record* record = place.load(std::memory_order_relaxed);
  while (record != nullptr && record->stage != Record::kUnused) {
    record = record->next.load(std::memory_order_relaxed);
  }
  if (record != nullptr) {
    record->stage = Record::kNew;
    ++record->life;  // witnesses of the one before count no more
  }
  return record;
}

// A new record in the place. Null without memory.
Record* AddRecord(std::atomic<Record*>& place) noexcept {
  void* memory = ::operator new(sizeof(Record), std::nothrow);
  if (memory == nullptr) return nullptr;
  auto* record = new (memory) Record{
      {kUnproven}, Interpreter(), Record::kNew, 0, 0, {0}, false, {nullptr}};
  RegistryLock lock;
  std::atomic<Record*>* end = &place;
  while (Record* next = end->load(std::memory_order_relaxed)) {
    end = &next->next;
  }
  end->store(record, std::memory_order_release);  // (20)
  return record;
}

// A record for the interpreter, not proven yet. Null without memory.
Record* TakeRecord(PyInterpreterState* state) noexcept {
  std::atomic<Record*>& place = PlaceOf(AddressOf(state));
  Record* record = TakeUnused(place);
  if (record != nullptr) {
    // Pointers to the old Interpreter stay valid for the new one, as long as
    // the class has no const member and no reference (C++17, [basic.life]/8).
    record->interpreter.~Interpreter();
    new (&record->interpreter) Interpreter();
  } else {
    record = AddRecord(place);
    if (record == nullptr) return nullptr;
  }
  record->id = PyInterpreterState_GetID(state);
  RegistryLock lock;
  record->hook_tried = false;
  record->lookups_by_dict.store(0, std::memory_order_relaxed);
  record->address.store(AddressOf(state) + kUnproven,
                        std::memory_order_relaxed);
  // Where there is a record of another interpreter, none is the only one.
  g_records.only.store(nullptr, std::memory_order_relaxed);
  return record;
}

void FreeRecord(Record* record) noexcept {
  RegistryLock lock;
  record->address.store(kUnproven, std::memory_order_relaxed);
  record->stage = Record::kUnused;
}

// --- Proof -------------------------------------------------------------------

bool BeginProof(Record* record) noexcept {
  RegistryLock lock;
  if (record->stage != Record::kNew) return false;
  record->stage = Record::kProving;
  return true;
}

// Unless the proof has ended already.
void FinishProof(Record* record, bool proven) noexcept {
  RegistryLock lock;
  if (record->stage != Record::kProving) return;
  record->stage = proven ? Record::kProven : Record::kNew;
  if (!proven) return;
  const std::uintptr_t address =
      record->address.load(std::memory_order_relaxed) - kUnproven;
  record->address.store(address, std::memory_order_release);  // (18)
}

// Under the RegistryLock.
void EndProof(Record* record, Record::Stage stage) noexcept {
  const std::uintptr_t address =
      record->address.load(std::memory_order_relaxed);
  record->address.store(address | kUnproven, std::memory_order_relaxed);
  record->stage = stage;
  if (g_records.only.load(std::memory_order_relaxed) == record) {
    g_records.only.store(nullptr, std::memory_order_relaxed);
  }
}

// A witness is a capsule that points to a record. It also has the number of the
// record's life, because somebody may keep the capsule for longer than that
// life. As long as the address is proven, the interpreter has two: one in a
// function that is registered with atexit, and one in sys.
constexpr char kWitnessName[] = "multislot.witness";

struct Witness {
  explicit Witness(PyObject* capsule)
      : record(
            static_cast<Record*>(PyCapsule_GetPointer(capsule, kWitnessName))),
        life(reinterpret_cast<std::uintptr_t>(PyCapsule_GetContext(capsule))) {}
  // Under the RegistryLock.
  bool lives() const noexcept {
    return record->stage != Record::kUnused && record->life == life;
  }

  Record* record;
  std::uintptr_t life;
};

// A witness is dropped. That may be the interpreter's end, but need not be: in
// a child of a fork, multiprocessing clears atexit's functions. So another
// proof may follow, unless this one is not finished yet.
void WitnessGoes(PyObject* capsule) {
  const Witness witness(capsule);
  RegistryLock lock;
  if (!witness.lives()) return;
  EndProof(witness.record, witness.record->stage == Record::kProven
                               ? Record::kNew
                               : Record::kUnprovable);
}

// atexit calls it as the interpreter's end begins.
PyObject* InterpreterEnds(PyObject* capsule, PyObject*) {
  const Witness witness(capsule);
  {
    RegistryLock lock;
    if (witness.lives()) EndProof(witness.record, Record::kUnprovable);
  }
  Py_RETURN_NONE;
}

PyMethodDef g_interpreter_ends = {
    "multislot_interpreter_ends", InterpreterEnds, METH_NOARGS,
    "Tells multislot that its caches have to look twice from here on."};

// Null with an error set.
PyObject* NewWitness(Record* record) {
  PyObject* capsule = PyCapsule_New(record, kWitnessName, nullptr);
  if (capsule == nullptr) return nullptr;
  PyCapsule_SetContext(capsule, reinterpret_cast<void*>(record->life));
  PyCapsule_SetDestructor(capsule, WitnessGoes);
  return capsule;
}

// The key for this table's objects in an interpreter. Shared objects with their
// own table have their own key. Null with an error set.
PyObject* NewKey() {
  return PyUnicode_FromFormat("multislot.record.%p", &g_records);
}

bool IsWitnessOf(const Record* record, PyObject* object) {
  if (object == nullptr || !PyCapsule_IsValid(object, kWitnessName)) {
    return false;
  }
  const Witness witness(object);
  return witness.record == record && witness.life == record->life;
}

// The interpreter's end sets all attributes of sys to None, even if somebody
// keeps its dict.
bool AddWitnessToSys(Record* record) {
  PyObject* key = NewKey();
  if (key == nullptr) return false;
  const char* name = PyUnicode_AsUTF8AndSize(key, nullptr);
  bool added = name != nullptr;
  if (added && !IsWitnessOf(record, PySys_GetObject(name))) {
    PyObject* witness = NewWitness(record);
    added = witness != nullptr && PySys_SetObject(name, witness) == 0;
    Py_DecRef(witness);
  }
  Py_DecRef(key);
  return added;
}

// Imports atexit, if need be.
bool AddWitnessToAtExit(Record* record) {
  PyObject* module = PyImport_ImportModule("atexit");
  PyObject* witness = module == nullptr ? nullptr : NewWitness(record);
  PyObject* function =
      witness == nullptr
          ? nullptr
          : PyCFunction_NewEx(&g_interpreter_ends, witness, nullptr);
  PyObject* result =
      function == nullptr
          ? nullptr
          : PyObject_CallMethod(module, "register", "O", function);
  const bool added = result != nullptr;
  // A KeyboardInterrupt, or another exception from outside, is for the caller:
  // it is raised again where Python code runs next.
  PyObject* raised = PyErr_Occurred();  // borrowed
  if (raised != nullptr &&
      !PyErr_GivenExceptionMatches(raised, PyExc_Exception)) {
    PyThreadState_SetAsyncExc(PyThread_get_thread_ident(), raised);
  }
  Py_DecRef(result);
  Py_DecRef(function);
  Py_DecRef(witness);
  Py_DecRef(module);
  return added;
}

// Tries to prove the record's address, at the first lookup and then at each
// whose number is a power of two.
void Prove(Record* record) {
  const std::uint32_t number =
      record->lookups_by_dict.fetch_add(1, std::memory_order_relaxed);
  if ((number & (number - 1)) != 0 || !BeginProof(record)) return;
  FinishProof(record, AddWitnessToSys(record) && AddWitnessToAtExit(record));
  PyErr_Clear();
}

// --- The interpreter's dict --------------------------------------------------

// Whether the interpreter's dict was cleared, or soon will be. CPython sets the
// attributes of sys to None and later drops sys itself.
bool IsPastItsEnd() {
  PyObject* modules = PySys_GetObject("modules");  // borrowed
  return modules == nullptr || modules == Py_None;
}

// The interpreter's dict, or null.
PyObject* DictOf(PyInterpreterState* state) {
#if defined(Py_GIL_DISABLED) && !MULTISLOT_PYTHON_LIMITED
  // The first call for an interpreter makes the dict. CPython (3.13.5) lets two
  // threads each make one; then one dict is lost, with everything in it. A
  // thread that waits for a PyMutex is detached, so it does not hold up a
  // stop-the-world pause.
  PyMutex_Lock(&g_dict_mutex);
  PyObject* dict = PyInterpreterState_GetDict(state);
  PyMutex_Unlock(&g_dict_mutex);
  return dict;
#else
  return PyInterpreterState_GetDict(state);
#endif
}

constexpr char kRecordName[] = "multislot.record";

// The capsule is destroyed: with the interpreter's dict, or because another
// thread's was there first.
void End(PyObject* capsule) {
  auto* record =
      static_cast<Record*>(PyCapsule_GetPointer(capsule, kRecordName));
  {
    RegistryLock lock;
    EndProof(record, Record::kUnprovable);
    // There is no dict any more; asking for it would make one.
    record->address.store(kUnproven, std::memory_order_relaxed);
  }
  Table* tables =
      InterpreterTraits<Interpreter>::RetireAndTakeTables(&record->interpreter);
  // Runs code of others, which finds the interpreter ended.
  Release(tables);
  FreeTables(g_register, tables);
  FreeRecord(record);
}

// A capsule with a new record. Null if that fails, with or without an error
// set.
PyObject* NewCapsule(PyInterpreterState* state) {
  Record* record = TakeRecord(state);
  if (record == nullptr) return nullptr;
  PyObject* capsule = PyCapsule_New(record, kRecordName, End);
  if (capsule == nullptr) {
    record->interpreter.retire();
    FreeRecord(record);
  }
  return capsule;
}

// The capsule in the dict, a new reference. Puts one there if there is none and
// may_be_born is true. Else null, with or without an error set.
PyObject* Anchor(PyInterpreterState* state, bool may_be_born) {
  PyObject* dict = DictOf(state);
  if (dict == nullptr) return nullptr;
  PyObject* key = NewKey();
  if (key == nullptr) return nullptr;
  PyObject* capsule = PyDict_GetItemWithError(dict, key);
  Py_IncRef(capsule);
  if (capsule == nullptr && may_be_born && !PyErr_Occurred()) {
    PyObject* ours = NewCapsule(state);
    if (ours != nullptr) {
      // By its name: PyDict_SetDefault is not in the limited API.
      capsule = PyObject_CallMethod(dict, "setdefault", "OO", key, ours);
      Py_DecRef(ours);
    }
  }
  Py_DecRef(key);
  return capsule;
}

// The record in the capsule, if it is this interpreter's. Somebody may have
// copied the capsule from another interpreter's dict, even that of an ended
// one.
Record* RecordIn(PyObject* capsule, PyInterpreterState* state) {
  auto* record =
      static_cast<Record*>(PyCapsule_GetPointer(capsule, kRecordName));
  if (record == nullptr) return nullptr;  // not our capsule
  const std::uintptr_t address =
      record->address.load(std::memory_order_relaxed) & ~kUnproven;
  return address == AddressOf(state) &&
                 record->id == PyInterpreterState_GetID(state)
             ? record
             : nullptr;
}

}  // namespace

Record* FindRecord(PyInterpreterState* state) {
  if (state == nullptr) return nullptr;
  if (Record* record = FindInPlace(state, 0)) return record;
  SavedError saved_error;
  const bool past_its_end = IsPastItsEnd();
  Record* record = nullptr;
  // Past its end an interpreter may have no dict, and asking for it would make
  // one.
  if (!past_its_end || FindInPlace(state, kUnproven) != nullptr) {
    PyObject* capsule = Anchor(state, !past_its_end);
    if (capsule != nullptr) {
      record = RecordIn(capsule, state);
      Py_DecRef(capsule);
    }
    PyErr_Clear();
    if (record != nullptr && !past_its_end) Prove(record);
  }
  saved_error.Restore();
  return record;
}

}  // namespace internal
}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot
