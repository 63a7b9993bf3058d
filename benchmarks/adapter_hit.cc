// What it costs an extension to get its object, in a real CPython.
//
//   ./bazelw run //benchmarks:adapter_hit               (or adapter_hit_py312)
//   ./bazelw run //benchmarks:adapter_hit -- --alone
//
// Each iteration calls a function that returns one object, as an extension
// does. The compiler can carry nothing over to the next iteration, the
// processor can overlap them: this is throughput, with everything in the
// first-level cache and every branch predicted.
//
//   main        --alone: in the main interpreter, before there was another
//   main_of_8   in the main interpreter while seven others live
//   last_of_8   in the last of those, which is the first in its place of the
//               adapter's table, as it is in most processes
//   in_turn     in the main interpreter and in that one by turns: with a switch
//               of the thread's interpreter before each call
//   colliding   in an interpreter that is not the first in its place
//
// Alone is a run of its own since some things are never again as fast once
// there was a second interpreter. adapter_peers.h has what is compared; `audit`
// is an event for CPython's audit hooks, with the one that AskIfSeveral adds
// (main) and without (main_of_8, where it would be of no use). Compare within
// one run only, and look at the fastest of the repetitions first: what else the
// machine does can only add to it.

#include <Python.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "benchmark/benchmark.h"
#include "benchmarks/adapter_peers.h"
#include "benchmarks/measure.h"
#include "multislot/cpython/ask_if_several.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/import_attr.h"
#include "multislot/cpython/internal/records.h"
#include "multislot/fixed_slots.h"
#include "tests/cpython/embedded.h"

namespace benchmarks {
namespace {

using multislot::cpython::AskIfSeveral;
using multislot::cpython::In;
using multislot::cpython::Runtime;
using multislot::cpython::SubInterpreter;

void Run(benchmark::State& state, Peer peer) {
  const Module module;
  peer(module);  // what the first lookup does besides
  for (auto _ : state) Opaque(peer(*Opaque(&module)));
}

void InMain(benchmark::State& state, Peer peer) { Run(state, peer); }

std::vector<std::unique_ptr<SubInterpreter>> Seven() {
  std::vector<std::unique_ptr<SubInterpreter>> seven;
  for (int i = 0; i < 7; ++i) {
    seven.push_back(std::make_unique<SubInterpreter>());
    In in(*seven.back());
    const Module module;
    NoSlot(module);  // takes the only one there is
  }
  return seven;
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

// One whose record is not the first in its place, after as many others as it
// takes, which end.
std::unique_ptr<SubInterpreter> Colliding() {
  std::vector<std::unique_ptr<SubInterpreter>> made;
  do {
    made.push_back(std::make_unique<SubInterpreter>());
    In in(*made.back());
    static_cast<void>(multislot::cpython::CurrentInterpreter());
  } while (IsFirstInItsPlace(*made.back()));
  return std::move(made.back());
}

const SubInterpreter* g_colliding = nullptr;

// GetOrCreate() with a home slot for each of the interpreters that it took.
void* GetOrCreateOf64(const Module&) {
  static const multislot::cpython::HandleCache<multislot::FixedSlots<64>> cache;
  return cache.get_or_create(multislot::cpython::ImportAttr("math", "sqrt"));
}

void InColliding(benchmark::State& state, Peer peer) {
  if (peer == GetOrCreate) peer = GetOrCreateOf64;
  In in(*g_colliding);
  Run(state, peer);
}

void Audit(benchmark::State& state) {
  for (auto _ : state) PySys_Audit("benchmarks.event", nullptr);
}

void RegisterAll(bool alone) {
  Register(alone ? "audit/main" : "audit/main_of_8", Audit);
  for (const auto& [name, peer] : kPeers) {
    const auto add = [prefix = std::string(name) + "/", function = peer](
                         const char* place,
                         void (*run)(benchmark::State&, Peer)) {
      Register(prefix + place, [run, function](benchmark::State& state) {
        run(state, function);
      });
    };
    if (alone) {
      // With one interpreter there is always a slot.
      if (peer != NoSlot) add("main", InMain);
    } else {
      add("main_of_8", InMain);
      add("last_of_8", InLast);
      if (peer == Floor || peer == GetOrCreate) {
        add("in_turn", InTurn);
        add("colliding", InColliding);
      }
    }
  }
}

}  // namespace
}  // namespace benchmarks

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  const bool alone = argc > 1 && std::strcmp(argv[argc - 1], "--alone") == 0;
  if (alone) --argc;
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("python", PY_VERSION);
  if (const char* version = benchmarks::PybindVersion()) {
    benchmark::AddCustomContext("pybind11", version);
  }
  benchmarks::RegisterAll(alone);
  multislot::cpython::Runtime runtime;
  std::vector<std::unique_ptr<multislot::cpython::SubInterpreter>> others;
  if (alone) {
    multislot::cpython::AskIfSeveral::Register();
  } else {
    // In the few processes in which the last one collides, others.
    do {
      others = benchmarks::Seven();
    } while (!benchmarks::IsFirstInItsPlace(*others.back()));
    benchmarks::g_last = others.back().get();
    others.push_back(benchmarks::Colliding());
    benchmarks::g_colliding = others.back().get();
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
