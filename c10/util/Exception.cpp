#include "c10/util/Exception.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

namespace c10 {
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
}  // namespace c10
