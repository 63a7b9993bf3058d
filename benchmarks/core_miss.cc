// The cost of lookups that do not hit, and of interpreters that come and go.
//
//   ./bazelw run //benchmarks:core_miss
//
//   accessor      only the accessor, called as a lookup calls it
//   miss          a lookup in an empty cache whose accessor returns null
//   overflow      a lookup for an interpreter for which the cache has no slot
//   fill          an interpreter's first lookup in a cache. With a SideTable
//                 the interpreter's table grows meanwhile, from nothing.
//   fill_last     the lookup that takes a cache's last slot
//   reclaim       the first lookup in a cache whose interpreters have all
//                 retired
//   interpreter   an interpreter registers and retires; with a cache's name, it
//                 fills one such cache in between
//
// The accessor only returns a pointer. All times are throughput. Fills go
// through an array of caches, which the processor prefetches. Misses and
// overflows find everything in the first-level cache.

#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/base/attributes.h"
#include "benchmark/benchmark.h"
#include "benchmarks/core_peers.h"
#include "benchmarks/measure.h"
#include "c10/util/python_stub.h"

namespace benchmarks {
namespace {

ABSL_ATTRIBUTE_NOINLINE PyObject* Access() { return Opaque(Handle()); }
ABSL_ATTRIBUTE_NOINLINE PyObject* AccessNothing() {
  return Opaque(static_cast<PyObject*>(nullptr));
}

void Accessor(benchmark::State& state) {
  for (auto _ : state) Opaque(Access());
}

template <typename Cache>
void Miss(benchmark::State& state) {
  InterpreterOf<Cache> interpreter;
  const Cache cache;
  for (auto _ : state) {
    Opaque(Opaque(&cache)->ptr_or(Opaque(&interpreter), AccessNothing));
  }
}

template <typename Cache>
void Overflow(benchmark::State& state) {
  InterpreterOf<Cache> interpreter;
  const Full<Cache> full;
  for (auto _ : state) {
    Opaque(Opaque(full.cache())->ptr_or(Opaque(&interpreter), Access));
  }
}

// Measures an interpreter's lookups in caches in which other interpreters have
// filled that many slots. The others are alive or retired.
enum class Others { kAlive, kRetired };

template <typename Cache>
void Fill(benchmark::State& state, std::size_t slots_taken, Others others) {
  constexpr std::size_t kBatch = 1024;
  while (state.KeepRunningBatch(kBatch)) {
    state.PauseTiming();
    if constexpr (std::is_same_v<Cache, ThreadLocalMap>)
      ThreadLocalMap::Clear();
    const auto caches = Caches<Cache>(kBatch);
    std::vector<std::unique_ptr<InterpreterOf<Cache>>> fillers;
    for (std::size_t i = 0; i < slots_taken; ++i) {
      fillers.push_back(std::make_unique<InterpreterOf<Cache>>());
      for (std::size_t j = 0; j < kBatch; ++j) {
        static_cast<void>(caches[j].ptr_or(fillers.back().get(), Handle));
      }
    }
    if (others == Others::kRetired) fillers.clear();
    InterpreterOf<Cache> interpreter;
    state.ResumeTiming();
    for (std::size_t i = 0; i < kBatch; ++i) {
      Opaque(caches[i].ptr_or(Opaque(&interpreter), Access));
    }
    state.PauseTiming();
    fillers.clear();
    state.ResumeTiming();
  }
}

void RegisterAndRetire(benchmark::State& state) {
  for (auto _ : state) {
    Interpreter interpreter;
    Opaque(&interpreter);
  }
}

template <typename Cache>
void RegisterFillAndRetire(benchmark::State& state) {
  const auto caches = Caches<Cache>(1);
  for (auto _ : state) {
    Interpreter interpreter;
    Opaque(caches[0].ptr_or(Opaque(&interpreter), Access));
  }
}

template <typename Cache>
void RegisterFill(const std::string& name, std::size_t slots_taken,
                  Others others) {
  Register(name, [slots_taken, others](benchmark::State& state) {
    Fill<Cache>(state, slots_taken, others);
  });
}

[[maybe_unused]] const bool g_registered = [] {
  const auto every = [](auto peer) {
    using Cache = typename decltype(peer)::Cache;
    RegisterFill<Cache>(std::string("fill/") + peer.name, 0, Others::kAlive);
  };
  const auto own = [](auto peer) {
    using Cache = typename decltype(peer)::Cache;
    const std::string name = peer.name;
    Register("miss/" + name, Miss<Cache>);
    RegisterFill<Cache>("reclaim/" + name, kInterpreters<Cache>,
                        Others::kRetired);
    Register("interpreter/" + name, RegisterFillAndRetire<Cache>);
  };
  const auto overflow = [](auto peer) {
    using Cache = typename decltype(peer)::Cache;
    Register(std::string("overflow/") + peer.name, Overflow<Cache>);
  };
  const auto fill_last = [](auto peer) {
    using Cache = typename decltype(peer)::Cache;
    RegisterFill<Cache>(std::string("fill_last/") + peer.name,
                        Cache::capacity() - 1, Others::kAlive);
  };
  Register("accessor", Accessor);
  every(Peer<Single>{"single"});
  overflow(Peer<Single>{"single"});
  ForEachFixed(every);
  ForEachFixed(own);
  ForEachFixed(overflow);
  ForEachFixed(fill_last);
  every(Peer<Table>{"side_table"});
  own(Peer<Table>{"side_table"});
  ForEachRival(every);
  Register("interpreter", RegisterAndRetire);
  return true;
}();

}  // namespace
}  // namespace benchmarks
