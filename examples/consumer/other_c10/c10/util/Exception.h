#ifndef OTHER_C10_UTIL_EXCEPTION_H_
#define OTHER_C10_UTIL_EXCEPTION_H_

#include <stdexcept>

namespace c10 {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace c10

#define TORCH_INTERNAL_ASSERT(condition, ...)       \
  do {                                              \
    if (!(condition)) throw c10::Error(#condition); \
  } while (false)

#endif  // OTHER_C10_UTIL_EXCEPTION_H_
