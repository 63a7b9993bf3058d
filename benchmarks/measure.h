#ifndef BENCHMARKS_MEASURE_H_
#define BENCHMARKS_MEASURE_H_

#include <algorithm>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"

namespace benchmarks {

// The pointer, in a register, and nothing that the compiler knows of it or of
// memory. (benchmark::DoNotOptimize may leave a value where it is in memory,
// and then the load to be measured is not made.)
template <typename T>
T* Opaque(T* pointer) {
  asm volatile("" : "+r"(pointer) : : "memory");
  return pointer;
}

// The fastest repetition: what else the machine does can only add to it.
inline double Fastest(const std::vector<double>& times) {
  return *std::min_element(times.begin(), times.end());
}

// What the results say of where they come from.
#if defined(__clang__)
#define MULTISLOT_COMPILER "clang " __clang_version__
#else
#define MULTISLOT_COMPILER "gcc " __VERSION__
#endif
[[maybe_unused]] inline const bool g_context = [] {
  benchmark::AddCustomContext("compiler", MULTISLOT_COMPILER);
  return true;
}();

template <typename Function>
benchmark::internal::Benchmark* Register(const std::string& name,
                                         Function function) {
  return benchmark::RegisterBenchmark(name.c_str(), function)
      ->ComputeStatistics("fastest", Fastest);
}

}  // namespace benchmarks

#endif  // BENCHMARKS_MEASURE_H_
