#ifndef TESTS_STRESS_STRESS_H_
#define TESTS_STRESS_STRESS_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <random>

namespace multislot {
namespace stress {

inline constexpr std::size_t kCaches = 64;  // of each kind

// Says how long the threads run, and counts what they do.
class Run {
 public:
  explicit Run(int seconds)
      : end_(std::chrono::steady_clock::now() + std::chrono::seconds(seconds)) {
  }

  // Over after the given time, but not before interpreters came and went and
  // there were hits: otherwise the run would show nothing. Over at once after
  // an error.
  bool is_over() const {
    return wrong != 0 || (std::chrono::steady_clock::now() >= end_ &&
                          interpreters > 3 && hits > 0 && hits < lookups);
  }

  void Check(bool condition, const char* what) {
    if (condition || wrong++ >= 10) return;
    std::fprintf(stderr, "WRONG: %s\n", what);
  }

  // Prints the counts; returns the exit status.
  int Report() {
    std::printf("%lld lookups, %lld of them hits, in %lld interpreters\n",
                lookups.load(), hits.load(), interpreters.load());
    return wrong == 0 ? 0 : 1;
  }

  std::atomic<long long> lookups{0};
  std::atomic<long long> hits{0};  // lookups that did not call make
  std::atomic<long long> interpreters{0};
  std::atomic<long long> wrong{0};

 private:
  const std::chrono::steady_clock::time_point end_;
};

// Pseudo-random numbers; each thread gets the same ones in each run.
class Choices {
 public:
  explicit Choices(std::size_t thread)
      : random_(static_cast<std::uint32_t>(thread) + 1) {}
  // Below `number`.
  std::size_t Next(std::size_t number) { return random_() % number; }

 private:
  std::mt19937 random_;
};

}  // namespace stress
}  // namespace multislot

#endif  // TESTS_STRESS_STRESS_H_
