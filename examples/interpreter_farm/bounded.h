#ifndef EXAMPLES_INTERPRETER_FARM_BOUNDED_H_
#define EXAMPLES_INTERPRETER_FARM_BOUNDED_H_

#include <cstdint>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace interpreter_farm {

// The type of a flag that is a whole number from kMin to kMax.
template <std::int64_t kMin, std::int64_t kMax>
class Bounded {
 public:
  constexpr Bounded() : value_(kMin) {}
  constexpr explicit Bounded(std::int64_t value) : value_(value) {}

  constexpr std::int64_t value() const { return value_; }

  friend bool AbslParseFlag(absl::string_view text, Bounded* bounded,
                            std::string* error) {
    std::int64_t value;
    if (!absl::SimpleAtoi(text, &value) || value < kMin || value > kMax) {
      *error = absl::StrCat("must be a whole number from ", kMin, " to ", kMax);
      return false;
    }
    bounded->value_ = value;
    return true;
  }

  friend std::string AbslUnparseFlag(Bounded bounded) {
    return absl::StrCat(bounded.value_);
  }

 private:
  std::int64_t value_;
};

}  // namespace interpreter_farm

#endif  // EXAMPLES_INTERPRETER_FARM_BOUNDED_H_
