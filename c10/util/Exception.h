#ifndef C10_UTIL_EXCEPTION_H_
#define C10_UTIL_EXCEPTION_H_

#include <exception>
#include <string>
#include <utility>

#include "c10/macros/Macros.h"

namespace c10 {

// What a failed TORCH_INTERNAL_ASSERT throws: a bug in the code that asserts,
// or in how it is used.
class Error : public std::exception {
 public:
  explicit Error(std::string message) : message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

namespace detail {

// Throws an Error; where exceptions are off, prints its text and aborts.
[[noreturn]] void torchInternalAssertFail(const char* function,
                                          const char* file, int line,
                                          const char* condition,
                                          const char* message);

}  // namespace detail
}  // namespace c10

// TORCH_INTERNAL_ASSERT(condition, message): nothing when the condition holds,
// else a c10::Error that says where, what and the message, a C string. In every
// build mode.
#define TORCH_INTERNAL_ASSERT(condition, message)                          \
  do {                                                                     \
    if (C10_UNLIKELY(!(condition))) {                                      \
      ::c10::detail::torchInternalAssertFail(__func__, __FILE__, __LINE__, \
                                             #condition, message);         \
    }                                                                      \
  } while (false)

#endif  // C10_UTIL_EXCEPTION_H_
