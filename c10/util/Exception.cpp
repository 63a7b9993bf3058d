#include "c10/util/Exception.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "c10/macros/Macros.h"

namespace c10 {
inline namespace C10_STAND_IN_ {
namespace detail {

void Failure::Throw(std::string message) const {
  std::string text =
      str(file, ":", line, ": in ", function, ": ", kind, ": ", condition);
  if (!message.empty()) text += ": " + message;
#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
  throw Error(std::move(text), std::move(message));
#else
  std::fprintf(stderr, "%s\n", text.c_str());
  std::abort();
#endif
}

}  // namespace detail
}  // namespace C10_STAND_IN_
}  // namespace c10
