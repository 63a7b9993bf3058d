// Counts the instructions of a hit. The getter is always optimised, as in an
// extension, whatever the build's mode.

#include <atomic>
#include <cstdio>

#include "absl/base/attributes.h"
#include "gtest/gtest.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/fixed_slots.h"
#include "multislot/internal/py_object.h"
#include "multislot/interpreter.h"
#include "multislot/side_table.h"
#include "multislot/single_slot.h"
#include "tests/hit_path/follow.h"

namespace multislot {
namespace {

PyObject* Handle() {
  static char object;
  return reinterpret_cast<PyObject*>(&object);
}

ABSL_ATTRIBUTE_NOINLINE PyObject* SlowAccess(const void* object) {
  [[maybe_unused]] static int calls = 0;
  ++calls;
  return object == nullptr ? nullptr : Handle();
}

template <typename Cache>
ABSL_ATTRIBUTE_NOINLINE PyObject* Getter(const Cache& cache,
                                         Interpreter* interpreter,
                                         const void* object) {
  return cache.ptr_or(interpreter, [object] { return SlowAccess(object); });
}

template <typename Cache>
Path PathOf(const Cache& cache, Interpreter* interpreter) {
  return PathOfCall(&Getter<Cache>,
                    [&] { Getter(cache, interpreter, &cache); });
}

template <typename Cache>
Path PathOfAHit(const char* name) {
  Interpreter interpreter;
  Cache cache;
  static_cast<void>(cache.ptr_or(&interpreter, Handle));
  const Path hit = PathOf(cache, &interpreter);
  std::printf("%s: %d instructions\n", name, hit.instructions);
  return hit;
}

// The counts of gcc 12 and of clang 14. Two of them are the null check, three
// find the slot if there is more than one, three look at the tag or the table a
// second time.
constexpr int AtMost([[maybe_unused]] int gcc, [[maybe_unused]] int clang) {
#if defined(__clang__)
  return clang;
#else
  return gcc;
#endif
}

TEST(HitPathTest, IsShort) {
  const struct {
    Path hit;
    int at_most;
  } hits[] = {
      {PathOfAHit<BasicPyHandleCache<SingleSlot>>("single"), AtMost(9, 8)},
      {PathOfAHit<BasicPyHandleCache<FixedSlots<1>>>("fixed_1"),
       AtMost(12, 11)},
      {PathOfAHit<BasicPyHandleCache<FixedSlots<8>>>("fixed_8"),
       AtMost(15, 13)},
      {PathOfAHit<BasicPyHandleCache<FixedSlots<64>>>("fixed_64"),
       AtMost(15, 13)},
      {PathOfAHit<BasicPyHandleCache<SideTable>>("side_table"), AtMost(14, 13)},
  };
  for (const auto& [hit, at_most] : hits) {
    EXPECT_TRUE(hit.returned);
    EXPECT_GT(hit.instructions, 3);
    EXPECT_LE(hit.instructions, at_most);
    EXPECT_EQ(hit.locked, 0);
    EXPECT_EQ(hit.below_stack, 0);
  }
}

// A cache that does everything a hit must not do.
class CountsItsHits {
 public:
  template <typename SlowAccessor>
  PyObject* ptr_or(Interpreter*, SlowAccessor slow_accessor) const {
    hits_.fetch_add(1, std::memory_order_relaxed);
    PyObject* handle = slow_accessor();
    hits_.fetch_add(1, std::memory_order_relaxed);
    return handle;
  }

 private:
  mutable std::atomic<int> hits_{0};
};

TEST(HitPathTest, SeesWhatAHitMustNotDo) {
  Interpreter interpreter;
  const CountsItsHits cache;
  const Path path = PathOf(cache, &interpreter);
  EXPECT_TRUE(path.returned);
  EXPECT_EQ(path.locked, 2);
  EXPECT_GT(path.below_stack, 0);
}

}  // namespace
}  // namespace multislot
