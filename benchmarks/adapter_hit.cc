// What a hit of the CPython adapter costs, in a real interpreter.
//
//   ./bazelw run //benchmarks:adapter_hit          (or adapter_hit_py312, ...)
//
// Each iteration calls a function that returns one object, as an extension
// does. The compiler can carry nothing over to the next iteration, the
// processor can overlap them: this is throughput, with everything in the
// first-level cache and every branch predicted.
//
//   floor          asks CPython for the current interpreter, and no more
//   get_or_create  HandleCache<FixedSlots<8>>, as it is used
//   ptr_or         the same, by code that holds the interpreter already
//   no_slot        get_or_create where others have all the slots
//   import         what the cache saves: import and getattr, each time
//
// each of them
//
//   main           in the main interpreter, alone; before there was ever
//                  another, with --benchmark_filter=/main$
//   main_of_8      in the main interpreter while seven others live
//   last_of_8      in the last of those
//
// Compare within one run only, and look at the fastest of the repetitions
// first: what else the machine does can only add to it.

#include <Python.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/attributes.h"
#include "benchmark/benchmark.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/import_attr.h"
#include "multislot/fixed_slots.h"
#include "tests/cpython/embedded.h"

namespace {

using multislot::FixedSlots;
using multislot::Interpreter;
using multislot::cpython::CurrentInterpreter;
using multislot::cpython::HandleCache;
using multislot::cpython::ImportAttr;
using multislot::cpython::In;
using multislot::cpython::Runtime;
using multislot::cpython::SubInterpreter;

ABSL_ATTRIBUTE_NOINLINE void* Floor(Interpreter*) {
  return multislot::cpython::internal::CurrentState();
}

ABSL_ATTRIBUTE_NOINLINE void* GetOrCreate(Interpreter*) {
  static const HandleCache<FixedSlots<8>> cache;
  return cache.get_or_create(ImportAttr("math", "sqrt"));
}

ABSL_ATTRIBUTE_NOINLINE void* PtrOr(Interpreter* interpreter) {
  static const HandleCache<FixedSlots<8>> cache;
  return cache.ptr_or(interpreter, ImportAttr("math", "sqrt"));
}

// The slot is taken by the first of the seven below.
ABSL_ATTRIBUTE_NOINLINE void* NoSlot(Interpreter*) {
  static const HandleCache<FixedSlots<1>> cache;
  return cache.get_or_create(ImportAttr("math", "sqrt"));
}

ABSL_ATTRIBUTE_NOINLINE void* Import(Interpreter*) {
  PyObject* object = ImportAttr("math", "sqrt")();
  Py_DECREF(object);
  return object;
}

using Function = void* (*)(Interpreter*);

void Run(benchmark::State& state, Function function) {
  Interpreter* interpreter = CurrentInterpreter();
  for (auto _ : state) {
    void* object = function(interpreter);
    asm volatile("" : "+r"(object), "+r"(interpreter) : : "memory");
  }
}

void InMain(benchmark::State& state, Function function) {
  Run(state, function);
}

std::vector<std::unique_ptr<SubInterpreter>> Seven() {
  std::vector<std::unique_ptr<SubInterpreter>> seven;
  for (int i = 0; i < 7; ++i) {
    seven.push_back(std::make_unique<SubInterpreter>());
    In in(*seven.back());
    NoSlot(CurrentInterpreter());
  }
  return seven;
}

void InMainOfEight(benchmark::State& state, Function function) {
  const auto seven = Seven();
  Run(state, function);
}

void InLastOfEight(benchmark::State& state, Function function) {
  const auto seven = Seven();
  In in(*seven.back());
  Run(state, function);
}

double Fastest(const std::vector<double>& times) {
  return *std::min_element(times.begin(), times.end());
}

void RegisterAll() {
  const struct {
    const char* name;
    Function function;
  } kFunctions[] = {
      {"floor", Floor},   {"get_or_create", GetOrCreate},
      {"ptr_or", PtrOr},  {"no_slot", NoSlot},
      {"import", Import},
  };
  const struct {
    const char* name;
    void (*run)(benchmark::State&, Function);
  } kPlaces[] = {
      {"main", InMain},
      {"main_of_8", InMainOfEight},
      {"last_of_8", InLastOfEight},
  };
  for (const auto& function : kFunctions) {
    for (const auto& place : kPlaces) {
      if (function.function == NoSlot && place.run == InMain) continue;
      const std::string name = std::string(function.name) + "/" + place.name;
      benchmark::RegisterBenchmark(name.c_str(), place.run, function.function)
          ->ComputeStatistics("fastest", Fastest);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  RegisterAll();
  Runtime runtime;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
