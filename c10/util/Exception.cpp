#include "c10/util/Exception.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

namespace c10 {
namespace detail {

void torchInternalAssertFail(const char* function, const char* file, int line,
                             const char* condition, const char* message) {
  std::string text = std::string(file) + ":" + std::to_string(line) + ": in " +
                     function + ": internal assert failed: " + condition +
                     ": " + message;
#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
  throw Error(std::move(text));
#else
  std::fprintf(stderr, "%s\n", text.c_str());
  std::abort();
#endif
}

}  // namespace detail
}  // namespace c10
