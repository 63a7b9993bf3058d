// What the conformance suite does not ask of the single slot.

#include "multislot/single_slot.h"

#include <cstdint>
#include <new>
#include <thread>
#include <type_traits>
#include <utility>

#include "c10/core/impl/PyInterpreter.h"
#include "gtest/gtest.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/interpreter.h"

namespace multislot {
namespace {

using Cache = BasicPyHandleCache<SingleSlot>;
using Bare = c10::impl::PyInterpreter;

// As of any other policy.
static_assert(
    noexcept(std::declval<const Cache&>().peek(std::declval<const Interpreter*>())) && noexcept(
        std::declval<const Cache&>()
            .occupancy()) && noexcept(Cache::capacity()),
    "");
static_assert(Cache::capacity() == 1, "");
static_assert(sizeof(Cache) == 2 * sizeof(void*), "");
static_assert(std::is_trivially_destructible<Cache>::value, "");
static_assert(!std::is_copy_constructible<Cache>::value, "");

PyObject* Handle(int number = 0) {
  static char objects[2];
  return reinterpret_cast<PyObject*>(&objects[number]);
}

// Of a bare interpreter nothing is known but its address.
TEST(SingleSlotTest, ABareInterpreterIsItsAddress) {
  const Cache cache;
  Bare first(nullptr);
  const Bare second(nullptr);
  EXPECT_EQ(cache.ptr_or(&first, [] { return Handle(0); }), Handle(0));
  EXPECT_EQ(cache.ptr_or(&second, [] { return Handle(1); }), Handle(1));
  first.~Bare();
  new (&first) Bare(nullptr);
  EXPECT_EQ(cache.ptr_or(&first, [] { return Handle(1); }), Handle(0));
  EXPECT_EQ(cache.peek(&first), Handle(0));
  EXPECT_EQ(cache.peek(&second), nullptr);
  EXPECT_EQ(cache.peek(static_cast<Bare*>(nullptr)), nullptr);
  EXPECT_EQ(cache.occupancy(), 1u);
}

// A bare interpreter that lies where the other kind's tag would point to.
TEST(SingleSlotTest, TheKindsAreNotMistakenForEachOther) {
  const Cache cache;
  const Interpreter interpreter;
  const auto* bare = reinterpret_cast<const Bare*>(
      static_cast<std::uintptr_t>(interpreter.id()));
  EXPECT_EQ(cache.ptr_or(&interpreter, [] { return Handle(0); }), Handle(0));
  EXPECT_EQ(cache.peek(bare), nullptr);
  EXPECT_EQ(cache.ptr_or(bare, [] { return Handle(1); }), Handle(1));
  EXPECT_EQ(cache.peek(&interpreter), Handle(0));
}

TEST(SingleSlotTest, RetiredInterpretersShareNothing) {
  const Cache cache;
  Interpreter first;
  Interpreter second;
  first.retire();
  second.retire();
  EXPECT_EQ(cache.ptr_or(&first, [] { return Handle(0); }), Handle(0));
  EXPECT_EQ(cache.ptr_or(&second, [] { return Handle(1); }), Handle(1));
  EXPECT_EQ(cache.peek(&second), nullptr);
  EXPECT_EQ(cache.occupancy(), 0u);
}

// The slot is not lost to who retired while its accessor ran.
TEST(SingleSlotTest, AnInterpreterRetiresInItsAccessor) {
  const Cache cache;
  Interpreter first;
  const Interpreter second;
  EXPECT_EQ(cache.ptr_or(&first,
                         [&first] {
                           first.retire();
                           return Handle(0);
                         }),
            Handle(0));
  EXPECT_EQ(cache.ptr_or(&second, [] { return Handle(1); }), Handle(1));
  EXPECT_EQ(cache.peek(&second), Handle(1));
}

// Who asks how full it is need not hold the GIL of the one that fills it. (For
// ThreadSanitizer.)
TEST(SingleSlotTest, OccupancyWhileItIsFilled) {
  for (int round = 0; round < 100; ++round) {
    const Cache cache;
    const Interpreter interpreter;
    std::thread asking([&cache] {
      while (cache.occupancy() == 0) std::this_thread::yield();
    });
    EXPECT_EQ(cache.ptr_or(&interpreter, [] { return Handle(); }), Handle());
    asking.join();
  }
}

}  // namespace
}  // namespace multislot
