// What a cache takes of memory, with its share of what is behind it.
//
//   ./bazelw run //benchmarks:core_memory
//
// The time says nothing here. bytes_per_cache is what the allocator has given
// out for 10,000 caches that so many interpreters have filled, divided by
// 10,000, the caches themselves included; bytes_per_interpreter what it has
// given out for 10,000 interpreters that live at once, without caches.

#include <malloc.h>

#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "benchmark/benchmark.h"
#include "benchmarks/core_peers.h"

namespace benchmarks {
namespace {

constexpr std::size_t kMany = 10000;

double Allocated() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

template <typename Cache>
void PerCache(benchmark::State& state, std::size_t interpreters) {
  std::vector<std::unique_ptr<InterpreterOf<Cache>>> all;
  for (std::size_t i = 0; i < interpreters; ++i) {
    all.push_back(std::make_unique<InterpreterOf<Cache>>());
  }
  for (auto _ : state) {
    const double before = Allocated();
    const auto caches = std::make_unique<Cache[]>(kMany);
    for (const auto& interpreter : all) {
      for (std::size_t i = 0; i < kMany; ++i) {
        static_cast<void>(caches[i].ptr_or(interpreter.get(), Handle));
      }
    }
    state.counters["bytes_per_cache"] = (Allocated() - before) / kMany;
    if constexpr (std::is_same_v<Cache, ThreadLocalMap>) {
      ThreadLocalMap::Clear();
    }
  }
}

void PerInterpreter(benchmark::State& state) {
  for (auto _ : state) {
    const double before = Allocated();
    const auto interpreters = std::make_unique<Interpreter[]>(kMany);
    state.counters["bytes_per_interpreter"] = (Allocated() - before) / kMany;
  }
}

[[maybe_unused]] const bool g_registered = [] {
  const auto visit = [](auto peer) {
    using Cache = typename decltype(peer)::Cache;
    for (const std::size_t interpreters : {0, 1, 2, 8, 64}) {
      if (interpreters > peer.limit) continue;
      const std::string name = std::string("cache/") + peer.name + "/" +
                               std::to_string(interpreters);
      benchmark::RegisterBenchmark(name.c_str(), [interpreters](
                                                     benchmark::State& state) {
        PerCache<Cache>(state, interpreters);
      })->Iterations(1);
    }
  };
  visit(Peer<Single>{"single"});
  ForEachFixed(visit);
  ForEachRival(visit);
  benchmark::RegisterBenchmark("interpreter", PerInterpreter)->Iterations(1);
  return true;
}();

}  // namespace
}  // namespace benchmarks
