#ifndef MULTISLOT_CPYTHON_INTERNAL_RECORDS_H_
#define MULTISLOT_CPYTHON_INTERNAL_RECORDS_H_

// Finds the current interpreter's record: asks CPython which interpreter this
// thread is attached to, and looks up its address in a process-wide table. Uses
// no Python code, no lock and no thread-local variable.

#include <Python.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/base/optimization.h"
#include "multislot/cpython/internal/python_abi.h"
#include "multislot/internal/shared.h"
#include "multislot/interpreter.h"

namespace multislot {
namespace cpython {
inline namespace MULTISLOT_PYTHON_ABI {
namespace internal {

// Stands for the layout, as the namespace in internal/registry.h does.
inline namespace records_layout_3 {

// What the adapter knows of one CPython interpreter. record_life.h says when a
// record is born and when it ends. Its memory is then reused for another
// interpreter, and never freed. So there are no more records than interpreters
// were ever alive at the same time, plus at most one for each place of the
// table.
struct Record {
  // The address of the record's interpreter, if the record is proven to belong
  // to the interpreter that lives there now. Otherwise kUnproven is added, and
  // only the interpreter's dict leads to the record. Without an interpreter it
  // is kUnproven.
  //
  // (18) Stored with release when the record becomes proven; the loads (19)
  // that find it acquire the rest of the record. Other stores are relaxed: they
  // end the proof before the interpreter's memory can be used again. So they
  // come before any thread attaches to another interpreter there and compares
  // its address.
  std::atomic<std::uintptr_t> address;
  // Made anew for each life.
  Interpreter interpreter;

  // For record_life.cc, under the RegistryLock:
  enum Stage { kUnused, kNew, kProving, kProven, kUnprovable };
  Stage stage;
  std::uintptr_t life;  // which life of this memory it is
  std::int64_t id;      // CPython's of the interpreter; never changes in a life
  std::atomic<std::uint32_t> lookups_by_dict;  // relaxed: only counted

  bool hook_tried;  // for single_interpreter_fast_path.cc, in this life; under
                    // the lock too

  std::atomic<Record*> next;  // in its place of the table; see there
};

inline constexpr std::uintptr_t kUnproven = 1;  // addresses are even

// A hash table in which a record stays in its place for ever.
// Constant-initialised; places that were never used take no memory of their
// own.
//
// Shared objects that share a cache share this table, as they share the
// register (internal/registry.h). So all of them find one tag and one object
// for an interpreter.
inline constexpr std::size_t kPlaces = 512;
struct RecordTable {
  // (20) A record is added at the end of the chain, with release; (21) a reader
  // follows the chain with acquire, and sees it initialised. Records of
  // long-lived interpreters, above all the main one, come first.
  std::atomic<Record*> places[kPlaces];
  // For single_interpreter_fast_path.cc, written under the RegistryLock.
  // `only`: the record of the process's provably only interpreter; (22) stored
  // with release, (23) loaded with acquire before the record is used.
  // `watched`: the record for which the audit hook looks for other
  // interpreters; (24) stored with release, (25) loaded with acquire by the
  // hook. Whoever finds that none is watched any more sees that `only` is null:
  // (36) is a release store too.
  std::atomic<Record*> only;
  std::atomic<Record*> watched;
  std::uint64_t attempts;  // how often `watched` was set; under the lock
};
MULTISLOT_SHARED inline RecordTable g_records = {};

}  // namespace records_layout_3

// The place for records of interpreters at this address. The product's high
// bits depend on all bits of the address; the address's low bits are alike,
// because allocators align interpreters to pages.
inline std::atomic<Record*>& PlaceOf(std::uintptr_t address) noexcept {
  constexpr int kShift = 64 - 9;
  static_assert(kPlaces == std::size_t{1} << (64 - kShift), "");
  return g_records
      .places[(address * std::uint64_t{0x9E3779B97F4A7C15}) >> kShift];
}

// The interpreter that this thread is attached to, or null.
inline PyInterpreterState* CurrentState() noexcept {
#if MULTISLOT_PYTHON_LIMITED
  // A call. CPython ends the process if there is no thread state; the limited
  // API has no function that checks for one.
  return PyInterpreterState_Get();
#elif PY_VERSION_HEX >= 0x030D0000
  PyThreadState* thread = PyThreadState_GetUnchecked();
  return thread == nullptr ? nullptr : thread->interp;
#else
  // Private until 3.13, which made it public under the name above.
  PyThreadState* thread = _PyThreadState_UncheckedGet();
  return thread == nullptr ? nullptr : thread->interp;
#endif
}

// The proven record of the interpreter at this address, if it is the first one
// in its place; else null.
inline Record* FindFirst(PyInterpreterState* state) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(state);
  Record* record = PlaceOf(address).load(std::memory_order_acquire);  // (21)
  return ABSL_PREDICT_TRUE(record != nullptr &&
                           record->address.load(std::memory_order_acquire) ==
                               address)  // (19)
             ? record
             : nullptr;
}

// The same for every record in the place. With kUnproven: a record that may
// belong to that interpreter, but is not proven to.
Record* FindInPlace(PyInterpreterState* state,
                    std::uintptr_t unproven) noexcept;

}  // namespace internal
}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_INTERNAL_RECORDS_H_
