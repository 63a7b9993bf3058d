// Starts a farm of Python interpreters in one process, has each of them look a
// few hundred operators up, and prints what that costs without a handle cache,
// with one slot for all, with a number of slots, and with a table for each
// interpreter.
//
//   ./bazelw run //examples/interpreter_farm
//   ./bazelw run //examples/interpreter_farm -- --interpreters=64 --slots=8

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "examples/interpreter_farm/bounded.h"
#include "examples/interpreter_farm/farm.h"
#include "examples/interpreter_farm/operators.h"
#include "examples/interpreter_farm/progress_line.h"
#include "examples/interpreter_farm/report.h"
#include "examples/interpreter_farm/results.h"

namespace {

using interpreter_farm::Bounded;
using Interpreters = Bounded<1, interpreter_farm::kMaxInterpreters>;
using OperatorCount = Bounded<1, 1000>;
using Lookups = Bounded<1, 1000000000>;
using Slots = Bounded<1, interpreter_farm::kMaxSlots>;

}  // namespace

ABSL_FLAG(Interpreters, interpreters, Interpreters(8),
          "how many interpreters there are, each with a thread of its own");
ABSL_FLAG(OperatorCount, operators, OperatorCount(300),
          "how many operators each interpreter looks up");
ABSL_FLAG(Lookups, lookups, Lookups(250000),
          "how many lookups each interpreter does under each policy");
ABSL_FLAG(Slots, slots, Slots(8), "how many slots FixedSlots has");
ABSL_FLAG(std::string, json, "", "file for the results as JSON");

namespace {

int Fail(absl::string_view message) {
  std::fprintf(stderr, "error: %s\n", std::string(message).c_str());
  return EXIT_FAILURE;
}

// The path as the user meant it: `bazel run` starts programs in a folder of
// its own, and says where the user was.
std::string UserPath(const std::string& path) {
  const char* const folder = std::getenv("BUILD_WORKING_DIRECTORY");
  if (folder == nullptr || absl::StartsWith(path, "/")) return path;
  return absl::StrCat(folder, "/", path);
}

int Main(const std::vector<char*>& arguments) {
  if (arguments.size() > 1) {
    return Fail(absl::StrCat("there is no argument '", arguments[1],
                             "', only flags: see --help"));
  }
  const std::string json = absl::GetFlag(FLAGS_json);
  const std::string not_written = absl::StrCat("cannot write ", json);
  std::ofstream json_file;
  if (!json.empty()) {
    json_file.open(UserPath(json));
    if (!json_file) return Fail(not_written);
  }

  interpreter_farm::FarmOptions options;
  options.interpreters =
      static_cast<int>(absl::GetFlag(FLAGS_interpreters).value());
  options.operators = static_cast<int>(absl::GetFlag(FLAGS_operators).value());
  options.lookups =
      static_cast<std::uint64_t>(absl::GetFlag(FLAGS_lookups).value());
  options.slots = static_cast<int>(absl::GetFlag(FLAGS_slots).value());

  absl::StatusOr<interpreter_farm::FarmResults> results;
  {
    interpreter_farm::ProgressLine progress_line;
    options.progress = [&](double done) { progress_line.Show(done); };
    results = RunFarm(options);
  }
  if (!results.ok()) return Fail(results.status().message());

  std::fputs(ToTable(*results).c_str(), stdout);
  if (!json.empty()) {
    json_file << ToJson(*results);
    json_file.close();
    if (!json_file) return Fail(not_written);
  }
  for (const interpreter_farm::PolicyResults& policy : results->policies) {
    if (policy.wrong > 0) return Fail("an interpreter got a wrong object");
  }
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char* argv[]) {
  absl::SetProgramUsageMessage(
      "looks operators up from many Python interpreters in one process");
  absl::FlagsUsageConfig config;
  config.contains_help_flags = [](absl::string_view file) {
    return absl::EndsWith(file, "interpreter_farm/main.cc");
  };
  config.contains_helpshort_flags = config.contains_help_flags;
  absl::SetFlagsUsageConfig(config);
  return Main(absl::ParseCommandLine(argc, argv));
}
