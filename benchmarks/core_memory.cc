// How much memory a cache takes, with its share of tables and the like.
//
//   ./bazelw run //benchmarks:core_memory
//
// The times mean nothing here. Each figure is measured once, in a new process.
//
//   cache/CACHE/INTERPRETERS/CACHES
//                 Every interpreter that has a slot in a cache has filled it.
//                 The counters divide the memory of the caches and of their
//                 tables by the number of caches: resident_per_cache is
//                 resident memory, in whole pages, so it needs many caches;
//                 bytes_per_cache is what the allocator has given out, touched
//                 or not.
//   sparse/side_table
//                 Each of 64 interpreters has filled only the last one of
//                 900,000 caches: resident_per_interpreter.
//   interpreter   10,000 live interpreters without caches:
//                 bytes_per_interpreter is what the allocator has given out.

#include <fcntl.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "benchmarks/core_peers.h"

namespace benchmarks {
namespace {

struct Memory {
  double allocated;
  double resident;
};

// Anonymous memory, because the program's own pages are loaded on use. (statm
// may lag behind by many pages.)
double Resident() {
  char text[4096];
  const int file = open("/proc/self/smaps_rollup", O_RDONLY);
  const ssize_t size = read(file, text, sizeof text - 1);
  close(file);
  if (size <= 0) std::abort();
  text[size] = '\0';
  const char* line = std::strstr(text, "Anonymous:");
  if (line == nullptr) std::abort();
  return 1024 * std::atof(line + std::strlen("Anonymous:"));
}

Memory Now() {
  const struct mallinfo2 info = mallinfo2();
  return {static_cast<double>(info.uordblks + info.hblkhd), Resident()};
}

// The memory that use(prepare()) takes in addition to prepare(). Both return
// what they have made.
template <typename Prepare, typename Use>
Memory Taken(Prepare prepare, Use use) {
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    const auto prepared = prepare();
    malloc_trim(0);  // free memory must not be resident
    const Memory before = Now();
    [[maybe_unused]] const auto used = use(prepared);
    const Memory after = Now();
    const Memory taken = {after.allocated - before.allocated,
                          after.resident - before.resident};
    const bool written =
        write(pipe_ends[1], &taken, sizeof taken) == sizeof taken;
    _exit(written ? 0 : 1);
  }
  close(pipe_ends[1]);
  Memory taken;
  if (read(pipe_ends[0], &taken, sizeof taken) != sizeof taken) std::abort();
  close(pipe_ends[0]);
  waitpid(child, nullptr, 0);
  return taken;
}

template <typename Cache>
auto MakeInterpreters(std::size_t count) {
  std::vector<std::unique_ptr<InterpreterOf<Cache>>> interpreters;
  for (std::size_t i = 0; i < count; ++i) {
    interpreters.push_back(std::make_unique<InterpreterOf<Cache>>());
  }
  return interpreters;
}

template <typename Cache>
void PerCache(benchmark::State& state, std::size_t interpreters,
              std::size_t caches) {
  for (auto _ : state) {
    const Memory taken = Taken(
        [&] {
          return MakeInterpreters<Cache>(
              std::min(interpreters, Cache::capacity()));
        },
        [&](const auto& fillers) {
          auto filled = std::make_unique<Cache[]>(caches);
          for (const auto& interpreter : fillers) {
            for (std::size_t i = 0; i < caches; ++i) {
              static_cast<void>(filled[i].ptr_or(interpreter.get(), Handle));
            }
          }
          return filled;
        });
    const double count = static_cast<double>(caches);
    state.counters["bytes_per_cache"] = taken.allocated / count;
    state.counters["resident_per_cache"] = taken.resident / count;
  }
}

void Sparse(benchmark::State& state) {
  constexpr std::size_t kCaches = 900000;
  constexpr std::size_t kFillers = 64;
  for (auto _ : state) {
    const auto caches = std::make_unique<Table[]>(kCaches);
    const Memory taken = Taken(
        [&] {
          auto interpreters = MakeInterpreters<Table>(kFillers + 1);
          // Gives each cache its index.
          for (std::size_t i = 0; i < kCaches; ++i) {
            static_cast<void>(caches[i].ptr_or(interpreters[0].get(), Handle));
          }
          return interpreters;
        },
        [&](const auto& interpreters) {
          for (std::size_t i = 1; i <= kFillers; ++i) {
            static_cast<void>(
                caches[kCaches - 1].ptr_or(interpreters[i].get(), Handle));
          }
          return nullptr;
        });
    state.counters["resident_per_interpreter"] = taken.resident / kFillers;
  }
}

void PerInterpreter(benchmark::State& state) {
  constexpr std::size_t kMany = 10000;
  for (auto _ : state) {
    const Memory taken = Taken(
        [] { return nullptr; },
        [](std::nullptr_t) { return std::make_unique<Interpreter[]>(kMany); });
    state.counters["bytes_per_interpreter"] = taken.allocated / kMany;
  }
}

template <typename Function>
void Register(const std::string& name, Function function) {
  benchmark::RegisterBenchmark(name.c_str(), function)
      ->Iterations(1)
      ->Repetitions(1);
}

template <typename Cache>
void RegisterCache(Peer<Cache> peer,
                   std::initializer_list<std::size_t> interpreters,
                   std::initializer_list<std::size_t> caches) {
  for (const std::size_t i : interpreters) {
    for (const std::size_t c : caches) {
      Register(
          std::string("cache/") + peer.name + "/" + std::to_string(i) + "/" +
              std::to_string(c),
          [i, c](benchmark::State& state) { PerCache<Cache>(state, i, c); });
    }
  }
}

[[maybe_unused]] const bool g_registered = [] {
  const auto some = [](auto peer) {
    RegisterCache(peer, {0, 1, 2, 8, 64}, {10000});
  };
  const auto others = [](auto peer) {
    RegisterCache(peer, {1, 8, 64}, {1, 10, 100, 1000, 100000});
    RegisterCache(peer, {1000}, {1, 10, 100, 1000, 10000, 100000});
  };
  some(Peer<Single>{"single"});
  ForEachFixed(some);
  some(Peer<Table>{"side_table"});
  ForEachRival(some);
  others(Peer<Single>{"single"});
  others(Peer<Fixed<8>>{"fixed_8"});
  others(Peer<Fixed<64>>{"fixed_64"});
  others(Peer<Table>{"side_table"});
  Register("sparse/side_table", Sparse);
  Register("interpreter", PerInterpreter);
  return true;
}();

}  // namespace
}  // namespace benchmarks
