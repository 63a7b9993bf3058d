// What the conformance suite does not test of the single slot.

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

// These are noexcept, as with any other policy.
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

// Only the address of a bare interpreter is known.
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

// A bare interpreter's address equals the other type's tag.
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

// An interpreter that retires during its accessor does not take the slot.
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

// occupancy() needs no GIL, even during a fill. (ThreadSanitizer checks.)
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
