// Ways to use a cache: as a global or local static or as a member, with several
// policies side by side, and with the build's default policy.

#include "multislot/py_handle_cache.h"

#include <cstddef>
#include <string>
#include <type_traits>

#include "c10/core/PyHandleCache.h"
#include "c10/core/impl/PyInterpreter.h"
#include "c10/util/python_stub.h"
#include "gtest/gtest.h"
#include "multislot/interpreter.h"

namespace multislot {
namespace {

PyObject* Handle() {
  static char object;
  return reinterpret_cast<PyObject*>(&object);
}

static_assert(
    std::is_same<PyHandleCache, BasicPyHandleCache<DefaultSlotPolicy>>::value,
    "");
static_assert(sizeof(BasicPyHandleCache<SingleSlot>) ==
                  sizeof(c10::PyHandleCache),
              "");
static_assert(std::is_trivially_destructible<PyHandleCache>::value, "");
constexpr BasicPyHandleCache<SingleSlot> kSingle;

// Used while other statics are being initialised. The cache is
// constant-initialised, so it is never too late.
extern const bool g_used_early;
PyHandleCache g_cache;
Interpreter g_interpreter;
const bool g_used_early = g_cache.ptr_or(&g_interpreter, Handle) == Handle();

TEST(PyHandleCacheTest, IsANamespaceScopeStatic) {
  EXPECT_TRUE(g_used_early);
  EXPECT_EQ(g_cache.peek(&g_interpreter), Handle());
}

PyHandleCache& LocalStatic() {
  static PyHandleCache cache;
  return cache;
}

TEST(PyHandleCacheTest, IsAFunctionLocalStatic) {
  EXPECT_EQ(LocalStatic().ptr_or(&g_interpreter, Handle), Handle());
  EXPECT_EQ(LocalStatic().peek(&g_interpreter), Handle());
}

class Operator {
 public:
  PyObject* python_object(Interpreter* interpreter) const {
    return cache_.ptr_or(interpreter, [this] {
      ++slow_accesses_;
      return Handle();
    });
  }
  int slow_accesses() const { return slow_accesses_; }

 private:
  PyHandleCache cache_;
  mutable int slow_accesses_ = 0;
};

TEST(PyHandleCacheTest, IsAMember) {
  const Operator op;
  EXPECT_EQ(op.python_object(&g_interpreter), Handle());
  EXPECT_EQ(op.python_object(&g_interpreter), Handle());
  EXPECT_EQ(op.slow_accesses(), 1);
}

TEST(PyHandleCacheTest, PoliciesLiveSideBySide) {
  BasicPyHandleCache<FixedSlots<1>> one;
  BasicPyHandleCache<FixedSlots<3>> three;
  BasicPyHandleCache<SingleSlot> single;
  BasicPyHandleCache<FixedSlots<2, c10::impl::PyInterpreter>> bare;
  EXPECT_EQ(one.ptr_or(&g_interpreter, Handle), Handle());
  EXPECT_EQ(three.ptr_or(&g_interpreter, Handle), Handle());
  EXPECT_EQ(single.ptr_or(&g_interpreter, Handle), Handle());
  c10::impl::PyInterpreter bare_interpreter(nullptr);
  EXPECT_EQ(bare.ptr_or(&bare_interpreter, Handle), Handle());
  for (std::size_t occupancy : {one.occupancy(), three.occupancy(),
                                single.occupancy(), bare.occupancy()}) {
    EXPECT_EQ(occupancy, 1u);
  }
  EXPECT_EQ(kSingle.occupancy(), 0u);
}

template <typename Cache>
void StartsAfresh() {
  const Cache cache;
  Interpreter interpreters[3];
  for (int round = 0; round < 2; ++round) {
    int calls = 0;
    for (int i = 0; i < 2; ++i) {
      for (Interpreter& interpreter : interpreters) {
        EXPECT_EQ(cache.ptr_or(&interpreter,
                               [&calls] {
                                 ++calls;
                                 return Handle();
                               }),
                  Handle());
      }
    }
    constexpr std::size_t kSlots = Cache::capacity();
    EXPECT_EQ(calls, kSlots >= 3 ? 3 : 6 - static_cast<int>(kSlots));
    cache.clear_for_test();
    EXPECT_EQ(cache.occupancy(), 0u);
    EXPECT_EQ(cache.peek(&interpreters[0]), nullptr);
  }
}

TEST(PyHandleCacheTest, ATestCanStartAfresh) {
  StartsAfresh<BasicPyHandleCache<SingleSlot>>();
  StartsAfresh<BasicPyHandleCache<FixedSlots<1>>>();
  StartsAfresh<BasicPyHandleCache<FixedSlots<2>>>();
  StartsAfresh<BasicPyHandleCache<FixedSlots<8>>>();
  StartsAfresh<BasicPyHandleCache<SideTable>>();
}

// The inline namespace is named after the build's choice of policy.
TEST(PyHandleCacheTest, TheDefaultIsNamedAfterItsPolicy) {
#define MULTISLOT_TEST_STRING_(name) #name
#define MULTISLOT_TEST_STRING(name) MULTISLOT_TEST_STRING_(name)
  const std::string name =
      MULTISLOT_TEST_STRING(MULTISLOT_DEFAULT_SLOT_POLICY_NAME);
  const bool is_one_for_both =
      std::is_same<DefaultSlotPolicy, DefaultHandleCachePolicy>::value;
  const std::string expected =
      std::is_same<DefaultSlotPolicy, SingleSlot>::value ? "single"
      : std::is_same<DefaultSlotPolicy, SideTable>::value
          ? "side_table"
          : (is_one_for_both ? "fixed_" : "default_") +
                std::to_string(PyHandleCache::capacity());
  EXPECT_EQ(is_one_for_both, name.compare(0, 8, "default_") != 0);
  EXPECT_EQ(name, expected);
}

}  // namespace
}  // namespace multislot
