// Runs all scenarios, or those whose names begin with one of the arguments.
// Prints the number of interleavings of each.

#include <chrono>
#include <cstdio>
#include <string>

#include "tests/checker/model.h"
#include "tests/checker/scenarios.h"

namespace multislot {
namespace checker {
namespace {

bool IsChosen(const std::string& name, int count, char** arguments) {
  for (int i = 1; i < count; ++i) {
    if (name.rfind(arguments[i], 0) == 0) return true;
  }
  return count <= 1;
}

int Main(int count, char** arguments) {
  using Clock = std::chrono::steady_clock;
  Result sum;
  int chosen = 0;
  int failed = 0;
  const Clock::time_point start = Clock::now();
  const auto seconds_since = [](Clock::time_point since) {
    return std::chrono::duration<double>(Clock::now() - since).count();
  };
  for (const Scenario& scenario : Scenarios()) {
    if (!IsChosen(scenario.name, count, arguments)) continue;
    ++chosen;
    const Clock::time_point before = Clock::now();
    const Result result = Explore(scenario.set_up);
    sum.interleavings += result.interleavings;
    std::printf("%-50s %9llu interleavings %9llu steps %8.3f s\n",
                scenario.name.c_str(),
                static_cast<unsigned long long>(result.interleavings),
                static_cast<unsigned long long>(result.steps),
                seconds_since(before));
    if (!result.failure.empty()) {
      ++failed;
      std::printf("FAILED: %s: %s\n", scenario.name.c_str(),
                  result.failure.c_str());
    }
    std::fflush(stdout);
  }
  std::printf("%d scenarios, %d failed, %llu interleavings, %.1f s\n", chosen,
              failed, static_cast<unsigned long long>(sum.interleavings),
              seconds_since(start));
  return chosen == 0 || failed > 0 ? 1 : 0;
}

}  // namespace
}  // namespace checker
}  // namespace multislot

int main(int count, char** arguments) {
  return multislot::checker::Main(count, arguments);
}
