// What a hit costs with many threads, interpreters and caches.
//
//   ./bazelw run //benchmarks:core_scaling
//
//   threads        each thread has its own interpreter; all look up in one
//                  cache. Read thread_ns: it stays constant if the threads do
//                  not slow one another down and each has a core.
//   threads_apart  the same, each thread with its own cache: only the machine
//                  can slow these down
//   last_of        one thread looks up for the last of N interpreters, in a
//                  called getter
//   interpreters   the same for all N in turn. Many interpreters do not fit
//                  into the processor's caches.
//   random         one thread looks up for one interpreter in N caches, in
//                  shuffled order. Many do not fit into the processor's caches.
//                  The lookups do not depend on one another.
//   beside_fills   one thread's hits while another, on another core, fills and
//                  reclaims a slot of the same cache, of the next one in an
//                  array, or of one far away
//
// Throughput, as in core_hit. Lookups are inlined unless in a getter.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/base/attributes.h"
#include "benchmark/benchmark.h"
#include "benchmarks/core_peers.h"
#include "benchmarks/measure.h"
#include "benchmarks/slow_access.h"
#include "c10/util/python_stub.h"

namespace benchmarks {
namespace {

template <typename Cache>
PyObject* LookUp(const Cache& cache, InterpreterOf<Cache>* interpreter) {
  return cache.ptr_or(interpreter, [] { return SlowAccess(nullptr); });
}

template <typename Cache>
ABSL_ATTRIBUTE_NOINLINE PyObject* Getter(const Cache& cache,
                                         InterpreterOf<Cache>* interpreter) {
  return LookUp(cache, interpreter);
}

template <typename Cache>
void LookUpInThread(benchmark::State& state, const Cache& cache) {
  InterpreterOf<Cache> interpreter;
  static_cast<void>(cache.ptr_or(&interpreter, Handle));
  EachThread(state,
             [&] { Opaque(LookUp(*Opaque(&cache), Opaque(&interpreter))); });
}

template <typename Cache>
void Threads(benchmark::State& state) {
  static const Cache* cache = new Cache;
  LookUpInThread(state, *cache);
}

template <typename Cache>
void ThreadsApart(benchmark::State& state) {
  const auto cache = std::make_unique<Cache>();
  LookUpInThread(state, *cache);
}

template <typename Cache>
void LastOf(benchmark::State& state, std::size_t count) {
  const Full<Cache> full(count);
  for (auto _ : state) {
    Opaque(Getter(*Opaque(full.cache()), Opaque(full.interpreter(count - 1))));
  }
}

template <typename Cache>
void Interpreters(benchmark::State& state, std::size_t count) {
  const Full<Cache> full(count);
  std::vector<InterpreterOf<Cache>*> interpreters;
  for (std::size_t i = 0; i < 1024; ++i) {
    interpreters.push_back(full.interpreter(i % count));
  }
  std::size_t i = 0;
  for (auto _ : state) {
    Opaque(Getter(*Opaque(full.cache()), Opaque(interpreters[i])));
    i = (i + 1) % 1024;
  }
}

template <typename Cache>
void Random(benchmark::State& state, std::size_t count) {
  InterpreterOf<Cache> interpreter;
  const auto caches = Caches<Cache>(count);
  std::vector<const Cache*> order;
  for (std::size_t i = 0; i < count; ++i) {
    static_cast<void>(caches[i].ptr_or(&interpreter, Handle));
    order.push_back(&caches[i]);
  }
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  std::size_t i = 0;
  for (auto _ : state) {
    Opaque(LookUp(*Opaque(order[i]), Opaque(&interpreter)));
    if (++i == count) i = 0;
  }
  if constexpr (std::is_same_v<Cache, ThreadLocalMap>) ThreadLocalMap::Clear();
}

template <typename Cache>
void BesideFills(benchmark::State& state, std::size_t distance) {
  const auto caches = Caches<Cache>(1024);
  Interpreter interpreter;
  static_cast<void>(caches[0].ptr_or(&interpreter, Handle));
  std::atomic<bool> done{false};
  std::thread fills([&] {
    while (!done.load(std::memory_order_relaxed)) {
      Interpreter other;
      static_cast<void>(caches[distance].ptr_or(&other, Handle));
    }
  });
  for (auto _ : state) {
    Opaque(LookUp(*Opaque(&caches[0]), Opaque(&interpreter)));
  }
  done.store(true, std::memory_order_relaxed);
  fills.join();
}

[[maybe_unused]] const bool g_registered = [] {
  const auto add = [](const char* what, auto peer, std::size_t count,
                      void (*run)(benchmark::State&, std::size_t)) {
    return Register(
        std::string(what) + "/" + peer.name + "/" + std::to_string(count),
        [run, count](benchmark::State& state) { run(state, count); });
  };
  const auto threads = [](auto peer) {
    using Cache = typename decltype(peer)::Cache;
    if constexpr (Cache::capacity() > 1) {
      Register(std::string("threads/") + peer.name, Threads<Cache>)
          ->ThreadRange(1, kMostThreads)
          ->UseRealTime();
    }
  };
  const auto random = [add](auto peer) {
    using Cache = typename decltype(peer)::Cache;
    for (const std::size_t count : {1, 10, 100, 1000, 10000, 100000}) {
      add("random", peer, count, Random<Cache>);
    }
  };
  const auto interpreters = [add](auto peer) {
    using Cache = typename decltype(peer)::Cache;
    for (const std::size_t count : {1, 2, 4, 8, 16, 64, 250, 1000}) {
      if (count > Cache::capacity()) break;
      add("last_of", peer, count, LastOf<Cache>);
      add("interpreters", peer, count, Interpreters<Cache>);
    }
  };
  const auto beside_fills = [](auto peer) {
    using Cache = typename decltype(peer)::Cache;
    for (const auto& [name, distance] :
         {std::pair<const char*, std::size_t>{"same", 0},
          {"next", 1},
          {"far", 1000}}) {
      const std::size_t caches_off = distance;
      Register(std::string("beside_fills/") + peer.name + "/" + name,
               [caches_off](benchmark::State& state) {
                 BesideFills<Cache>(state, caches_off);
               });
    }
  };
  const Peer<Fixed<8>> fixed_8{"fixed_8"};
  const Peer<Table> side_table{"side_table"};
  threads(fixed_8);
  threads(side_table);
  ForEachRival(threads);
  Register("threads_apart/fixed_8", ThreadsApart<Fixed<8>>)
      ->ThreadRange(1, kMostThreads)
      ->UseRealTime();
  random(Peer<Floor>{"floor"});
  random(Peer<Single>{"single"});
  random(fixed_8);
  random(Peer<Fixed<64>>{"fixed_64"});
  random(side_table);
  ForEachRival(random);
  interpreters(fixed_8);
  interpreters(Peer<Fixed<1024>>{"fixed_1024"});
  interpreters(side_table);
  beside_fills(fixed_8);
  beside_fills(side_table);
  return true;
}();

}  // namespace
}  // namespace benchmarks
