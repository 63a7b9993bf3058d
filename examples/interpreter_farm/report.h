#ifndef EXAMPLES_INTERPRETER_FARM_REPORT_H_
#define EXAMPLES_INTERPRETER_FARM_REPORT_H_

#include <string>

#include "examples/interpreter_farm/results.h"

namespace interpreter_farm {

// For people: a table with a line for each policy.
std::string ToTable(const FarmResults& results);

// For programs.
std::string ToJson(const FarmResults& results);

}  // namespace interpreter_farm

#endif  // EXAMPLES_INTERPRETER_FARM_REPORT_H_
