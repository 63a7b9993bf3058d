// Registering and retiring take constant time, no matter how many interpreters
// live or in which order they ended. Counts instructions.

#include <cstddef>
#include <cstdio>
#include <deque>

#include "absl/base/attributes.h"
#include "gtest/gtest.h"
#include "multislot/interpreter.h"
#include "tests/hit_path/follow.h"

namespace multislot {
namespace {

ABSL_ATTRIBUTE_NOINLINE void LiveOnce() { Interpreter interpreter; }

// Registers and retires one interpreter beside the live ones.
Path PathOfALife(const char* when) {
  const Path path = PathOfCall(&LiveOnce, [] { LiveOnce(); });
  std::printf("%s: %d instructions\n", when, path.instructions);
  EXPECT_TRUE(path.returned);
  return path;
}

TEST(RegisterPathTest, IsNoLongerWithManyAlive) {
  // More than the first page holds, so that each life goes beyond it.
  std::deque<Interpreter> alive(100);
  const Path few = PathOfALife("100 alive");

  while (alive.size() < 100000) alive.emplace_back();
  const Path many = PathOfALife("100,000 alive");
  // The next life gets the first index; the one after that, the last.
  alive.pop_front();
  const Path first_free = PathOfALife("the first free");
  alive.emplace_back();
  const Path first_taken = PathOfALife("the first taken again");
  alive.clear();
  const Path none = PathOfALife("none alive");
  for (const Path& path : {many, first_free, first_taken, none}) {
    EXPECT_LE(path.instructions, few.instructions * 3 / 2);
  }
}

}  // namespace
}  // namespace multislot
