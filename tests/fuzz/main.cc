// Runs a fuzzer without libFuzzer: first on the files given, then on
// pseudo-random inputs from a fixed seed, then on some from a random seed,
// which it prints.
//
//   core_fuzz_test [--operations=N] [--seed=S] [--seconds=T] [FILE...]
//
// Runs N operations per seed, but at most T seconds (10 by default). With S,
// uses only that seed.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace multislot {
namespace fuzz {
namespace {

constexpr std::size_t kLongestInput = 300;

using Clock = std::chrono::steady_clock;

void RunInput(const std::vector<std::uint8_t>& input) {
  LLVMFuzzerTestOneInput(input.data(), input.size());
}

bool RunFile(const char* name) {
  std::ifstream file(name, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "cannot read %s\n", name);
    return false;
  }
  RunInput(std::vector<std::uint8_t>(std::istreambuf_iterator<char>(file), {}));
  return true;
}

void RunRandom(unsigned seed, long long operations, int seconds) {
  const Clock::time_point end = Clock::now() + std::chrono::seconds(seconds);
  std::fprintf(stderr, "--seed=%u\n", seed);
  std::mt19937 random(seed);
  const long long before = g_operations;
  int inputs = 0;
  while (g_operations - before < operations && Clock::now() < end) {
    std::vector<std::uint8_t> input(1 + random() % kLongestInput);
    // In some inputs few interpreters meet often, in others many meet rarely.
    const unsigned mask = random() | 0x0F;
    for (std::uint8_t& byte : input) {
      byte = static_cast<std::uint8_t>(random() & mask);
    }
    RunInput(input);
    ++inputs;
  }
  std::fprintf(stderr, "  %d inputs, %lld operations\n", inputs,
               g_operations - before);
}

int Main(int argc, char** argv) {
  LLVMFuzzerInitialize(&argc, &argv);
  int seconds = 10;
  long long operations = 100000;
  bool has_seed = false;
  unsigned seed = 0;
  int files = 0;
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "--operations=", 13) == 0) {
      operations = std::atoll(argv[i] + 13);
    } else if (std::strncmp(argv[i], "--seed=", 7) == 0) {
      has_seed = true;
      seed = static_cast<unsigned>(std::strtoul(argv[i] + 7, nullptr, 10));
    } else if (std::strncmp(argv[i], "--seconds=", 10) == 0) {
      seconds = std::atoi(argv[i] + 10);
    } else {
      if (!RunFile(argv[i])) return 2;
      ++files;
    }
  }
  std::fprintf(stderr, "%d files, %lld operations\n", files,
               g_operations.load());
  if (has_seed) {
    RunRandom(seed, operations, seconds);
  } else {
    RunRandom(1, operations, seconds);
    RunRandom(std::random_device()(), operations, seconds);
  }
  return 0;
}

}  // namespace
}  // namespace fuzz
}  // namespace multislot

int main(int argc, char** argv) { return multislot::fuzz::Main(argc, argv); }
