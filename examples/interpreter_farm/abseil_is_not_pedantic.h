#ifndef EXAMPLES_INTERPRETER_FARM_ABSEIL_IS_NOT_PEDANTIC_H_
#define EXAMPLES_INTERPRETER_FARM_ABSEIL_IS_NOT_PEDANTIC_H_

// Comes before each source file (BUILD has it so): the headers of Abseil that
// -Wpedantic complains about, as system headers, which it leaves alone.
#pragma GCC system_header

#include "absl/numeric/int128.h"
#include "absl/strings/str_format.h"

#endif  // EXAMPLES_INTERPRETER_FARM_ABSEIL_IS_NOT_PEDANTIC_H_
