#ifndef EXAMPLES_INTERPRETER_FARM_PROGRESS_LINE_H_
#define EXAMPLES_INTERPRETER_FARM_PROGRESS_LINE_H_

#include "absl/time/time.h"

namespace interpreter_farm {

// A line on stderr that says how far the farm is: only if that is a terminal,
// from the third second on, and gone at the end.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // `done` goes from 0 to 1.
  void Show(double done);

 private:
  const bool is_terminal_;
  const absl::Time start_;
  bool shown_ = false;
};

}  // namespace interpreter_farm

#endif  // EXAMPLES_INTERPRETER_FARM_PROGRESS_LINE_H_
