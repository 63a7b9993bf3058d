// What a hit costs when there is much of everything.
//
//   ./bazelw run //benchmarks:core_scaling
//
//   threads        each thread is of an interpreter of its own, and all look
//                  things up in one cache. See thread_ns: the same for any
//                  number of threads that do not slow one another down, as long
//                  as each has a core.
//   threads_apart  the same, each thread in a cache of its own: what slows
//   these
//                  down is the machine
//   interpreters   one thread looks a cache's interpreters up in turn
//   caches         one thread looks one interpreter up in so many caches, in
//                  random order: from a few on they leave the processor's
//                  caches. The lookups do not depend on one another.
//   beside_fills   one thread's hits while another, on another core, fills and
//                  reclaims a slot of the same cache (0 bytes off), of the next
//                  one in an array, or of one that is far away
//
// Throughput, as in core_hit's `inlined`.

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
void Interpreters(benchmark::State& state, std::size_t count) {
  const Full<Cache> full;
  std::vector<InterpreterOf<Cache>*> interpreters;
  for (std::size_t i = 0; i < 1024; ++i) {
    interpreters.push_back(full.interpreter(i % count));
  }
  std::size_t i = 0;
  for (auto _ : state) {
    Opaque(LookUp(*Opaque(full.cache()), Opaque(interpreters[i])));
    i = (i + 1) % 1024;
  }
}

template <typename Cache>
void Caches(benchmark::State& state, std::size_t count) {
  InterpreterOf<Cache> interpreter;
  const auto caches = std::make_unique<Cache[]>(count);
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
  constexpr std::size_t kCaches = 1024;
  const auto caches = std::make_unique<Cache[]>(kCaches);
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
  const auto visit = [](auto peer) {
    using Cache = typename decltype(peer)::Cache;
    const std::string name = peer.name;
    if constexpr (Cache::capacity() > 1) {
      Register("threads/" + name, Threads<Cache>)
          ->ThreadRange(1, kMostThreads)
          ->UseRealTime();
    }
    for (const std::size_t count : {1, 100, 1000, 10000, 100000}) {
      Register(
          "caches/" + name + "/" + std::to_string(count),
          [count](benchmark::State& state) { Caches<Cache>(state, count); });
    }
  };
  visit(Peer<Single>{"single"});
  visit(Peer<Fixed<8>>{"fixed_8"});
  ForEachRival(visit);
  Register("threads_apart/fixed_8", ThreadsApart<Fixed<8>>)
      ->ThreadRange(1, kMostThreads)
      ->UseRealTime();
  for (const std::size_t count : {1, 2, 4, 8, 16, 32, 64}) {
    Register("interpreters/fixed_64/" + std::to_string(count),
             [count](benchmark::State& state) {
               Interpreters<Fixed<64>>(state, count);
             });
  }
  for (const auto& [name, distance] :
       {std::pair<const char*, std::size_t>{"same", 0},
        {"next", 1},
        {"far", 1000}}) {
    const std::size_t caches_off = distance;
    Register(std::string("beside_fills/fixed_8/") + name,
             [caches_off](benchmark::State& state) {
               BesideFills<Fixed<8>>(state, caches_off);
             });
  }
  return true;
}();

}  // namespace
}  // namespace benchmarks
