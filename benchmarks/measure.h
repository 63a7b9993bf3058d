#ifndef BENCHMARKS_MEASURE_H_
#define BENCHMARKS_MEASURE_H_

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
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

// One for each core, but no more than the caches that are measured have slots.
inline const int kMostThreads =
    std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, 8);

// For benchmarks with several threads, whose time Google Benchmark divides by
// their number or not, depending on its age: the counter thread_ns is the time
// of a thread's own call, on average.
template <typename Function>
void EachThread(benchmark::State& state, Function call) {
  using Clock = std::chrono::steady_clock;
  auto iteration = state.begin();  // where the threads wait for one another
  const auto end = state.end();
  const Clock::time_point start = Clock::now();
  for (; iteration != end; ++iteration) call();
  const std::chrono::duration<double, std::nano> time = Clock::now() - start;
  state.counters["thread_ns"] =
      benchmark::Counter(time.count() / static_cast<double>(state.iterations()),
                         benchmark::Counter::kAvgThreads);
}

}  // namespace benchmarks

#endif  // BENCHMARKS_MEASURE_H_
