#ifndef EXAMPLES_INTERPRETER_FARM_FARM_H_
#define EXAMPLES_INTERPRETER_FARM_FARM_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "examples/interpreter_farm/results.h"

namespace interpreter_farm {

constexpr int kMaxInterpreters = 64;

struct FarmOptions {
  int interpreters = 8;          // 1 to kMaxInterpreters
  int operators = 300;           // 1 to as many as this Python has
  std::uint64_t lookups = 3000;  // per interpreter and policy, from 1
  int slots = 8;                 // of Policy::kFixed, 1 to kMaxSlots
  // Called several times a second, in the thread that called RunFarm, with how
  // much of the whole is done, from 0 to 1.
  std::function<void(double)> progress;
};

// Starts Python and its interpreters, has each of them look all operators up in
// a thread of its own, under one policy after the other, and ends them. The
// process must not have Python started otherwise.
absl::StatusOr<FarmResults> RunFarm(const FarmOptions& options);

}  // namespace interpreter_farm

#endif  // EXAMPLES_INTERPRETER_FARM_FARM_H_
