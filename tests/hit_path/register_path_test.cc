// Registering and retiring an interpreter takes constant time, whatever lives
// and in whichever order interpreters went: counted in instructions.

#include <cstddef>
#include <cstdio>
#include <deque>
#include <optional>

#include "absl/base/attributes.h"
#include "gtest/gtest.h"
#include "multislot/interpreter.h"
#include "tests/hit_path/follow.h"

namespace multislot {
namespace {

ABSL_ATTRIBUTE_NOINLINE void LiveOnce() { Interpreter interpreter; }

// A whole life, beside those that there are.
std::optional<Path> PathOfALife(const char* when) {
  const auto path =
      PathOfCall(reinterpret_cast<const void*>(&LiveOnce), [] { LiveOnce(); });
  if (path) std::printf("%s: %d instructions\n", when, path->instructions);
  return path;
}

TEST(RegisterPathTest, IsNoLongerWithManyAlive) {
  // With the first page taken: one more way to go.
  std::deque<Interpreter> alive(100);
  const auto few = PathOfALife("100 alive");
  if (!few) GTEST_SKIP() << "no ptrace";
  ASSERT_TRUE(few->returned);

  while (alive.size() < 100000) alive.emplace_back();
  const auto many = PathOfALife("100,000 alive");
  // The next life finds the first place, and the one after it the last.
  alive.pop_front();
  const auto first_free = PathOfALife("the first free");
  alive.emplace_back();
  const auto first_taken = PathOfALife("the first taken again");
  alive.clear();
  const auto none = PathOfALife("none alive");
  for (const auto& path : {many, first_free, first_taken, none}) {
    ASSERT_TRUE(path && path->returned);
    EXPECT_LE(path->instructions, few->instructions * 3 / 2);
  }
}

}  // namespace
}  // namespace multislot
