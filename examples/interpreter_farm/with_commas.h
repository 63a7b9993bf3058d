#ifndef EXAMPLES_INTERPRETER_FARM_WITH_COMMAS_H_
#define EXAMPLES_INTERPRETER_FARM_WITH_COMMAS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"

namespace interpreter_farm {

// 1234567 is 1,234,567.
inline std::string WithCommas(std::uint64_t number) {
  std::string text = absl::StrCat(number);
  for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

}  // namespace interpreter_farm

#endif  // EXAMPLES_INTERPRETER_FARM_WITH_COMMAS_H_
