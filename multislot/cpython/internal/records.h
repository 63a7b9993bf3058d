#ifndef MULTISLOT_CPYTHON_INTERNAL_RECORDS_H_
#define MULTISLOT_CPYTHON_INTERNAL_RECORDS_H_

// Who is current: asks CPython for the interpreter that this thread is attached
// to, and finds its record by its address, in a table of the process. No
// Python code, no lock and no thread-local variable on the way.

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

// Stands for the layout of what is in it; see internal/registry.h.
inline namespace records_layout_2 {

// What is known of one CPython interpreter. record_life.h says when a record
// is born and when it ends; its memory is then used for another interpreter,
// and is never freed. So there are as many as interpreters were ever alive
// together, and for each place of the table one more at most.
struct Record {
  // The address of the record's interpreter, if the record is proven to be of
  // the interpreter that lives there now. Else kUnproven is added: the record
  // is then found by way of the interpreter's dict only. Without an interpreter
  // it is kUnproven.
  //
  // (18) Stored with release when the record becomes proven; the loads (19)
  // that find it so acquire it, and with it the rest of the record. Other
  // stores are relaxed: they end the proof before the interpreter's memory can
  // be used again, so before any thread attaches to another interpreter there,
  // which would compare with that address.
  std::atomic<std::uintptr_t> address;
  // Made anew for each life.
  Interpreter interpreter;

  // Of record_life.cc, under the RegistryLock:
  enum Stage { kUnused, kNew, kProving, kProven, kUnprovable };
  Stage stage;
  std::uintptr_t life;  // which life of this memory it is
  std::int64_t id;      // CPython's of the interpreter; never changes in a life
  std::atomic<std::uint32_t> lookups_by_dict;  // relaxed: only counted

  bool hook_tried;  // of single_interpreter_fast_path.cc, in this life; under
                    // the lock too

  std::atomic<Record*> next;  // in its place of the table; see there
};

inline constexpr std::uintptr_t kUnproven = 1;  // addresses are even

// A hash table in which a record stays in its place for ever. Constant
// initialised; places that were never used take no memory of their own.
//
// One for whoever shares a cache, as the register is (internal/registry.h): an
// interpreter has one tag and one object there, whichever shared object asks.
inline constexpr std::size_t kPlaces = 512;
struct RecordTable {
  // (20) A record is added at the end of the chain, with release; (21) whoever
  // follows the chain acquires that, and finds it initialised. So those that
  // live longest come first, above all the main interpreter's.
  std::atomic<Record*> places[kPlaces];
  // Of single_interpreter_fast_path.cc, written under the RegistryLock. The
  // record of the process's only interpreter, if it provably is: (22) stored
  // with release, (23) acquired by whoever then uses the record. And the record
  // that would no longer be it if another interpreter were heard of: (24)
  // stored with release, (25) acquired by the audit hook.
  std::atomic<Record*> only;
  std::atomic<Record*> watched;
};
MULTISLOT_SHARED inline RecordTable g_records = {};

}  // namespace records_layout_2

// Where records of an interpreter at this address are. The product's high bits
// depend on all of the address; allocators align interpreters to pages.
inline std::atomic<Record*>& PlaceOf(std::uintptr_t address) noexcept {
  constexpr int kShift = 64 - 9;
  static_assert(kPlaces == std::size_t{1} << (64 - kShift), "");
  return g_records
      .places[(address * std::uint64_t{0x9E3779B97F4A7C15}) >> kShift];
}

// The interpreter that this thread is attached to; null if to none.
inline PyInterpreterState* CurrentState() noexcept {
#if MULTISLOT_PYTHON_LIMITED
  // A call, and CPython ends the process if there is none: the limited API has
  // nothing that would say so.
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

// The record that is proven to be of the interpreter at this address, if it is
// the first one in its place; else null.
inline Record* FindFirst(PyInterpreterState* state) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(state);
  Record* record = PlaceOf(address).load(std::memory_order_acquire);  // (21)
  return ABSL_PREDICT_TRUE(record != nullptr &&
                           record->address.load(std::memory_order_acquire) ==
                               address)  // (19)
             ? record
             : nullptr;
}

// The same for every record in the place. Or, with kUnproven, a record that may
// be of that interpreter, but is not proven to be.
Record* FindInPlace(PyInterpreterState* state,
                    std::uintptr_t unproven) noexcept;

}  // namespace internal
}  // namespace MULTISLOT_PYTHON_ABI
}  // namespace cpython
}  // namespace multislot

#endif  // MULTISLOT_CPYTHON_INTERNAL_RECORDS_H_
