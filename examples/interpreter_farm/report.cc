#include "examples/interpreter_farm/report.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "examples/interpreter_farm/operators.h"
#include "examples/interpreter_farm/results.h"
#include "examples/interpreter_farm/with_commas.h"

namespace interpreter_farm {
namespace {

std::string InWords(const PolicyResults& results) {
  switch (results.policy) {
    case Policy::kSingle:
      return "single slot";
    case Policy::kFixed:
      return absl::StrFormat("fixed slots (%d)", results.slots);
    case Policy::kTable:
      return "side table";
    case Policy::kNone:
      break;
  }
  return "no cache";
}

std::string Name(Policy policy) {
  switch (policy) {
    case Policy::kSingle:
      return "single";
    case Policy::kFixed:
      return "fixed";
    case Policy::kTable:
      return "side_table";
    case Policy::kNone:
      break;
  }
  return "none";
}

}  // namespace

std::string ToTable(const FarmResults& results) {
  std::string table = absl::StrFormat(
      "Python %s, %d interpreters, %s\n"
      "%d operators, %d of them another object in each interpreter\n"
      "%s lookups per interpreter and policy\n\n",
      results.python, results.interpreters, results.gil, results.operators,
      results.distinct_operators, WithCommas(results.lookups));
  absl::StrAppendFormat(&table, "%-16s %14s %10s %10s %14s %9s %6s\n", "policy",
                        "lookups/s", "ns/lookup", "hit rate", "slow accesses",
                        "speed-up", "wrong");
  for (const PolicyResults& policy : results.policies) {
    absl::StrAppendFormat(
        &table, "%-16s %14s %10.1f %8.2f %% %14s %8.1fx %6d\n", InWords(policy),
        WithCommas(static_cast<std::uint64_t>(
            std::llround(policy.LookupsPerSecond()))),
        policy.NsPerLookup(), 100 * policy.HitRate(),
        WithCommas(policy.slow_accesses),
        policy.LookupsPerSecond() / results.policies.front().LookupsPerSecond(),
        policy.wrong);
  }
  return table;
}

std::string ToJson(const FarmResults& results) {
  std::vector<std::string> policies;
  for (const PolicyResults& policy : results.policies) {
    std::vector<std::string> interpreters;
    for (const LookupResults& interpreter : policy.by_interpreter) {
      interpreters.push_back(
          absl::StrFormat(R"({"ns_per_lookup": %.6f, "hit_rate": %.6f})",
                          interpreter.NsPerLookup(), interpreter.HitRate()));
    }
    policies.push_back(absl::StrFormat(
        R"({"policy": "%s", "slots": %d, "lookups": %d, )"
        R"("lookups_per_s": %.0f, "ns_per_lookup": %.6f, "hit_rate": %.6f, )"
        R"("slow_accesses": %d, "wrong": %d, "by_interpreter": [%s]})",
        Name(policy.policy), policy.slots, policy.lookups,
        policy.LookupsPerSecond(), policy.NsPerLookup(), policy.HitRate(),
        policy.slow_accesses, policy.wrong, absl::StrJoin(interpreters, ", ")));
  }
  return absl::StrFormat(
      "{\"python\": \"%s\", \"interpreters\": %d, \"gil\": \"%s\", "
      "\"policies\": [\n  %s\n]}\n",
      results.python, results.interpreters, results.gil,
      absl::StrJoin(policies, ",\n  "));
}

}  // namespace interpreter_farm
