#ifndef EXAMPLES_INTERPRETER_FARM_PLOT_H_
#define EXAMPLES_INTERPRETER_FARM_PLOT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "examples/interpreter_farm/results.h"

namespace interpreter_farm {

// Draws plots by a python3 that has matplotlib, in a process of its own: this
// process's Python sees the standard library only.
class Plotter {
 public:
  // An error if there is no such python3, if the file's name does not end in
  // .svg or .png, or if the file cannot be written.
  static absl::StatusOr<Plotter> ForFile(const std::string& file);

  absl::Status Draw(const FarmResults& results) const;

 private:
  Plotter(std::string python, std::string file);

  std::string python_;
  std::string file_;
};

}  // namespace interpreter_farm

#endif  // EXAMPLES_INTERPRETER_FARM_PLOT_H_
