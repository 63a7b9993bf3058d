#include "examples/interpreter_farm/farm.h"

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "examples/interpreter_farm/operators.h"
#include "examples/interpreter_farm/report.h"
#include "examples/interpreter_farm/results.h"
#include "examples/interpreter_farm/run_program.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace interpreter_farm {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::MatchesRegex;

// --- The farm itself ---------------------------------------------------------

// Every interpreter looks each of the operators up kRounds times.
constexpr int kInterpreters = 8;
constexpr int kOperators = 100;
constexpr std::uint64_t kRounds = 125;
constexpr std::uint64_t kLookups = kOperators * kRounds;
constexpr std::uint64_t kAllLookups = kInterpreters * kLookups;

FarmResults RunSmallFarm(int slots) {
  FarmOptions options;
  options.interpreters = kInterpreters;
  options.operators = kOperators;
  options.lookups = kLookups;
  options.slots = slots;
  const absl::StatusOr<FarmResults> results = RunFarm(options);
  EXPECT_TRUE(results.ok()) << results.status();
  if (!results.ok() || results->policies.size() != 4) std::abort();
  for (const PolicyResults& policy : results->policies) {
    EXPECT_EQ(policy.lookups, kAllLookups);
    EXPECT_EQ(policy.wrong, 0u);
    EXPECT_GT(policy.wall_seconds, 0);
    EXPECT_GT(policy.cpu_seconds, 0);
  }
  return *results;
}

// One run for several tests, with a slot for each interpreter.
const FarmResults& EnoughSlots() {
  static const auto* const results =
      new FarmResults(RunSmallFarm(kInterpreters));
  return *results;
}

// Only where interpreters have different objects can one get another's.
TEST(FarmTest, InterpretersHaveObjectsOfTheirOwn) {
  const FarmResults& results = EnoughSlots();
  EXPECT_GT(results.distinct_operators, kOperators / 2);
  EXPECT_EQ(results.interpreters, kInterpreters);
  EXPECT_EQ(results.operators, kOperators);
}

TEST(FarmTest, WithoutACacheEveryLookupIsSlow) {
  const PolicyResults& none = EnoughSlots().policies[0];
  EXPECT_EQ(none.policy, Policy::kNone);
  EXPECT_EQ(none.slow_accesses, kAllLookups);
}

// Of each operator one interpreter has the slot, and misses once; the others
// miss each time.
TEST(FarmTest, ASingleSlotServesOneInterpreterOfEight) {
  const PolicyResults& single = EnoughSlots().policies[1];
  EXPECT_EQ(single.policy, Policy::kSingle);
  EXPECT_EQ(single.slots, 1);
  EXPECT_EQ(single.slow_accesses, kAllLookups - kOperators * (kRounds - 1));
  EXPECT_GT(single.HitRate(), 0.5 / kInterpreters);
  EXPECT_LT(single.HitRate(), 2.0 / kInterpreters);
}

TEST(FarmTest, ASlotForEachServesAll) {
  for (const FarmResults& results : {EnoughSlots(), RunSmallFarm(kMaxSlots)}) {
    const PolicyResults& fixed = results.policies[2];
    EXPECT_EQ(fixed.policy, Policy::kFixed);
    EXPECT_GE(fixed.slots, kInterpreters);
    EXPECT_EQ(fixed.slow_accesses, kOperators * kInterpreters);
    EXPECT_GT(fixed.HitRate(), 0.99);
  }
}

TEST(FarmTest, TooFewSlotsServeAsManyInterpretersAsThereAreSlots) {
  for (const int slots : {1, 3}) {
    const PolicyResults fixed = RunSmallFarm(slots).policies[2];
    const std::uint64_t hits =
        static_cast<std::uint64_t>(slots * kOperators) * (kRounds - 1);
    EXPECT_EQ(fixed.slow_accesses, kAllLookups - hits);
  }
}

TEST(FarmTest, ATableServesAllWhateverTheirNumber) {
  const PolicyResults& table = EnoughSlots().policies[3];
  EXPECT_EQ(table.policy, Policy::kTable);
  EXPECT_EQ(table.slow_accesses, kOperators * kInterpreters);
}

TEST(FarmTest, SaysHowManyOperatorsThereAre) {
  FarmOptions options;
  options.operators = 100000;
  const absl::Status status = RunFarm(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(
      std::string(status.message()),
      ContainsRegex("Python 3[.][0-9.]+ has callables for [3-9][0-9]+$"));
}

// --- The program -------------------------------------------------------------

Outcome RunProgram(const std::string& flags) {
  return interpreter_farm::RunProgram("INTERPRETER_FARM", flags);
}

TEST(ProgramTest, ABadValueIsAnErrorThatNamesTheRange) {
  const struct {
    const char* flag;
    const char* range;
  } cases[] = {
      {"--interpreters=0", "must be a whole number from 1 to 64"},
      {"--interpreters=65", "must be a whole number from 1 to 64"},
      {"--interpreters=many", "must be a whole number from 1 to 64"},
      {"--interpreters=-3", "must be a whole number from 1 to 64"},
      {"--operators=0", "must be a whole number from 1 to 1000"},
      {"--operators=1001", "must be a whole number from 1 to 1000"},
      {"--operators=1000", "--operators=1000 is too many: Python 3."},
      {"--lookups=0", "must be a whole number from 1 to 1000000000"},
      {"--lookups=1000000001", "must be a whole number from 1 to 1000000000"},
      {"--lookups=99999999999999999999",
       "must be a whole number from 1 to 1000000000"},
      {"--lookups=1.5", "must be a whole number from 1 to 1000000000"},
      {"--slots=0", "must be a whole number from 1 to 64"},
      {"--slots=65", "must be a whole number from 1 to 64"},
      {"--slots=", "must be a whole number from 1 to 64"},
  };
  for (const auto& bad : cases) {
    const Outcome outcome = RunProgram(bad.flag);
    EXPECT_EQ(outcome.status, 1) << bad.flag;
    EXPECT_THAT(outcome.output, HasSubstr(bad.range)) << bad.flag;
  }
}

TEST(ProgramTest, AnArgumentThatIsNoFlagIsAnError) {
  const Outcome outcome = RunProgram("8");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.output, HasSubstr("'8'"));
}

TEST(ProgramTest, ExtremesWork) {
  for (const char* flags :
       {"--interpreters=1 --operators=1 --lookups=1 --slots=1",
        "--interpreters=3 --operators=2 --lookups=10000 --slots=64",
        "--interpreters=64 --operators=3 --lookups=100 --slots=8"}) {
    const Outcome outcome = RunProgram(flags);
    EXPECT_EQ(outcome.status, 0) << flags;
  }
}

TEST(ProgramTest, WritesTableAndJson) {
  const std::string path = absl::StrCat(testing::TempDir(), "/farm.json");
  const Outcome outcome = RunProgram(absl::StrCat(
      "--interpreters=2 --operators=10 --lookups=1000 --slots=5 --json=",
      path));
  EXPECT_EQ(outcome.status, 0);
  for (const char* line :
       {"Python 3.", "2 interpreters", "10 operators", "no cache ",
        "single slot ", "fixed slots (5) ", "side table ", " GIL\n"}) {
    EXPECT_THAT(outcome.output, HasSubstr(line)) << line;
  }

  std::ifstream file(path);
  const std::string json{std::istreambuf_iterator<char>(file), {}};
  const auto policy = [](const char* name, int slots, const char* hit_rate,
                         int slow_accesses) {
    return absl::StrCat(R"([{]"policy": ")", name, R"(", "slots": )", slots,
                        R"(, "lookups": 2000, "lookups_per_s": [0-9]+, )",
                        R"("ns_per_lookup": [0-9]+[.][0-9]+, "hit_rate": )",
                        hit_rate, R"(, "slow_accesses": )", slow_accesses,
                        R"(, "wrong": 0, "by_interpreter": [[].*[]][}])");
  };
  EXPECT_THAT(
      json,
      MatchesRegex(absl::StrCat(
          R"([{]"python": "3[.][0-9]+[.][^"]+", "interpreters": 2, "gil": "[^"]+", )",
          R"("policies": [[][[:space:]]*)", policy("none", 0, "0[.]0+", 2000),
          ",[[:space:]]*", policy("single", 1, "0[.]4950*", 1010),
          ",[[:space:]]*", policy("fixed", 5, "0[.]990*", 20), ",[[:space:]]*",
          policy("side_table", 0, "0[.]990*", 20),
          "[[:space:]]*[]][}][[:space:]]*")));
}

TEST(ProgramTest, AFileThatCannotBeWrittenIsAnError) {
  Outcome outcome = RunProgram("--json=/dev/null/farm.json");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.output, "error: cannot write /dev/null/farm.json\n");

  if (access("/dev/full", W_OK) == 0) {  // takes nothing, but opens
    outcome = RunProgram("--operators=1 --lookups=1 --json=/dev/full");
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.output, HasSubstr("cannot write /dev/full"));
  }
}

// --- The report, where a run cannot take it ----------------------------------

TEST(ReportTest, ShowsWhatIsWrong) {
  FarmResults results;
  results.lookups = 1234567;
  PolicyResults policy;
  policy.policy = Policy::kSingle;
  policy.slots = 1;
  policy.lookups = 1234567;
  policy.wrong = 42;
  policy.wall_seconds = policy.cpu_seconds = 1;
  results.policies.push_back(policy);
  EXPECT_THAT(ToTable(results), HasSubstr("1,234,567 lookups"));
  EXPECT_THAT(ToTable(results), HasSubstr(" 42\n"));
  EXPECT_THAT(ToJson(results), HasSubstr("\"wrong\": 42,"));
}

}  // namespace
}  // namespace interpreter_farm
