#include "multislot/interpreter.h"

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <fstream>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "multislot/internal/registry.h"
#include "multislot/internal/tag.h"

namespace multislot {
namespace {

// Statics register before main and retire after it. This one has home index 0
// from beginning to end.
Interpreter g_interpreter;
TEST(InterpreterTest, MayBeStatic) {
  EXPECT_FALSE(g_interpreter.retired());
  EXPECT_EQ(g_interpreter.home_index(), 0u);
}

// In bytes.
std::int64_t ResidentMemory() {
  std::int64_t all = 0;
  std::int64_t resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * getpagesize();
}

TEST(InterpreterTest, IsRegisteredUntilItRetires) {
  Interpreter interpreter;
  EXPECT_FALSE(interpreter.retired());
  EXPECT_NE(interpreter.id(), 0u);
  const std::uint64_t id = interpreter.id();
  const std::size_t home = interpreter.home_index();

  interpreter.retire();
  EXPECT_TRUE(interpreter.retired());
  EXPECT_EQ(interpreter.id(), id);
  EXPECT_EQ(interpreter.home_index(), home);
}

TEST(InterpreterTest, HomeIndicesAreTheSmallestThatAreFree) {
  std::vector<std::unique_ptr<Interpreter>> interpreters;
  for (std::size_t i = 1; i < 300; ++i) {
    interpreters.push_back(std::make_unique<Interpreter>());
    EXPECT_EQ(interpreters.back()->home_index(), i);
  }
  for (std::size_t i : {200, 7, 64}) interpreters[i - 1].reset();
  for (std::size_t i : {7, 64, 200, 300}) {
    interpreters.push_back(std::make_unique<Interpreter>());
    EXPECT_EQ(interpreters.back()->home_index(), i);
  }
}

TEST(InterpreterTest, ASecondRetirementTakesNothingFromTheNextOne) {
  Interpreter first;
  first.retire();
  Interpreter second;
  ASSERT_EQ(second.home_index(), first.home_index());
  first.retire();
  EXPECT_FALSE(second.retired());
  Interpreter third;
  EXPECT_NE(third.home_index(), second.home_index());
}

// (S7) Not even at the same address and home index.
TEST(InterpreterTest, IdsDoNotComeBack) {
  std::set<std::uint64_t> ids;
  for (int i = 0; i < 100000; ++i) {
    EXPECT_TRUE(ids.insert(Interpreter().id()).second);
  }
}

// (S22)
TEST(InterpreterTest, AMillionLivesLeaveMemoryAsItWas) {
  const auto live = [](int lives) {
    for (int i = 0; i < lives; ++i) Interpreter interpreter;
  };
  live(1000);
  const std::int64_t before = ResidentMemory();
  live(1000000);
  EXPECT_LE(ResidentMemory() - before, 64 * 1024);
}

TEST(InterpreterTest, ThreadsRegisterAndRetire) {
  std::mutex mutex;
  std::set<std::uint64_t> ids;
  // Four threads with two each: eight homes, each for one at a time. Where
  // pointers have 32 bits the lives before this may have left the first one's
  // generations to run out here.
  const std::size_t first = Interpreter().home_index();
  std::vector<std::atomic<int>> homes(sizeof(internal::Tag) >= 8 ? 8 : 9);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 2000; ++j) {
        Interpreter one;
        Interpreter two;
        for (Interpreter* interpreter : {&one, &two}) {
          const std::size_t home = interpreter->home_index() - first;
          if (home >= homes.size() || homes[home].fetch_add(1) != 0) ++wrong;
        }
        for (Interpreter* interpreter : {&one, &two}) {
          const std::size_t home = interpreter->home_index() - first;
          if (home < homes.size()) --homes[home];
        }
        std::lock_guard<std::mutex> lock(mutex);
        if (!ids.insert(one.id()).second) ++wrong;
        if (!ids.insert(two.id()).second) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(RegistryTest, OnlyLiveTagsAreLive) {
  using internal::IsLive;
  for (internal::Tag tag :
       {internal::kEmptyTag, internal::kRetiredTag, internal::kBusyTag}) {
    EXPECT_FALSE(IsLive(tag));
  }
  const internal::Tag first = internal::RegisterTag(internal::g_register);
  EXPECT_TRUE(IsLive(first));
  internal::RetireTag(internal::g_register, first);
  EXPECT_FALSE(IsLive(first));
  const internal::Tag second = internal::RegisterTag(internal::g_register);
  EXPECT_EQ(internal::HomeIndexOf(first), internal::HomeIndexOf(second));
  EXPECT_FALSE(IsLive(first));
  EXPECT_TRUE(IsLive(second));
  internal::RetireTag(internal::g_register, second);
  // An index beyond the table.
  EXPECT_FALSE(IsLive(~internal::Tag{0}));
}

// As many as there can be, and one more; then there is room again.
TEST(RegistryTest, IsFullAtItsLimit) {
  const std::size_t limit = std::size_t{1} << internal::kHomeBits;
  std::vector<internal::Tag> tags;
  for (;;) {
    const internal::Tag tag = internal::RegisterTag(internal::g_register);
    if (tag == internal::kRetiredTag) break;
    tags.push_back(tag);
    ASSERT_LE(tags.size(), limit);
  }
  // Below the first are g_interpreter and, where pointers have 32 bits, indices
  // that the lives before this have used up.
  ASSERT_FALSE(tags.empty());
  EXPECT_EQ(tags.size(), limit - internal::HomeIndexOf(tags.front()));

  Interpreter born_retired;
  EXPECT_TRUE(born_retired.retired());
  EXPECT_EQ(born_retired.id(), 0u);

  internal::RetireTag(internal::g_register, tags[1000]);
  const internal::Tag next = internal::RegisterTag(internal::g_register);
  EXPECT_NE(next, tags[1000]);
  EXPECT_EQ(internal::HomeIndexOf(next), internal::HomeIndexOf(tags[1000]));
  tags[1000] = next;
  for (internal::Tag tag : tags) internal::RetireTag(internal::g_register, tag);
}

}  // namespace
}  // namespace multislot
