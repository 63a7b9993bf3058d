#include "multislot/interpreter.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "multislot/internal/bits.h"
#include "multislot/internal/registry.h"
#include "multislot/internal/tag.h"
#include "tests/multislot/resident_memory.h"

// Every operator new except the over-aligned ones counts its calls and fails on
// request.
namespace {
std::atomic<long> g_allocations{0};
std::atomic<bool> g_no_memory{false};
void* CountedMalloc(std::size_t size) noexcept {
  // Relaxed: a count and a flag, which publish nothing.
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  if (g_no_memory.load(std::memory_order_relaxed)) return nullptr;
  return std::malloc(size);
}
void* CountedMallocOrThrow(std::size_t size) {
  void* block = CountedMalloc(size);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
}  // namespace
void* operator new(std::size_t size) { return CountedMallocOrThrow(size); }
void* operator new[](std::size_t size) { return CountedMallocOrThrow(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return CountedMalloc(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return CountedMalloc(size);
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete[](void* block, std::size_t) noexcept { std::free(block); }

namespace multislot {
namespace {

// Whether the tests never use up a home index's generations.
constexpr bool kIndicesLast = sizeof(internal::Tag) >= 8;

constexpr std::size_t kMaxInterpreters = std::size_t{1} << internal::kHomeBits;

// Statics register before main() and retire after it.
Interpreter g_interpreter;
TEST(InterpreterTest, MayBeStatic) {
  EXPECT_FALSE(g_interpreter.retired());
  EXPECT_NE(Interpreter().home_index(), g_interpreter.home_index());
}

// For tests that expect a home index to come back. With 32-bit pointers an
// index lasts for 131,071 lives. Other tests use up the lowest free indices,
// which this fixture therefore takes.
class HomeIndexTest : public ::testing::Test {
 private:
  Interpreter worn_[200];
};

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

TEST_F(HomeIndexTest, HomeIndicesAreTheSmallestThatAreFree) {
  std::vector<std::unique_ptr<Interpreter>> interpreters;
  const auto register_one = [&interpreters] {
    interpreters.push_back(std::make_unique<Interpreter>());
    return interpreters.back()->home_index();
  };
  const std::size_t first = register_one();
  for (std::size_t i = 1; i < 300; ++i) EXPECT_EQ(register_one(), first + i);
  for (std::size_t i : {200, 7, 64}) interpreters[i].reset();
  for (std::size_t i : {7, 64, 200, 300}) EXPECT_EQ(register_one(), first + i);
}

TEST_F(HomeIndexTest, ASecondRetirementTakesNothingFromTheNextOne) {
  Interpreter first;
  first.retire();
  Interpreter second;
  ASSERT_EQ(second.home_index(), first.home_index());
  first.retire();
  EXPECT_FALSE(second.retired());
  Interpreter third;
  EXPECT_NE(third.home_index(), second.home_index());
}

// (S7) Not even at the same address and with the same home index.
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
  // How many indices the register's table has room for.
  const auto reach = [] {
    std::size_t index = 0;
    while (index < kMaxInterpreters &&
           internal::FindPage(internal::g_register, index) != nullptr) {
      ++index;
    }
    return index;
  };
  { Interpreter crowd[200]; }  // leaves enough indices even if some run out
  const std::size_t reach_before = reach();
  const std::size_t home_before = Interpreter().home_index();
  const std::int64_t resident_before = ResidentMemory();
  const long allocations_before = g_allocations;
  live(1000000);
  EXPECT_EQ(g_allocations, allocations_before);
  EXPECT_EQ(reach(), reach_before);
  if (kIndicesLast) {
    EXPECT_EQ(Interpreter().home_index(), home_before);
  }
  // Whichever allocator is used, four bytes a life would come to this. The rest
  // of the process stays far below it.
  EXPECT_LE(ResidentMemory() - resident_before, 4'000'000);
}

TEST_F(HomeIndexTest, ThreadsRegisterAndRetire) {
  std::mutex mutex;
  std::set<std::uint64_t> ids;
  // Four threads with two interpreters each need eight home indices.
  const std::size_t first = Interpreter().home_index();
  std::vector<std::atomic<int>> homes(8);
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

TEST(BitsTest, EachPosition) {
  EXPECT_EQ(internal::BitWidth(0), 0u);
  for (std::size_t i = 0; i < 8 * sizeof(std::size_t); ++i) {
    EXPECT_EQ(internal::BitWidth(std::size_t{1} << i), i + 1);
    EXPECT_EQ(internal::BitWidth((std::size_t{2} << i) - 1), i + 1);
  }
  for (std::size_t i = 0; i < 64; ++i) {
    const std::uint64_t bit = std::uint64_t{1} << i;
    EXPECT_EQ(internal::LowestZeroBit(bit - 1), i);
    EXPECT_EQ(internal::LowestZeroBit(~bit), i);
  }
  EXPECT_EQ(internal::LowestZeroBit(~std::uint64_t{0}), 64u);
}

using RegistryTest = HomeIndexTest;

TEST_F(RegistryTest, OnlyLiveTagsAreLive) {
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

// As many as possible, and one more; one retirement makes room again.
TEST_F(RegistryTest, IsFullAtItsLimit) {
  const std::size_t first = Interpreter().home_index();
  std::vector<internal::Tag> tags;
  for (;;) {
    const internal::Tag tag = internal::RegisterTag(internal::g_register);
    if (tag == internal::kRetiredTag) break;
    ASSERT_EQ(internal::HomeIndexOf(tag), first + tags.size());
    tags.push_back(tag);
  }
  EXPECT_EQ(first + tags.size(), kMaxInterpreters);

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

// Tests with a register of their own.

TEST(OwnRegisterTest, WithoutMemoryToGrow) {
  auto shared = std::make_unique<internal::Register>();
  for (std::size_t i = 0; i < internal::kBitsOfAWord; ++i) {
    ASSERT_EQ(internal::HomeIndexOf(internal::RegisterTag(*shared)), i);
  }
  g_no_memory.store(true, std::memory_order_relaxed);
  const internal::Tag without = internal::RegisterTag(*shared);
  g_no_memory.store(false, std::memory_order_relaxed);
  EXPECT_EQ(without, internal::kRetiredTag);
  EXPECT_EQ(internal::HomeIndexOf(internal::RegisterTag(*shared)),
            internal::kBitsOfAWord);
  delete[] shared->chunks[0].load(std::memory_order_relaxed);
}

TEST(OwnRegisterTest, AnIndexWithoutGenerationsIsNotUsedAgain) {
  auto shared = std::make_unique<internal::Register>();
  shared->first_page.generation[0] = internal::kLastGeneration - 1;
  const internal::Tag last = internal::RegisterTag(*shared);
  EXPECT_EQ(last, internal::MakeTag(0, internal::kLastGeneration));
  internal::RetireTag(*shared, last);
  EXPECT_EQ(internal::RegisterTag(*shared), internal::MakeTag(1, 1));
}

// Interpreters beyond the number of slots wrap around.
TEST(TagTest, HomesOfMoreInterpretersThanSlots) {
  const auto home = [](std::size_t index) {
    return internal::HomeOffsetOf<5>(internal::MakeTag(index, 1)) >>
           internal::kHomeShift;
  };
  for (std::size_t index = 0; index < 24; ++index) {
    const std::size_t of_eight = index % 8;
    EXPECT_EQ(home(index), of_eight < 5 ? of_eight : of_eight - 5) << index;
  }
}

}  // namespace
}  // namespace multislot
