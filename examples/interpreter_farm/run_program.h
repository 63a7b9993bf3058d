#ifndef EXAMPLES_INTERPRETER_FARM_RUN_PROGRAM_H_
#define EXAMPLES_INTERPRETER_FARM_RUN_PROGRAM_H_

#include <stdio.h>
#include <sys/wait.h>

#include <cstddef>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"

namespace interpreter_farm {

struct Outcome {
  int status;          // -1 if it did not exit
  std::string output;  // stdout and stderr
};

// For tests: runs the program that the environment variable names.
inline Outcome RunProgram(const char* variable, const std::string& flags) {
  const std::string command =
      absl::StrCat(std::getenv(variable), " ", flags, " 2>&1");
  Outcome outcome;
  FILE* const pipe = popen(command.c_str(), "r");
  char buffer[4096];
  while (const std::size_t size = fread(buffer, 1, sizeof buffer, pipe)) {
    outcome.output.append(buffer, size);
  }
  const int status = pclose(pipe);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

}  // namespace interpreter_farm

#endif  // EXAMPLES_INTERPRETER_FARM_RUN_PROGRAM_H_
