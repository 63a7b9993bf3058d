#include "examples/interpreter_farm/progress_line.h"

#include <unistd.h>

#include <cstdio>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace interpreter_farm {

ProgressLine::ProgressLine()
    : is_terminal_(isatty(STDERR_FILENO) == 1), start_(absl::Now()) {}

ProgressLine::~ProgressLine() {
  if (shown_) absl::FPrintF(stderr, "\r\033[K");
}

void ProgressLine::Show(double done) {
  if (!is_terminal_ || absl::Now() - start_ < absl::Seconds(2)) return;
  absl::FPrintF(stderr, "\rlooking up: %3.0f %%", 100 * done);
  shown_ = true;
}

}  // namespace interpreter_farm
