#include "multislot/fixed_slots.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <type_traits>
#include <utility>
#include <vector>

#include "c10/core/impl/PyInterpreter.h"
#include "gtest/gtest.h"
#include "multislot/bare_interpreter.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/internal/interpreter_traits.h"
#include "multislot/internal/py_object.h"
#include "multislot/internal/registry.h"
#include "multislot/internal/tag.h"
#include "multislot/interpreter.h"

namespace multislot {
namespace {

// An interpreter that lets a test act in the middle of a search for a slot:
// each time the cache has asked whether a tag is live.
struct Watched {
  Interpreter interpreter;
  static std::function<void(internal::Tag)> asked_whether_alive;
};
std::function<void(internal::Tag)> Watched::asked_whether_alive;

}  // namespace

namespace internal {

template <>
struct InterpreterTraits<Watched> {
  using Ordinary = InterpreterTraits<Interpreter>;
  static Tag TagOf(const Watched* watched) noexcept {
    return Ordinary::TagOf(&watched->interpreter);
  }
  template <std::size_t Capacity>
  static std::size_t HomeOffsetOf(Tag tag) noexcept {
    return Ordinary::HomeOffsetOf<Capacity>(tag);
  }
  static bool IsLive(Tag tag) noexcept {
    const bool is_live = Ordinary::IsLive(tag);
    if (Watched::asked_whether_alive) Watched::asked_whether_alive(tag);
    return is_live;
  }
  static std::uintptr_t Retirements() noexcept {
    return Ordinary::Retirements();
  }
};

}  // namespace internal

namespace {

template <std::size_t N>
constexpr bool HasTheLayoutPromised() {
  using Cache = BasicPyHandleCache<FixedSlots<N>>;
  static_assert(sizeof(FixedSlots<N>) == 2 * sizeof(void*) * N, "");
  static_assert(sizeof(Cache) == sizeof(FixedSlots<N>), "");
  static_assert(alignof(Cache) == alignof(void*), "");
  static_assert(std::is_trivially_destructible<Cache>::value, "");
  static_assert(!std::is_copy_constructible<Cache>::value, "");
  static_assert(!std::is_copy_assignable<Cache>::value, "");
  static_assert(!std::is_move_constructible<Cache>::value, "");
  constexpr Cache constant_initialised;
  static_cast<void>(constant_initialised);
  return Cache::capacity() == N;
}
static_assert(HasTheLayoutPromised<1>() && HasTheLayoutPromised<2>() &&
                  HasTheLayoutPromised<3>() && HasTheLayoutPromised<8>() &&
                  HasTheLayoutPromised<64>() && HasTheLayoutPromised<1000>() &&
                  HasTheLayoutPromised<kMaxFixedSlots>(),
              "");
static_assert(sizeof(void*) != 8 || sizeof(FixedSlots<8>) == 128, "");

// Whether the policy, and a cache with it, accept that interpreter type.
template <typename Policy, typename InterpreterType>
using FindResult = decltype(std::declval<const Policy&>().find(
    std::declval<InterpreterType*>()));
template <typename Policy, typename InterpreterType>
using FindFastResult = decltype(std::declval<const Policy&>().find_fast(
    std::declval<InterpreterType*>()));
template <typename Policy, typename InterpreterType>
using PublishResult = decltype(std::declval<const Policy&>().publish(
    std::declval<InterpreterType*>(), std::declval<PyObject*>()));
template <typename Policy, typename InterpreterType>
using PtrOrResult =
    decltype(std::declval<const BasicPyHandleCache<Policy>&>().ptr_or(
        std::declval<InterpreterType*>(), std::declval<PyObject* (*)()>()));
template <typename Policy, typename InterpreterType>
using PeekResult =
    decltype(std::declval<const BasicPyHandleCache<Policy>&>().peek(
        std::declval<InterpreterType*>()));

template <template <typename, typename> class Result, typename Policy,
          typename InterpreterType, typename = void>
inline constexpr bool kTakes = false;
template <template <typename, typename> class Result, typename Policy,
          typename InterpreterType>
inline constexpr bool kTakes<Result, Policy, InterpreterType,
                             std::void_t<Result<Policy, InterpreterType>>> =
    true;

// Each policy accepts only its own interpreter type. It would know the other
// type by its address, which the next interpreter may have.
template <template <typename, typename> class Result>
constexpr bool TakesItsOwnKindOnly() {
  using Bare = c10::impl::PyInterpreter;
  static_assert(kTakes<Result, FixedSlots<8, Bare>, Bare>, "");
  static_assert(!kTakes<Result, FixedSlots<8, Bare>, Interpreter>, "");
  static_assert(kTakes<Result, FixedSlots<8>, Interpreter>, "");
  static_assert(!kTakes<Result, FixedSlots<8>, Bare>, "");
  return true;
}
static_assert(TakesItsOwnKindOnly<FindResult>() &&
                  TakesItsOwnKindOnly<FindFastResult>() &&
                  TakesItsOwnKindOnly<PublishResult>() &&
                  TakesItsOwnKindOnly<PtrOrResult>() &&
                  TakesItsOwnKindOnly<PeekResult>(),
              "");
static_assert(
    !std::is_convertible<Interpreter*, const c10::impl::PyInterpreter*>::value,
    "");

PyObject* HandleNumber(std::size_t number) {
  static char objects[4096];
  return reinterpret_cast<PyObject*>(&objects[number]);
}

template <typename T>
class FixedSlotsTest : public ::testing::Test {};
using Sizes =
    ::testing::Types<FixedSlots<1>, FixedSlots<2>, FixedSlots<3>, FixedSlots<7>,
                     FixedSlots<8>, FixedSlots<64>, FixedSlots<100>>;
TYPED_TEST_SUITE(FixedSlotsTest, Sizes);

// Then a hit costs the same for all of them.
TYPED_TEST(FixedSlotsTest, AsManyInterpretersAsSlotsAreAllAtHome) {
  TypeParam slots;
  std::vector<std::unique_ptr<Interpreter>> interpreters;
  for (std::size_t i = 0; i < slots.capacity(); ++i) {
    interpreters.push_back(std::make_unique<Interpreter>());
  }
  // The order of fills does not matter: from the last to the first.
  for (std::size_t i = slots.capacity(); i-- > 0;) {
    EXPECT_EQ(slots.publish(interpreters[i].get(), HandleNumber(i)),
              HandleNumber(i));
  }
  for (std::size_t i = 0; i < slots.capacity(); ++i) {
    EXPECT_EQ(slots.find_fast(interpreters[i].get()), HandleNumber(i));
  }
}

// Interpreters beyond the number of slots wrap around; a search finds them.
TYPED_TEST(FixedSlotsTest, OthersAreFoundAwayFromHome) {
  constexpr std::size_t kSlots = TypeParam::capacity();
  std::vector<std::unique_ptr<Interpreter>> interpreters;
  for (std::size_t i = 0; i < 3 * kSlots; ++i) {
    interpreters.push_back(std::make_unique<Interpreter>());
  }
  for (std::size_t first = 0; first <= 2 * kSlots; ++first) {
    TypeParam slots;
    for (std::size_t i = first; i < first + kSlots; ++i) {
      EXPECT_EQ(slots.publish(interpreters[i].get(), HandleNumber(i)),
                HandleNumber(i));
    }
    for (std::size_t i = 0; i < interpreters.size(); ++i) {
      EXPECT_EQ(slots.find(interpreters[i].get()),
                i >= first && i < first + kSlots ? HandleNumber(i) : nullptr);
    }
    Interpreter* overflow = interpreters[(first + kSlots) % (3 * kSlots)].get();
    EXPECT_EQ(slots.publish(overflow, HandleNumber(0)), nullptr);
  }
}

TYPED_TEST(FixedSlotsTest, TheFirstPublicationWins) {
  TypeParam slots;
  Interpreter interpreter;
  for (std::size_t i : {1, 2}) {
    EXPECT_EQ(slots.publish(&interpreter, HandleNumber(i)), HandleNumber(1));
  }
  EXPECT_EQ(slots.occupancy(), 1u);
}

TYPED_TEST(FixedSlotsTest, ARetiredInterpreterPublishesNothing) {
  TypeParam slots;
  Interpreter interpreter;
  interpreter.retire();
  EXPECT_EQ(slots.publish(&interpreter, HandleNumber(1)), nullptr);
}

#ifndef NDEBUG
TYPED_TEST(FixedSlotsTest, ANullHandleIsAMistake) {
  TypeParam slots;
  Interpreter interpreter;
  EXPECT_DEATH(static_cast<void>(slots.publish(&interpreter, nullptr)),
               "a null handle");
}
#endif

// Deadlocks if anything but a fill takes the lock.
TYPED_TEST(FixedSlotsTest, OnlyAFillTakesTheLock) {
  TypeParam slots;
  std::vector<std::unique_ptr<Interpreter>> interpreters;
  for (std::size_t i = 0; i <= slots.capacity(); ++i) {
    interpreters.push_back(std::make_unique<Interpreter>());
    slots.publish(interpreters.back().get(), HandleNumber(i));
  }
  Interpreter retired;
  retired.retire();

  internal::RegistryLock lock;
  EXPECT_EQ(slots.find_fast(interpreters[0].get()), HandleNumber(0));
  EXPECT_EQ(slots.find(interpreters[0].get()), HandleNumber(0));
  EXPECT_EQ(slots.find(interpreters.back().get()), nullptr);
  EXPECT_EQ(slots.publish(interpreters.back().get(), HandleNumber(1)), nullptr);
  EXPECT_EQ(slots.publish(&retired, HandleNumber(1)), nullptr);
  EXPECT_EQ(slots.occupancy(), slots.capacity());
}

// (S28) Bare tags whose distance is a multiple of a page (copies of one
// library) or of a cache line (an array). They should have about as many
// different homes as random tags: 64 * (1 - 1/e) = 40 of 64.
TEST(BareInterpreterTest, RegularAddressesHaveScatteredHomes) {
  using Traits = internal::InterpreterTraits<c10::impl::PyInterpreter>;
  constexpr std::size_t kSlots = 64;
  for (std::uintptr_t base :
       {std::uintptr_t{0x10000}, std::uintptr_t{0x7f12'3456'7000 & UINTPTR_MAX},
        std::uintptr_t{0x5555'5575'52c0 & UINTPTR_MAX}}) {
    for (std::uintptr_t stride : {0x10u, 0x40u, 0x1000u, 0x2000u, 0x10000u,
                                  0x21000u, 0x200000u, 0x1000000u}) {
      std::set<std::size_t> homes;
      for (std::uintptr_t i = 0; i < kSlots; ++i) {
        const std::size_t offset =
            Traits::HomeOffsetOf<kSlots>(base + i * stride);
        EXPECT_LT(offset, sizeof(FixedSlots<kSlots>));
        EXPECT_EQ(offset % sizeof(FixedSlots<1>), 0u);
        homes.insert(offset);
      }
      EXPECT_GE(homes.size(), 30u) << std::hex << base << " + i * " << stride;
    }
  }
}

TEST(BareInterpreterTest, HomesCoverAnyNumberOfSlots) {
  using Traits = internal::InterpreterTraits<c10::impl::PyInterpreter>;
  std::set<std::size_t> homes;
  for (std::uintptr_t i = 1; i <= 1000; ++i) {
    homes.insert(Traits::HomeOffsetOf<7>(i * 0x1000) / sizeof(FixedSlots<1>));
  }
  EXPECT_EQ(homes, (std::set<std::size_t>{0, 1, 2, 3, 4, 5, 6}));
}

// One thread searches all slots in vain. Meanwhile the owner of a slot that it
// has passed retires, and another thread of the same interpreter fills it.
TEST(FixedSlotsTest, AnotherThreadGetsTheSlotOfOneThatRetiresDuringTheLook) {
  char objects[4];
  const auto object = [&objects](int i) {
    return reinterpret_cast<PyObject*>(&objects[i]);
  };
  Watched first;
  Watched second;
  Watched own;
  FixedSlots<2, Watched> slots;
  ASSERT_EQ(slots.publish(&first, object(0)), object(0));
  ASSERT_EQ(slots.publish(&second, object(1)), object(1));
  int fills = 0;
  internal::Tag looked_at_first = 0;
  Watched::asked_whether_alive = [&](internal::Tag tag) {
    if (fills > 0 || tag == own.interpreter.id()) return;
    if (looked_at_first == 0) looked_at_first = tag;
    if (tag == looked_at_first) return;
    ++fills;
    (looked_at_first == first.interpreter.id() ? first : second)
        .interpreter.retire();
    EXPECT_EQ(slots.publish(&own, object(2)), object(2));
  };
  EXPECT_EQ(slots.publish(&own, object(3)), object(2));
  EXPECT_EQ(fills, 1);
  EXPECT_EQ(slots.find(&own), object(2));
  Watched::asked_whether_alive = nullptr;
}

}  // namespace
}  // namespace multislot
