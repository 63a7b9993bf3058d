#ifndef C10_UTIL_EXCEPTION_H_
#define C10_UTIL_EXCEPTION_H_

#include <exception>
#include <sstream>
#include <string>
#include <utility>

#include "c10/macros/Macros.h"

namespace c10 {
inline namespace C10_STAND_IN_ {

// The exception that a failed TORCH_INTERNAL_ASSERT or TORCH_CHECK throws.
class Error : public std::exception {
 public:
  // `text` is what(); `message` is the part of it that comes from the macro's
  // arguments.
  Error(std::string text, std::string message)
      : text_(std::move(text)), message_(std::move(message)) {}
  explicit Error(const std::string& message) : Error(message, message) {}

  const char* what() const noexcept override { return text_.c_str(); }
  const char* what_without_backtrace() const noexcept { return what(); }
  const std::string& msg() const noexcept { return message_; }

 private:
  std::string text_;
  std::string message_;
};

// The parts as << prints them, in one string.
template <typename... Parts>
std::string str(const Parts&... parts) {
  std::ostringstream stream;
  static_cast<void>((stream << ... << parts));
  return stream.str();
}
inline std::string str() { return std::string(); }

namespace detail {

// A condition that did not hold, and where.
struct Failure {
  const char* kind;
  const char* condition;
  const char* function;
  const char* file;
  int line;

  // Throws an Error; without exceptions, prints its text and aborts.
  [[noreturn]] void Throw(std::string message) const;

  // Out of line, so that the condition's place needs little code.
  template <typename... Parts>
  [[noreturn]] C10_NOINLINE void With(const Parts&... parts) const {
    Throw(str(parts...));
  }
};

}  // namespace detail
}  // namespace C10_STAND_IN_
}  // namespace c10

#define C10_FAIL_UNLESS_(kind, condition, text, ...)                         \
  do {                                                                       \
    if (C10_UNLIKELY(!(condition))) {                                        \
      ::c10::detail::Failure{kind, text, __func__, __FILE__, __LINE__}.With( \
          __VA_ARGS__);                                                      \
    }                                                                        \
  } while (false)

// TORCH_INTERNAL_ASSERT(condition) or (condition, parts...): throws a
// c10::Error if the condition does not hold, in every build mode. The error has
// condition, function, file and line, and the parts as << prints them; they are
// evaluated only then. Use it for bugs in the code that asserts.
#define TORCH_INTERNAL_ASSERT(condition, ...) \
  C10_FAIL_UNLESS_("internal assert failed", condition, #condition, __VA_ARGS__)

// The same for the caller's mistakes.
#define TORCH_CHECK(condition, ...) \
  C10_FAIL_UNLESS_("check failed", condition, #condition, __VA_ARGS__)

// The same unless NDEBUG is defined; then the condition is not evaluated.
#if defined(NDEBUG)
#define TORCH_INTERNAL_ASSERT_DEBUG_ONLY(condition, ...)      \
  do {                                                        \
    if (false) TORCH_INTERNAL_ASSERT(condition, __VA_ARGS__); \
  } while (false)
#else
#define TORCH_INTERNAL_ASSERT_DEBUG_ONLY(condition, ...) \
  TORCH_INTERNAL_ASSERT(condition, __VA_ARGS__)
#endif

#endif  // C10_UTIL_EXCEPTION_H_
