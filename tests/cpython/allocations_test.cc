// The adapter's own allocations: how many there are, and what a lookup returns
// if they fail.

#include <Python.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "gtest/gtest.h"
#include "multislot/cpython/call_once_and_store.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/per_interpreter.h"
#include "multislot/fixed_slots.h"
#include "multislot/side_table.h"
#include "tests/cpython/embedded.h"

namespace {

// How many allocations still succeed; -1: all.
int g_left = -1;
int g_allocations = 0;
bool MayAllocate() {
  ++g_allocations;
  if (g_left > 0) return --g_left >= 0;
  return g_left < 0;
}

}  // namespace

// The linker passes calls of calloc() in this program, but not CPython's, to
// __wrap_calloc().
extern "C" void* __real_calloc(std::size_t count, std::size_t size);
extern "C" void* __wrap_calloc(std::size_t count, std::size_t size) {
  return MayAllocate() ? __real_calloc(count, size) : nullptr;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return MayAllocate() ? std::malloc(size) : nullptr;
}
void* operator new(std::size_t size) {
  void* memory = operator new(size, std::nothrow);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return operator new(size, std::nothrow);
}
void* operator new[](std::size_t size) { return operator new(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace multislot {
namespace cpython {
namespace {

constexpr int kMostAllocations = 6;  // more than a first lookup makes

// Runs the function, with the number of allocations that it may make, in
// interpreters that all live until the end, so that none can use another's
// memory again.
template <typename Function>
void InNewInterpreters(const Function& function) {
  Runtime runtime;
  std::vector<std::unique_ptr<SubInterpreter>> subs;
  for (int allocations = 0; allocations <= kMostAllocations; ++allocations) {
    SCOPED_TRACE(allocations);
    subs.push_back(std::make_unique<SubInterpreter>());
    In in(*subs.back());
    function(allocations);
    EXPECT_EQ(g_left, -1);
    g_left = -1;
  }
}

// Each test runs in a child process: memory that earlier tests left would do.
#define IN_A_CHILD(...)                                   \
  EXPECT_EXIT(                                            \
      {                                                   \
        __VA_ARGS__;                                      \
        std::exit(::testing::Test::HasFailure() ? 1 : 0); \
      },                                                  \
      ::testing::ExitedWithCode(0), "")

int g_alive = 0;
PyObject* Make() {
  ++g_alive;
  return PyCapsule_New(&g_alive, nullptr, [](PyObject*) { --g_alive; });
}

// An object that nobody can own lives for ever. With slots it is found again.
template <typename Policy>
void TestObjects(bool is_found_again) {
  static const HandleCache<Policy> cache;
  g_alive = 0;
  int made_again = 0;
  InNewInterpreters([&](int allocations) {
    g_left = allocations;
    PyObject* first = cache.get_or_create(Make);
    g_left = -1;
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(PyErr_Occurred(), nullptr);
    EXPECT_NE(CurrentInterpreter(), nullptr);
    PyObject* second = cache.get_or_create(Make);
    ASSERT_NE(second, nullptr);
    EXPECT_EQ(cache.get_or_create(Make), second);
    EXPECT_EQ(cache.peek(), second);
    EXPECT_EQ(Py_REFCNT(first), 1);
    EXPECT_EQ(Py_REFCNT(second), 1);
    if (first != second) ++made_again;
  });
  EXPECT_GT(g_alive, 0);
  EXPECT_LT(g_alive, kMostAllocations);
  // Without a record there is no slot.
  EXPECT_EQ(made_again, is_found_again ? 1 : g_alive);
}

TEST(AllocationsDeathTest, Objects) {
  IN_A_CHILD(TestObjects<SideTable>(false));
}
TEST(AllocationsDeathTest, ObjectsInSlots) {
  IN_A_CHILD(TestObjects<FixedSlots<kMostAllocations + 1>>(true));
}

// The same, where the slot is not the first one that a lookup tries.
void TestAnotherSlot() {
  static const HandleCache<FixedSlots<2>> cache;
  Runtime runtime;
  const std::size_t home = CurrentInterpreter()->home_index();
  EXPECT_NE(cache.get_or_create(Make), nullptr);
  SubInterpreter subs[2];
  for (const SubInterpreter& sub : subs) {
    In in(sub);
    if ((CurrentInterpreter()->home_index() - home) % 2 != 0) continue;
    g_left = 0;
    PyObject* object = cache.get_or_create(Make);
    g_left = -1;
    ASSERT_NE(object, nullptr);
    EXPECT_EQ(cache.peek(), object);
    EXPECT_EQ(cache.get_or_create(Make), object);
  }
  EXPECT_EQ(g_alive, 2);
}

TEST(AllocationsDeathTest, AnotherSlot) { IN_A_CHILD(TestAnotherSlot()); }

// Of interpreters that follow each other at the same address, only the first
// one allocates.
void TestLives() {
  static const HandleCache<SideTable> cache;
  constexpr int kLives = 40;
  const PyInterpreterState* addresses[kLives];
  int different = 0;
  Runtime runtime;
  EXPECT_NE(cache.get_or_create(Make), nullptr);
  {
    SubInterpreter sub;  // its table is enough for the others
    In in(sub);
    EXPECT_NE(cache.get_or_create(Make), nullptr);
  }
  g_allocations = 0;
  for (int i = 0; i < kLives; ++i) {
    SubInterpreter sub;
    In in(sub);
    EXPECT_NE(cache.get_or_create(Make), nullptr);
    const PyInterpreterState** end = addresses + different;
    if (std::find(addresses + 0, end, sub.interpreter()) == end) {
      addresses[different++] = sub.interpreter();
    }
  }
  EXPECT_LE(g_allocations, different);
}

TEST(AllocationsDeathTest, Lives) { IN_A_CHILD(TestLives()); }

struct Counted {
  explicit Counted(int value) : number(value) { ++g_alive; }
  ~Counted() { --g_alive; }
  int number;
};

// Without memory for it there is no value: null, with a MemoryError. A value
// that nobody can own lives for ever.
void TestValues() {
  static const PerInterpreter<Counted, SideTable> cache;
  g_alive = 0;
  int failed = 0;
  int unowned = 0;
  InNewInterpreters([&](int allocations) {
    g_left = allocations;
    const Counted* first = cache.get_or_create([] { return Counted(7); });
    g_left = -1;
    EXPECT_NE(CurrentInterpreter(), nullptr);
    if (first == nullptr) {
      ++failed;
      EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_MemoryError));
      PyErr_Clear();
    } else {
      EXPECT_EQ(first->number, 7);
    }
    EXPECT_EQ(PyErr_Occurred(), nullptr);
    const Counted* second = cache.get_or_create([] { return Counted(8); });
    ASSERT_NE(second, nullptr);
    EXPECT_EQ(cache.get_or_create([] { return Counted(9); }), second);
    if (first != nullptr && first != second) ++unowned;
    EXPECT_EQ(second->number, first == second ? 7 : 8);
  });
  EXPECT_GT(failed, 0);
  EXPECT_GT(unowned, 0);
  EXPECT_LT(failed + unowned, kMostAllocations);
  EXPECT_EQ(g_alive, unowned);
}

TEST(AllocationsDeathTest, Values) { IN_A_CHILD(TestValues()); }

// Without memory for the value std::bad_alloc is thrown; without memory to wait
// with, nobody waits. An error that is pending stays alone.
void TestCallOnce() {
  static CallOnceAndStore<Counted, SideTable> storage;
  int thrown = 0;
  int stored = 0;
  InNewInterpreters([&](int allocations) {
    PyErr_SetString(PyExc_ValueError, "pending");
    g_left = allocations;
    try {
      const auto result =
          storage.call_once_and_store_result([] { return Counted(7); });
      g_left = -1;
      EXPECT_EQ(result.get_stored().number, 7);
      ++stored;
    } catch (const std::bad_alloc&) {
      g_left = -1;
      ++thrown;
    }
    EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_ValueError));
    PyErr_Clear();
    const auto again =
        storage.call_once_and_store_result([] { return Counted(7); });
    EXPECT_EQ(again.get_stored().number, 7);
    EXPECT_EQ(&storage.get_stored(), &again.get_stored());
  });
  EXPECT_GT(thrown, 0);
  EXPECT_GT(stored, 0);
}

TEST(AllocationsDeathTest, CallOnce) { IN_A_CHILD(TestCallOnce()); }

}  // namespace
}  // namespace cpython
}  // namespace multislot
