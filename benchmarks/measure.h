#ifndef BENCHMARKS_MEASURE_H_
#define BENCHMARKS_MEASURE_H_

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "benchmark/benchmark.h"

namespace benchmarks {

// Returns the pointer in a register; the compiler can assume nothing about it
// or about memory. (benchmark::DoNotOptimize may leave a value in memory, and
// then the measured load does not happen.)
template <typename T>
T* Opaque(T* pointer) {
  asm volatile("" : "+r"(pointer) : : "memory");
  return pointer;
}

// The fastest repetition: other work on the machine can only slow one down.
inline double Fastest(const std::vector<double>& times) {
  return *std::min_element(times.begin(), times.end());
}

// The compiler, for the results' context.
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

// One thread per core, but no more than the measured caches have slots.
inline const int kMostThreads =
    std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, 8);

// For multithreaded benchmarks. The counter thread_ns is the average time of a
// thread's own call. (Some versions of Google Benchmark divide the time by the
// number of threads, others do not.)
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
