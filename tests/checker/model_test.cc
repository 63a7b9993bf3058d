// Tests the checker: it must try every order, and report every kind of error.

#include "tests/checker/model.h"

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace multislot {
namespace checker {
namespace {

// Eight-byte objects, zero at first.
struct Shared {
  std::uint64_t x = 0;
  std::uint64_t y = 0;
};

std::uint64_t Get(const std::uint64_t& object, Order order = Order::kRelaxed) {
  return Load(&object, sizeof(object), order);
}
void Set(std::uint64_t& object, std::uint64_t value,
         Order order = Order::kRelaxed) {
  Store(&object, sizeof(object), value, order);
}

// Explores two threads that share two objects.
using Body = std::function<void(Shared&)>;
Result Two(
    const Body& first, const Body& second, const Body& after = [](Shared&) {}) {
  static Shared shared;
  return Explore([=]() -> Run {
    shared = Shared();
    return {{[=] { first(shared); }, [=] { second(shared); }},
            [=] { after(shared); }};
  });
}

TEST(ModelTest, StepsOnDifferentObjectsHaveOneOrder) {
  const Result result = Two(
      [](Shared& s) {
        for (int i = 0; i < 5; ++i) Set(s.x, 1);
      },
      [](Shared& s) {
        for (int i = 0; i < 5; ++i) Set(s.y, 1);
      });
  EXPECT_EQ(result.interleavings, 1u);
  EXPECT_EQ(result.failure, "");
}

TEST(ModelTest, StoresToOneObjectHaveAllOrders) {
  const Body store_three = [](Shared& s) {
    for (int i = 0; i < 3; ++i) Set(s.x, 1);
  };
  EXPECT_EQ(Two(store_three, store_three).interleavings, 20u);  // 6 choose 3
}

TEST(ModelTest, LoadsOfOneObjectHaveOneOrder) {
  const Body load = [](Shared& s) { Get(s.x); };
  EXPECT_EQ(Two(load, load).interleavings, 1u);
}

using Outcomes = std::set<std::pair<std::uint64_t, std::uint64_t>>;

// Each thread stores, and then need not see the other's store.
TEST(ModelTest, StoreBuffering) {
  static std::uint64_t first, second;
  static Outcomes outcomes;
  outcomes.clear();
  Two(
      [](Shared& s) {
        Set(s.x, 1);
        first = Get(s.y);
      },
      [](Shared& s) {
        Set(s.y, 1);
        second = Get(s.x);
      },
      [](Shared&) { outcomes.emplace(first, second); });
  EXPECT_EQ(outcomes, (Outcomes{{0, 0}, {0, 1}, {1, 0}, {1, 1}}));
}

Outcomes MessagePassing(Order store, Order load) {
  static std::uint64_t flag, data;
  static Outcomes outcomes;
  outcomes.clear();
  Two(
      [=](Shared& s) {
        Set(s.x, 1);
        Set(s.y, 1, store);
      },
      [=](Shared& s) {
        flag = Get(s.y, load);
        data = Get(s.x);
      },
      [](Shared&) { outcomes.emplace(flag, data); });
  return outcomes;
}

TEST(ModelTest, MessagePassing) {
  const Outcomes all = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
  const Outcomes without_the_stale_one = {{0, 0}, {0, 1}, {1, 1}};
  EXPECT_EQ(MessagePassing(Order::kRelaxed, Order::kRelaxed), all);
  EXPECT_EQ(MessagePassing(Order::kRelease, Order::kRelaxed), all);
  EXPECT_EQ(MessagePassing(Order::kRelaxed, Order::kAcquire), all);
  EXPECT_EQ(MessagePassing(Order::kRelease, Order::kAcquire),
            without_the_stale_one);
}

TEST(ModelTest, LoadsDoNotGoBack) {
  static std::uint64_t first, second;
  static Outcomes outcomes;
  outcomes.clear();
  Two(
      [](Shared& s) {
        Set(s.x, 1);
        Set(s.x, 2);
      },
      [](Shared& s) {
        first = Get(s.x);
        second = Get(s.x);
      },
      [](Shared&) { outcomes.emplace(first, second); });
  EXPECT_EQ(outcomes,
            (Outcomes{{0, 0}, {0, 1}, {0, 2}, {1, 1}, {1, 2}, {2, 2}}));
}

TEST(ModelTest, UpdatesTakeTheNewestValue) {
  const Body add = [](Shared& s) {
    Update(&s.x, sizeof(s.x), Order::kRelaxed,
           [](std::uint64_t old) { return old + 1; });
  };
  const Result result =
      Two(add, add, [](Shared& s) { Expect(s.x == 2, "an update is lost"); });
  EXPECT_EQ(result.failure, "");
  EXPECT_EQ(result.interleavings, 2u);
}

// A failed exchange may return any visible value except the expected one.
TEST(ModelTest, ExchangesThatFail) {
  static std::set<std::uint64_t> seen;
  seen.clear();
  Two(
      [](Shared& s) {
        Set(s.x, 1);
        Set(s.x, 2);
      },
      [](Shared& s) {
        std::uint64_t expected = 7;
        EXPECT_FALSE(
            CompareExchange(&s.x, sizeof(s.x), expected, 8, Order::kRelaxed));
        seen.insert(expected);
      });
  EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2}));
}

// --- What it finds -----------------------------------------------------------

std::string Found(const Result& result) {
  return result.failure.substr(0, result.failure.find(", after"));
}

TEST(FindsTest, ADataRace) {
  static Plain<int> plain(0);
  const auto write_then_tell = [](Order order) {
    return [order](Shared& s) {
      plain.set(1);
      Set(s.x, 1, order);
    };
  };
  const Body read_if_told = [](Shared& s) {
    if (Get(s.x, Order::kAcquire) == 1) plain.get();
  };
  EXPECT_EQ(Found(Two(write_then_tell(Order::kRelease), read_if_told)), "");
  EXPECT_EQ(Found(Two(write_then_tell(Order::kRelaxed), read_if_told)),
            "a data race: read before it is known to be written");
}

// A release covers only what came before it.
TEST(FindsTest, ADataRaceBehindARelease) {
  static Plain<int> plain(0);
  EXPECT_EQ(Found(Two(
                [](Shared& s) {
                  Set(s.x, 1, Order::kRelease);
                  plain.set(1);
                },
                [](Shared& s) {
                  if (Get(s.x, Order::kAcquire) == 1) plain.get();
                })),
            "a data race: read before it is known to be written");
}

TEST(FindsTest, ADeadlock) {
  static char one, two;
  const auto lock_both = [](const void* first, const void* second) {
    return [=](Shared&) {
      Lock(first);
      Lock(second);
      Unlock(second);
      Unlock(first);
    };
  };
  EXPECT_EQ(Found(Two(lock_both(&one, &two), lock_both(&one, &two))), "");
  EXPECT_EQ(Found(Two(lock_both(&one, &two), lock_both(&two, &one))),
            "a deadlock");
}

TEST(FindsTest, AMutexThatIsNotTaken) {
  static char mutex;
  static Plain<int> plain(0);
  const auto write = [](bool locked) {
    return [locked](Shared&) {
      if (locked) Lock(&mutex);
      plain.set(1);
      if (locked) Unlock(&mutex);
    };
  };
  EXPECT_EQ(Found(Two(write(true), write(true))), "");
  EXPECT_EQ(Found(Two(write(true), write(false))),
            "a data race: written while it may be in use");
}

TEST(FindsTest, AThreadThatDoesNotEnd) {
  EXPECT_EQ(Found(Two(
                [](Shared& s) {
                  while (Get(s.x) == 0) {
                  }
                },
                [](Shared&) {})),
            "a thread does not end");
}

TEST(FindsTest, UseBeforeConstruction) {
  const auto make_then_tell = [](Order order) {
    return [order](Shared& s) {
      Constructed(&s.y, sizeof(s.y), 0);
      Set(s.x, 1, order);
    };
  };
  const Body use_if_told = [](Shared& s) {
    if (Get(s.x, Order::kAcquire) == 1) Get(s.y);
  };
  EXPECT_EQ(Found(Two(make_then_tell(Order::kRelease), use_if_told)), "");
  EXPECT_EQ(Found(Two(make_then_tell(Order::kRelaxed), use_if_told)),
            "an atomic object is used before it is known to be there");
}

TEST(FindsTest, UseAfterFree) {
  static Shared* block;
  EXPECT_EQ(Found(Two(
                [](Shared& s) {
                  static Shared memory;
                  memory = Shared();
                  block = &memory;
                  Allocated(block, sizeof(*block));
                  Set(s.x, 1, Order::kRelease);
                  if (Get(s.y) == 1) Freed(block);
                },
                [](Shared& s) {
                  if (Get(s.x, Order::kAcquire) == 0) return;
                  Get(block->x);
                  Set(s.y, 1);  // relaxed: does not publish that it is done
                })),
            "an atomic object ends, or is made anew, while it may be in use");
}

TEST(FindsTest, WhatIsExpected) {
  EXPECT_EQ(Found(Two([](Shared& s) { Set(s.x, 1); },
                      [](Shared& s) { Expect(Get(s.x) == 0, "it is not 0"); })),
            "it is not 0");
}

}  // namespace
}  // namespace checker
}  // namespace multislot
