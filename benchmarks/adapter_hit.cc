// What it costs an extension to get its object, in a real CPython.
//
//   ./bazelw run //benchmarks:adapter_hit               (or adapter_hit_py312)
//   ./bazelw run //benchmarks:adapter_hit -- --interpreters=1
//   ./bazelw run //benchmarks:adapter_hit -- --interpreters=64
//
// Each iteration calls a function that returns one object, as an extension
// does. The compiler cannot combine iterations, but the processor can overlap
// them: this is throughput, with everything in the first-level cache and every
// branch predicted.
//
//   main        --interpreters=1: in the main interpreter, before there was
//               another
//   main_of_8   in the main interpreter while seven others live
//   last_of_8   in the last of those, which is the first in its place of the
//               adapter's table, as it is in most processes
//   in_turn     in the main interpreter and in that one by turns: the thread
//               switches interpreters before each call
//   colliding   in an interpreter that is not the first in its place
//   last_of_64  --interpreters=64: in the last of 64
//
// `main` is a separate run because pybind11 stays slow after a second
// interpreter has existed. adapter_peers.h lists what is compared.
//
// first_lookup measures an interpreter's first lookups in 10,000 caches, whose
// make() returns None; first_lookup/make is that make() alone. `audit` is an
// event for CPython's audit hooks, with the hook of SingleInterpreterFastPath
// (main) and without it (main_of_8, where the hook would have no use). Compare
// within one run only. Look at the fastest repetition first: other work on the
// machine can only slow one down.

#include <Python.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/attributes.h"
#include "benchmark/benchmark.h"
#include "benchmarks/adapter_peers.h"
#include "benchmarks/measure.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/internal/records.h"
#include "multislot/cpython/single_interpreter_fast_path.h"
#include "multislot/fixed_slots.h"
#include "multislot/side_table.h"
#include "tests/cpython/embedded.h"

namespace benchmarks {
namespace {

using multislot::FixedSlots;
using multislot::SideTable;
using multislot::cpython::CurrentInterpreter;
using multislot::cpython::HandleCache;
using multislot::cpython::In;
using multislot::cpython::Runtime;
using multislot::cpython::SubInterpreter;

void Run(benchmark::State& state, Peer peer) {
  const Module module;
  peer(module);  // the first lookup does more
  for (auto _ : state) Opaque(peer(*Opaque(&module)));
}

void InMain(benchmark::State& state, Peer peer) { Run(state, peer); }

std::vector<std::unique_ptr<SubInterpreter>> SubInterpreters(int count) {
  std::vector<std::unique_ptr<SubInterpreter>> interpreters;
  for (int i = 0; i < count; ++i) {
    interpreters.push_back(std::make_unique<SubInterpreter>());
    In in(*interpreters.back());
    const Module module;
    if (i < 8) NoSlot(module);  // takes one of the eight slots
  }
  return interpreters;
}

const SubInterpreter* g_last = nullptr;

void InLast(benchmark::State& state, Peer peer) {
  In in(*g_last);
  Run(state, peer);
}

void InTurn(benchmark::State& state, Peer peer) {
  const Module module;
  PyThreadState* main = PyThreadState_Get();
  PyThreadState* others[] = {main, g_last->state()};
  std::size_t turn = 0;
  for (auto _ : state) {
    PyThreadState_Swap(others[++turn % 2]);
    Opaque(peer(*Opaque(&module)));
  }
  PyThreadState_Swap(main);
}

bool IsFirstInItsPlace(const SubInterpreter& interpreter) {
  return multislot::cpython::internal::FindFirst(interpreter.interpreter()) !=
         nullptr;
}

// An interpreter whose record is not the first in its place. Makes and ends
// interpreters until one collides.
std::unique_ptr<SubInterpreter> Colliding() {
  std::vector<std::unique_ptr<SubInterpreter>> made;
  do {
    made.push_back(std::make_unique<SubInterpreter>());
    In in(*made.back());
    static_cast<void>(CurrentInterpreter());
  } while (IsFirstInItsPlace(*made.back()));
  return std::move(made.back());
}

const SubInterpreter* g_colliding = nullptr;

void InColliding(benchmark::State& state, Peer peer) {
  In in(*g_colliding);
  Run(state, peer);
}

void Audit(benchmark::State& state) {
  for (auto _ : state) PySys_Audit("benchmarks.event", nullptr);
}

ABSL_ATTRIBUTE_NOINLINE PyObject* MakeNone() {
  Py_INCREF(Py_None);
  return Opaque(Py_None);
}

constexpr int kFirstLookups = 10000;

// Calls look_up(i) for each i, in a new interpreter.
template <typename LookUp>
void FirstLookups(benchmark::State& state, LookUp look_up) {
  while (state.KeepRunningBatch(kFirstLookups)) {
    state.PauseTiming();
    auto interpreter = std::make_unique<SubInterpreter>();
    {
      In in(*interpreter);
      static_cast<void>(CurrentInterpreter());
      state.ResumeTiming();
      for (int i = 0; i < kFirstLookups; ++i) Opaque(look_up(i));
      state.PauseTiming();
    }
    interpreter.reset();
    state.ResumeTiming();
  }
}

template <typename Cache>
void FirstLookupsIn(benchmark::State& state) {
  static const Cache caches[kFirstLookups];
  FirstLookups(state, [](int i) { return caches[i].get_or_create(MakeNone); });
}

void RegisterFirstLookup(const std::string& name,
                         void (*run)(benchmark::State&)) {
  Register("first_lookup/" + name, run)->Iterations(kFirstLookups);
}

void RegisterAll(int interpreters) {
  for (const auto& [name, peer] : kPeers) {
    const auto add = [prefix = std::string(name) + "/", function = peer](
                         const char* place,
                         void (*run)(benchmark::State&, Peer)) {
      Register(prefix + place, [run, function](benchmark::State& state) {
        run(state, function);
      });
    };
    if (interpreters == 64) {
      if (peer == Floor || peer == GetOrCreate || peer == GetOrCreateFixed ||
          peer == NoSlot) {
        add("last_of_64", InLast);
      }
    } else if (peer == NoSlot) {
      // Eight interpreters fit, so all of them have a slot.
    } else if (interpreters == 1) {
      add("main", InMain);
    } else {
      add("main_of_8", InMain);
      add("last_of_8", InLast);
      if (peer == Floor || peer == GetOrCreate) {
        add("in_turn", InTurn);
        add("colliding", InColliding);
      }
    }
  }
  if (interpreters == 1) Register("audit/main", Audit);
  if (interpreters == 8) {
    Register("audit/main_of_8", Audit);
    RegisterFirstLookup("get_or_create",
                        FirstLookupsIn<HandleCache<SideTable>>);
    RegisterFirstLookup("get_or_create_fixed",
                        FirstLookupsIn<HandleCache<FixedSlots<8>>>);
    RegisterFirstLookup("make", [](benchmark::State& state) {
      FirstLookups(state, [](int) { return MakeNone(); });
    });
  }
}

// Returns N of the argument --interpreters=N and removes it; 8 by default.
int Interpreters(int* argc, char** argv) {
  constexpr char kFlag[] = "--interpreters=";
  const char* last = argv[*argc - 1];
  if (std::strncmp(last, kFlag, std::strlen(kFlag)) != 0) return 8;
  --*argc;
  return std::atoi(last + std::strlen(kFlag));
}

}  // namespace
}  // namespace benchmarks

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  const int interpreters = benchmarks::Interpreters(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("python", PY_VERSION);
  benchmark::AddCustomContext(
      "bytes_of_a_handle_cache",
      std::to_string(sizeof(multislot::cpython::HandleCache<>)));
  if (const char* version = benchmarks::PybindVersion()) {
    benchmark::AddCustomContext("pybind11", version);
  }
  benchmarks::RegisterAll(interpreters);
  multislot::cpython::Runtime runtime;
  std::vector<std::unique_ptr<multislot::cpython::SubInterpreter>> others;
  if (interpreters == 1) {
    multislot::cpython::SingleInterpreterFastPath::Enable();
  } else {
    // Rarely the last one collides; then try others.
    do {
      others = benchmarks::SubInterpreters(interpreters - 1);
    } while (!benchmarks::IsFirstInItsPlace(*others.back()));
    benchmarks::g_last = others.back().get();
    if (interpreters == 8) {
      others.push_back(benchmarks::Colliding());
      benchmarks::g_colliding = others.back().get();
    }
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
