#ifndef EXAMPLES_INTERPRETER_FARM_RESULTS_H_
#define EXAMPLES_INTERPRETER_FARM_RESULTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "examples/interpreter_farm/operators.h"

namespace interpreter_farm {

// What one interpreter, or all of them together, did under one policy.
struct LookupResults {
  std::uint64_t lookups = 0;
  std::uint64_t slow_accesses = 0;
  std::uint64_t wrong = 0;  // lookups that gave another object than expected
  double cpu_seconds = 0;   // of the threads that looked up

  double NsPerLookup() const {
    return cpu_seconds * 1e9 / static_cast<double>(lookups);
  }
  double HitRate() const {
    return 1 -
           static_cast<double>(slow_accesses) / static_cast<double>(lookups);
  }
};

// What one policy did: sums over all interpreters, and what each did.
struct PolicyResults : LookupResults {
  Policy policy = Policy::kNone;
  int slots = 0;            // of each operator, where that has a number
  double wall_seconds = 0;  // from the first thread's start to the last's end
  std::vector<LookupResults> by_interpreter;

  double LookupsPerSecond() const {
    return static_cast<double>(lookups) / wall_seconds;
  }
};

struct FarmResults {
  std::string python;  // its version
  std::string gil;     // how the interpreters share it, in words
  int interpreters = 0;
  int operators = 0;
  // Operators for which no two interpreters have the same object. The others
  // CPython itself shares: static types, and modules of its old kind.
  int distinct_operators = 0;
  std::uint64_t lookups = 0;  // per interpreter and policy
  std::vector<PolicyResults> policies;
};

}  // namespace interpreter_farm

#endif  // EXAMPLES_INTERPRETER_FARM_RESULTS_H_
