// What a hit costs, at each interpreter's position.
//
//   ./bazelw run //benchmarks:core_hit
//
// Each iteration looks up one interpreter in one full cache. The compiler
// cannot combine iterations, but the processor can overlap them: this is
// throughput, with everything in the first-level cache and every branch
// predicted. Two ways:
//
//   getter   a call of a function that does only this lookup, like an object's
//            getter for its handle. It shows whether the slow path costs the
//            hit registers and stack.
//   inlined  the lookup inlined in the loop; the lower bound
//
// The floor of each is one atomic load of a pointer in the same place. Compare
// within one run only. Look at the fastest repetition first: other work on the
// machine can only slow one down.

#include <cstddef>
#include <string>

#include "absl/base/attributes.h"
#include "benchmark/benchmark.h"
#include "benchmarks/core_peers.h"
#include "benchmarks/measure.h"
#include "benchmarks/slow_access.h"
#include "c10/util/python_stub.h"

namespace benchmarks {
namespace {

template <typename Cache>
PyObject* Inlined(const Cache& cache, InterpreterOf<Cache>* interpreter,
                  const void* object) {
  return cache.ptr_or(interpreter, [object] { return SlowAccess(object); });
}

template <typename Cache>
ABSL_ATTRIBUTE_NOINLINE PyObject* Getter(const Cache& cache,
                                         InterpreterOf<Cache>* interpreter,
                                         const void* object) {
  return Inlined(cache, interpreter, object);
}

template <typename Cache>
void RunGetter(benchmark::State& state, std::size_t position) {
  const Full<Cache> full;
  for (auto _ : state) {
    Opaque(Getter(*Opaque(full.cache()), Opaque(full.interpreter(position)),
                  &full));
  }
}

template <typename Cache>
void RunInlined(benchmark::State& state, std::size_t position) {
  const Full<Cache> full;
  for (auto _ : state) {
    Opaque(Inlined(*Opaque(full.cache()), Opaque(full.interpreter(position)),
                   &full));
  }
}

template <typename Cache>
void RegisterPeer(Peer<Cache> peer) {
  for (std::size_t i = 0; i < kInterpreters<Cache>; ++i) {
    const std::string name =
        "/" + std::string(peer.name) + "/" + std::to_string(i);
    Register("getter" + name,
             [i](benchmark::State& state) { RunGetter<Cache>(state, i); });
    Register("inlined" + name,
             [i](benchmark::State& state) { RunInlined<Cache>(state, i); });
  }
}

[[maybe_unused]] const bool g_registered = [] {
  const auto visit = [](auto peer) { RegisterPeer(peer); };
  visit(Peer<Floor>{"floor"});
  visit(Peer<Single>{"single"});
  ForEachFixed(visit);
  visit(Peer<Table>{"side_table"});
  ForEachRival(visit);
  return true;
}();

}  // namespace
}  // namespace benchmarks
