// What a hit costs, at each interpreter's position.
//
//   ./bazelw run //benchmarks:core_hit
//
// Each iteration looks one interpreter up in one cache that is full. The
// compiler can carry nothing over to the next iteration, the processor can
// overlap them: this is throughput, with everything in the first-level cache
// and every branch predicted. Two ways:
//
//   Getter   a call of a function that does just this lookup, as an object's
//            getter for its handle does. Whether the slow path costs the hit
//            registers and stack, shows here.
//   Inlined  the lookup as part of the loop itself; the least it can be.
//
// The floor of each is one atomic load of a pointer in the same place. Compare
// within one run only, and look at the fastest of the repetitions first: what
// else the machine does can only add to it.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/attributes.h"
#include "benchmark/benchmark.h"
#include "benchmarks/slow_access.h"
#include "c10/util/python_stub.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/fixed_slots.h"
#include "multislot/interpreter.h"
#include "multislot/single_slot.h"

namespace {

using multislot::BasicPyHandleCache;
using multislot::FixedSlots;
using multislot::Interpreter;
using multislot::SingleSlot;

// Something for a handle to point to; nobody looks inside.
PyObject* Handle() {
  static char object;
  return reinterpret_cast<PyObject*>(&object);
}

// A cache that cannot miss.
class Floor {
 public:
  static constexpr std::size_t capacity() { return 1; }
  template <typename SlowAccessor>
  PyObject* ptr_or(Interpreter*, const SlowAccessor&) const {
    return handle_.load(std::memory_order_acquire);
  }

 private:
  std::atomic<PyObject*> handle_{Handle()};
};

// The pointer, in a register, and nothing that the compiler knows of it or of
// memory. (benchmark::DoNotOptimize may leave a value where it is in memory,
// and then the load to be measured is not made.)
template <typename T>
T* Opaque(T* pointer) {
  asm volatile("" : "+r"(pointer) : : "memory");
  return pointer;
}

template <typename Cache>
PyObject* Lookup(const Cache& cache, Interpreter* interpreter,
                 const void* object) {
  return cache.ptr_or(interpreter,
                      [object] { return benchmarks::SlowAccess(object); });
}

template <typename Cache>
ABSL_ATTRIBUTE_NOINLINE PyObject* Get(const Cache& cache,
                                      Interpreter* interpreter,
                                      const void* object) {
  return Lookup(cache, interpreter, object);
}

// A full cache, and the interpreter at the position that state.range(0) says.
template <typename Cache>
class Full {
 public:
  explicit Full(const benchmark::State& state) {
    for (std::size_t i = 0; i < Cache::capacity(); ++i) {
      interpreters_.push_back(std::make_unique<Interpreter>());
      cache_.ptr_or(interpreters_.back().get(), Handle);
    }
    interpreter_ =
        interpreters_[static_cast<std::size_t>(state.range(0))].get();
  }
  const Cache* cache() const { return &cache_; }
  Interpreter* interpreter() const { return interpreter_; }

 private:
  Cache cache_;
  std::vector<std::unique_ptr<Interpreter>> interpreters_;
  Interpreter* interpreter_;
};

template <typename Cache>
void Getter(benchmark::State& state) {
  const Full<Cache> full(state);
  for (auto _ : state) {
    Opaque(Get(*Opaque(full.cache()), Opaque(full.interpreter()), &full));
  }
}

template <typename Cache>
void Inlined(benchmark::State& state) {
  const Full<Cache> full(state);
  for (auto _ : state) {
    Opaque(Lookup(*Opaque(full.cache()), Opaque(full.interpreter()), &full));
  }
}

double Fastest(const std::vector<double>& times) {
  return *std::min_element(times.begin(), times.end());
}

template <typename Cache>
void Register(const char* cache) {
  const int positions = static_cast<int>(Cache::capacity());
  for (auto [way, function] : {std::pair("Getter", &Getter<Cache>),
                               std::pair("Inlined", &Inlined<Cache>)}) {
    benchmark::RegisterBenchmark((std::string(way) + "/" + cache).c_str(),
                                 function)
        ->ArgName("position")
        ->DenseRange(0, positions - 1)
        ->ComputeStatistics("fastest", Fastest);
  }
}

[[maybe_unused]] const bool g_registered = [] {
  Register<Floor>("floor");
  Register<BasicPyHandleCache<SingleSlot>>("single");
  Register<BasicPyHandleCache<FixedSlots<2>>>("fixed_2");
  Register<BasicPyHandleCache<FixedSlots<8>>>("fixed_8");
  Register<BasicPyHandleCache<FixedSlots<64>>>("fixed_64");
  return true;
}();

}  // namespace
