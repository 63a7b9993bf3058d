#include "examples/interpreter_farm/plot.h"

#include <stdio.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "examples/interpreter_farm/report.h"
#include "examples/interpreter_farm/results.h"

namespace interpreter_farm {
namespace {

constexpr char kScript[] =
#include "examples/interpreter_farm/plot_py.inc"
    ;

bool HasMatplotlib(const std::string& python) {
  const std::string command = absl::StrCat(
      python, " -c 'import matplotlib' </dev/null >/dev/null 2>&1");
  return std::system(command.c_str()) == 0;
}

absl::Status NotWritten(const std::string& file) {
  return absl::InternalError(absl::StrCat("cannot write ", file));
}

}  // namespace

Plotter::Plotter(std::string python, std::string file)
    : python_(std::move(python)), file_(std::move(file)) {}

absl::StatusOr<Plotter> Plotter::ForFile(const std::string& file) {
  if (!absl::EndsWithIgnoreCase(file, ".svg") &&
      !absl::EndsWithIgnoreCase(file, ".png")) {
    return absl::InvalidArgumentError(
        absl::StrCat("the file of --plot must end in .svg or .png: ", file));
  }
  if (!std::ofstream(file)) return NotWritten(file);
  // Debian's may have matplotlib where the PATH's first does not.
  for (const char* python : {"python3", "/usr/bin/python3"}) {
    if (HasMatplotlib(python)) return Plotter(python, file);
  }
  return absl::NotFoundError(
      "--plot needs a python3 that has matplotlib (Debian: apt-get install "
      "python3-matplotlib)");
}

absl::Status Plotter::Draw(const FarmResults& results) const {
  // What ToJson() writes is Python too, and so are C's escapes.
  const std::string script =
      absl::StrCat("RESULTS = ", ToJson(results), "FILE = b\"",
                   absl::CHexEscape(file_), "\"\n", kScript);
  std::signal(SIGPIPE, SIG_IGN);  // should Python not read to the end
  FILE* const python = popen(absl::StrCat(python_, " -").c_str(), "w");
  if (python == nullptr) return NotWritten(file_);
  fwrite(script.data(), 1, script.size(), python);
  return pclose(python) == 0 ? absl::OkStatus() : NotWritten(file_);
}

}  // namespace interpreter_farm
