// Starts a farm of Python interpreters in one process. Each interpreter looks
// up the same operators through shared C++ objects, four ways: without a cache,
// with one slot for all, with one slot per interpreter, and with a table per
// interpreter. Prints what each way costs.
//
//   ./bazelw run //examples/interpreter_farm
//   ./bazelw run //examples/interpreter_farm -- --interpreters=64 --slots=8
//   ./bazelw run //examples/interpreter_farm -- --plot=farm.svg

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "examples/interpreter_farm/bounded.h"
#include "examples/interpreter_farm/farm.h"
#include "examples/interpreter_farm/operators.h"
#include "examples/interpreter_farm/plot.h"
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
          "how many interpreters to start; each has a thread of its own");
ABSL_FLAG(OperatorCount, operators, OperatorCount(300),
          "how many operators each interpreter looks up; each stands for one "
          "callable of the standard library");
ABSL_FLAG(Lookups, lookups, Lookups(250000),
          "how many lookups each interpreter makes with each policy");
ABSL_FLAG(Slots, slots, Slots(8),
          "how many slots each operator's FixedSlots has");
ABSL_FLAG(std::string, json, "", "write the results as JSON to this file");
ABSL_FLAG(std::string, plot, "",
          "draw the results to this file, which ends in .svg or .png; needs a "
          "python3 that has matplotlib");

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
    return Fail(absl::StrCat("unexpected argument '", arguments[1],
                             "': there are only flags, which --help lists"));
  }
  const std::string json = absl::GetFlag(FLAGS_json);
  const std::string not_written = absl::StrCat("cannot write ", json);
  std::ofstream json_file;
  if (!json.empty()) {
    json_file.open(UserPath(json));
    if (!json_file) return Fail(not_written);
  }

  std::optional<interpreter_farm::Plotter> plotter;
  if (const std::string plot = absl::GetFlag(FLAGS_plot); !plot.empty()) {
    absl::StatusOr<interpreter_farm::Plotter> made =
        interpreter_farm::Plotter::ForFile(UserPath(plot));
    if (!made.ok()) return Fail(made.status().message());
    plotter = *std::move(made);
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
  if (plotter.has_value()) {
    const absl::Status drawn = plotter->Draw(*results);
    if (!drawn.ok()) return Fail(drawn.message());
  }
  for (const interpreter_farm::PolicyResults& policy : results->policies) {
    if (policy.wrong > 0) return Fail("an interpreter got a wrong object");
  }
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char* argv[]) {
  absl::SetProgramUsageMessage(
      "Starts many Python interpreters in one process, and measures how long "
      "each "
      "of them takes to look up objects through shared C++ objects: without a "
      "cache, with one slot for all, with one slot per interpreter, and with a "
      "table per interpreter.");
  absl::FlagsUsageConfig config;
  config.contains_help_flags = [](absl::string_view file) {
    return absl::EndsWith(file, "interpreter_farm/main.cc");
  };
  config.contains_helpshort_flags = config.contains_help_flags;
  absl::SetFlagsUsageConfig(config);
  return Main(absl::ParseCommandLine(argc, argv));
}
