// What a cache takes of memory, with its share of what is behind it.
//
//   ./bazelw run //benchmarks:core_memory
//
// The time says nothing here. Each figure is measured once, in a process of its
// own, which finds nothing that others have left.
//
//   cache/CACHE/INTERPRETERS/CACHES
//                 So many caches, each filled by every interpreter that it has
//                 a slot for. The counters have what the caches and all that is
//                 behind them take, divided by the number of caches:
//                 resident_per_cache what is resident, in whole pages, so it
//                 says something if there are many; bytes_per_cache what the
//                 allocator has given out, touched or not.
//   sparse/side_table
//                 Of 900,000 caches each of 64 interpreters has filled the last
//                 one only: resident_per_interpreter.
//   interpreter   10,000 interpreters that live at once, without caches:
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

// Anonymous memory: the program's own pages come as they are used. (What statm
// says may be many pages behind.)
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

// What use(prepare()) takes, beyond what prepare() does. Both return what they
// have made.
template <typename Prepare, typename Use>
Memory Taken(Prepare prepare, Use use) {
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    const auto prepared = prepare();
    malloc_trim(0);  // what is free is no longer resident
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
