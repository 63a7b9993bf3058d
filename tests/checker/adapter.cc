// The adapter's records, table and caches for C under the checker, on the
// CPython of python/Python.h. Each scenario attaches its threads and ends its
// interpreters itself.

#include <Python.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/internal/owning_cache.h"
#include "multislot/cpython/internal/records.h"
#include "multislot/cpython/multislot.h"
#include "multislot/cpython/single_interpreter_fast_path.h"
#include "multislot/side_table.h"
#include "tests/checker/model.h"
#include "tests/checker/python/interpreters.h"
#include "tests/checker/scenarios.h"
#include "tests/checker/world.h"

namespace multislot {
namespace checker {
namespace {

using cpython::AskCPython;
using cpython::SingleInterpreterFastPath;
using cpython::internal::FindInPlace;
using cpython::internal::g_records;
using cpython::internal::PlaceOf;
using cpython::internal::Record;

// Like HandleCache's, which also saves a pending error. Here no error is ever
// pending.
struct Kind {
  template <typename Make>
  static PyObject* Create(Make&& make) {
    return make();
  }
};
template <typename Current = AskCPython>
using Cache = cpython::internal::OwningCache<Kind, SideTable, Current>;

// Frees the previous run's records; their interpreters have ended.
void ForgetRecords() {
  for (auto& place : g_records.places) {
    Record* record = place.load(std::memory_order_relaxed);
    while (record != nullptr) {
      Record* next = record->next.load(std::memory_order_relaxed);
      ::operator delete(record);
      record = next;
    }
    place.store(nullptr, std::memory_order_relaxed);
  }
  g_records.only.store(nullptr, std::memory_order_relaxed);
  g_records.watched.store(nullptr, std::memory_order_relaxed);
}

// Two addresses with the same place in the table.
struct Addresses {
  Addresses() : first(Address(0)), second(nullptr) {
    for (std::size_t i = 1; i < kAddresses && second == nullptr; ++i) {
      if (&Place(Address(i)) == &Place(first)) second = Address(i);
    }
  }
  static std::atomic<Record*>& Place(PyInterpreterState* state) {
    return PlaceOf(reinterpret_cast<std::uintptr_t>(state));
  }

  PyInterpreterState* first;
  PyInterpreterState* second;
};

PyObject* Make() {
  PyObject* object = NewObject();
  RunPython();
  return object;
}

template <typename Current = AskCPython>
struct Python {
  Python() {
    RestartPython();
    ForgetRecords();
    RestoreRegister();
    static const Addresses addresses;
    first = addresses.first;
    second = addresses.second;
  }

  void New(PyInterpreterState* where) {
    NewInterpreter(where);
    Detach();
  }

  PyObject* LookUp() {
    PyObject* object = cache.GetOrCreate(Make);
    Expect(object != nullptr, "no object");
    if (object != nullptr) {
      Expect(MadeIn(object) == CurrentId(), "another interpreter's object");
    }
    return object;
  }
  // Does nothing if no interpreter lives at that address.
  void LookUpAt(PyInterpreterState* where) {
    if (!Attach(where)) return;
    LookUp();
    Detach();
  }
  // The same without making an object.
  Interpreter* FindAt(PyInterpreterState* where) {
    if (!Attach(where)) return nullptr;
    Interpreter* current = cpython::CurrentInterpreter();
    Expect(current != nullptr && !current->retired(), "no interpreter");
    Expect(cpython::CurrentInterpreter() == current, "it changes");
    Detach();
    return current;
  }
  void EndAt(PyInterpreterState* where) {
    if (Attach(where) && !EndInterpreter()) Detach();
  }

  PyInterpreterState* first;
  PyInterpreterState* second;
  Cache<Current> cache;
  multislot_cache cache_of_c;
  PyObject* objects[2] = {};
  Interpreter* found[4] = {};
};

Run TwoThreadsOfOne() {
  auto* python = NewWorld<Python<>>();
  python->New(python->first);
  const auto look_up = [=](int i) {
    Attach(python->first);
    python->objects[i] = python->LookUp();
    Detach();
  };
  return {{[=] { look_up(0); }, [=] { look_up(1); }}, [=] {
            Expect(python->objects[0] == python->objects[1],
                   "two threads of an interpreter have different objects");
            Expect(LiveObjects() == 1, "an object is not released");
            python->EndAt(python->first);
            Expect(LiveObjects() == 0, "an object outlives its interpreter");
          }};
}

// Both records go into the same place of the table, at the same time.
Run TwoInterpreters() {
  auto* python = NewWorld<Python<>>();
  python->New(python->first);
  python->New(python->second);
  const auto find = [=](int i, PyInterpreterState* where) {
    python->found[i] = python->FindAt(where);
  };
  return {{
              [=] { find(0, python->first); },
              [=] { find(1, python->second); },
          },
          [=] {
            Expect(python->found[0] != python->found[1], "one for both");
            find(2, python->first);
            find(3, python->second);
            Expect(python->found[0] == python->found[2] &&
                       python->found[1] == python->found[3] &&
                       FindInPlace(python->first, 0) != nullptr &&
                       FindInPlace(python->second, 0) != nullptr,
                   "a record is lost");
          }};
}

// An interpreter ends, and the next one takes its address. Another thread knows
// only the address and looks up in whichever interpreter is there.
Run AnAddressIsUsedAgain() {
  auto* python = NewWorld<Python<>>();
  python->New(python->first);
  python->LookUpAt(python->first);
  return {{
              [=] { python->LookUpAt(python->first); },
              [=] {
                python->EndAt(python->first);
                python->New(python->first);
                python->LookUpAt(python->first);
              },
          },
          [=] {
            python->EndAt(python->first);
            Expect(LiveObjects() == 0, "an object outlives its interpreter");
          }};
}

// The same, but something of the first interpreter was kept. It is dropped
// while the second one is in use.
Run SomethingIsKept(Keeps keeps) {
  auto* python = NewWorld<Python<>>();
  python->New(python->first);
  python->LookUpAt(python->first);
  Attach(python->first);
  EndInterpreter(keeps);
  return {{
              DropWhatWasKept,
              [=] {
                python->New(python->first);
                python->LookUpAt(python->first);
              },
          },
          [=] {
            Expect(FindInPlace(python->first, 0) != nullptr,
                   "what was kept of the first one made the second one slow");
            python->LookUpAt(python->first);
            Expect(LiveObjects() == 1,
                   "the live interpreter does not have exactly one object");
            python->EndAt(python->first);
            Expect(LiveObjects() == 0, "an object outlives its interpreter");
          }};
}
Run TheDictIsKept() { return SomethingIsKept(Keeps::kDict); }
Run WitnessesAreKept() { return SomethingIsKept(Keeps::kDictAndWitnesses); }

// While a thread goes past the first record in a place, that record goes to
// another interpreter.
Run GoesPastARecordThatIsUsedAgain() {
  auto* python = NewWorld<Python<>>();
  python->New(python->first);
  python->LookUpAt(python->first);
  python->New(python->second);
  python->LookUpAt(python->second);
  return {{
              [=] { python->LookUpAt(python->second); },
              [=] {
                python->EndAt(python->first);
                python->New(python->first);
                python->LookUpAt(python->first);
              },
          },
          [=] {
            Expect(LiveObjects() == 2,
                   "the interpreters do not have one object each");
          }};
}

// The first record in a place ends while another is added behind it.
Run ARecordIsAddedWhileOneEnds() {
  auto* python = NewWorld<Python<>>();
  python->New(python->first);
  python->LookUpAt(python->first);
  python->New(python->second);
  return {{
              [=] { python->EndAt(python->first); },
              [=] {
                Attach(python->second);
                python->found[0] = cpython::CurrentInterpreter();
              },
          },
          [=] {
            Expect(FindInPlace(python->second, 0) != nullptr,
                   "a record is lost");
            Expect(LiveObjects() == 0, "an object outlives its interpreter");
          }};
}

PyObject* LookUpInC(multislot_cache* cache) {
  return multislot_get(
      cache, [](void*) { return NewObject(); }, nullptr);
}

// Two interpreters look up in a copy of a cache of C's, which both have used.
// It finds out that it is a copy once, and starts afresh.
Run ACopyOfACacheOfC() {
  auto* python = NewWorld<Python<>>();
  multislot_cache copied = MULTISLOT_CACHE_INIT;
  const auto set_up = [&](PyInterpreterState* where, std::size_t i) {
    NewInterpreter(where);
    python->objects[i] = LookUpInC(&copied);
    Detach();
  };
  set_up(python->first, 0);
  set_up(python->second, 1);
  python->cache_of_c = copied;
  const auto look_up = [=](PyInterpreterState* where, std::size_t i) {
    return [=] {
      Attach(where);
      PyObject* object = LookUpInC(&python->cache_of_c);
      Expect(MadeIn(object) == CurrentId(), "another interpreter's object");
      Expect(object != python->objects[i], "another cache's object");
      Expect(LookUpInC(&python->cache_of_c) == object, "the object is lost");
      Detach();
    };
  };
  return {{look_up(python->first, 0), look_up(python->second, 1)}, nullptr};
}

// Without a GIL: a record that a thread finds by address is ready for use.
void ExpectUsable(Record* found) {
  if (found != nullptr) Expect(!found->interpreter.retired(), "it has retired");
}
Run FindsByTheAddress(PyInterpreterState* state) {
  return {{
              [=] {
                Attach(state);
                static_cast<void>(cpython::CurrentInterpreter());
              },
              [=] { ExpectUsable(cpython::internal::FindFirst(state)); },
              [=] { ExpectUsable(FindInPlace(state, 0)); },
          },
          nullptr};
}
Run FindsANewRecord() {
  auto* python = NewWorld<Python<>>();
  python->New(python->first);
  python->FindAt(python->first);
  python->New(python->second);
  DropTheGil();
  return FindsByTheAddress(python->second);
}
Run FindsARecordThatIsUsedAgain() {
  auto* python = NewWorld<Python<>>();
  python->New(python->first);
  python->FindAt(python->first);
  python->EndAt(python->first);
  python->New(python->first);
  DropTheGil();
  return FindsByTheAddress(python->first);
}

// An interpreter, after one that added the audit hook. At another place in the
// table, so it gets a new record.
PyInterpreterState* NewAfterTheHook(Python<SingleInterpreterFastPath>* python) {
  python->New(python->first);
  Attach(python->first);
  SingleInterpreterFastPath::Enable();
  EndInterpreter();
  python->New(Address(1));
  return Address(1);
}

// Without a GIL: the only record, as a thread finds it, is ready for use. So is
// the one that the audit hook finds.
Run FindsTheOnlyOne() {
  auto* python = NewWorld<Python<SingleInterpreterFastPath>>();
  PyInterpreterState* next = NewAfterTheHook(python);
  DropTheGil();
  return {{
              [=] {
                Attach(next);
                SingleInterpreterFastPath::Enable();
              },
              [=] {
                const Interpreter* found = SingleInterpreterFastPath::Find();
                if (found != nullptr) {
                  Expect(!found->retired(), "it has retired");
                }
              },
              [=] { PySys_Audit("an event", nullptr); },
          },
          nullptr};
}

// A thread enables SingleInterpreterFastPath while another makes a second
// interpreter.
Run ASecondOneIsMade(bool with_a_hook_in_python) {
  auto* python = NewWorld<Python<SingleInterpreterFastPath>>();
  if (with_a_hook_in_python) AddHookInPython();
  python->New(python->first);
  python->LookUpAt(python->first);
  return {{
              [=] {
                Attach(python->first);
                SingleInterpreterFastPath::Enable();
                python->LookUp();
                Detach();
              },
              [=] {
                Attach(python->first);
                NewInterpreter(python->second);
                python->LookUp();
                Detach();
              },
          },
          [=] {
            Expect(LiveObjects() == 2,
                   "the interpreters do not have one object each");
          }};
}
Run ASecondOneWithoutHooks() { return ASecondOneIsMade(false); }
Run ASecondOneWithAHook() { return ASecondOneIsMade(true); }

// In an interpreter that the thread makes.
void NewAndNotTheOnlyOne(PyInterpreterState* where) {
  NewInterpreter(where);
  Expect(!cpython::internal::HasOnly(),
         "another interpreter would be the only one");
}

// Two threads enable it while another makes an interpreter.
Run TwoThreadsEnable(bool has_gil) {
  auto* python = NewWorld<Python<SingleInterpreterFastPath>>();
  if (has_gil) AddHookInPython();
  PyInterpreterState* next = NewAfterTheHook(python);
  python->LookUpAt(next);
  if (!has_gil) DropTheGil();
  const auto enable = [=] {
    Attach(next);
    SingleInterpreterFastPath::Enable();
    if (has_gil) Detach();
  };
  return {{
              enable,
              enable,
              [=] {
                Attach(next);
                NewAndNotTheOnlyOne(python->second);
              },
          },
          nullptr};
}
Run TwoEnableAndASecondOneIsMade() { return TwoThreadsEnable(true); }
Run TwoEnableWithoutGil() { return TwoThreadsEnable(false); }

// Without a GIL: it is enabled, and two threads make an interpreter each.
Run TwoMakeOne() {
  auto* python = NewWorld<Python<SingleInterpreterFastPath>>();
  python->New(python->first);
  Attach(python->first);
  SingleInterpreterFastPath::Enable();
  Detach();
  DropTheGil();
  const auto make = [=](PyInterpreterState* where) {
    return [=] {
      Attach(python->first);
      NewAndNotTheOnlyOne(where);
    };
  };
  return {{make(python->second), make(Address(1))}, nullptr};
}

// The only interpreter ends; the next one has another address.
Run TheOnlyOneEnds() {
  auto* python = NewWorld<Python<SingleInterpreterFastPath>>();
  python->New(python->first);
  python->LookUpAt(python->first);
  return {{
              [=] {
                if (!Attach(python->first)) return;
                SingleInterpreterFastPath::Enable();
                python->LookUp();
                Detach();
              },
              [=] {
                if (!Attach(python->first)) return;
                if (!EndInterpreter()) {
                  Detach();
                  return;
                }
                NewInterpreter(python->second);
                SingleInterpreterFastPath::Enable();
                python->LookUp();
                Detach();
              },
          },
          nullptr};
}

}  // namespace

std::vector<Scenario> Scenarios() {
  return {
      {"records/two_threads_of_one", TwoThreadsOfOne},
      {"records/two_interpreters", TwoInterpreters},
      {"records/an_address_is_used_again", AnAddressIsUsedAgain},
      {"records/an_address_is_used_again_the_dict_is_kept", TheDictIsKept},
      {"records/an_address_is_used_again_all_is_kept", WitnessesAreKept},
      {"records/goes_past_a_record_that_is_used_again",
       GoesPastARecordThatIsUsedAgain},
      {"records/a_record_is_added_while_one_ends", ARecordIsAddedWhileOneEnds},
      {"c/a_copied_cache", ACopyOfACacheOfC},
      {"without_gil/finds_a_new_record", FindsANewRecord},
      {"without_gil/finds_a_record_that_is_used_again",
       FindsARecordThatIsUsedAgain},
      {"without_gil/finds_the_only_one", FindsTheOnlyOne},
      {"without_gil/two_threads_enable", TwoEnableWithoutGil},
      {"without_gil/two_threads_make_interpreters", TwoMakeOne},
      {"only/a_second_one_is_made", ASecondOneWithoutHooks},
      {"only/a_second_one_is_made_with_a_hook_in_python", ASecondOneWithAHook},
      {"only/two_threads_enable", TwoEnableAndASecondOneIsMade},
      {"only/the_only_one_ends", TheOnlyOneEnds},
  };
}

}  // namespace checker
}  // namespace multislot
