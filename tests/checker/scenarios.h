#ifndef MULTISLOT_TESTS_CHECKER_SCENARIOS_H_
#define MULTISLOT_TESTS_CHECKER_SCENARIOS_H_

#include <functional>
#include <string>
#include <vector>

#include "tests/checker/model.h"

namespace multislot {
namespace checker {

struct Scenario {
  std::string name;
  std::function<Run()> set_up;
};

// The scenarios of this binary.
std::vector<Scenario> Scenarios();

}  // namespace checker
}  // namespace multislot

#endif  // MULTISLOT_TESTS_CHECKER_SCENARIOS_H_
