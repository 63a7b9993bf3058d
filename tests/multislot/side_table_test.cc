#include "multislot/side_table.h"

#if !defined(_WIN32)
#include <sys/wait.h>
#include <unistd.h>
#endif

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/internal/interpreter_traits.h"
#include "multislot/internal/py_object.h"
#include "multislot/internal/registry.h"
#include "multislot/internal/table.h"
#include "multislot/internal/table_fill.h"
#include "multislot/interpreter.h"
#include "multislot/slot_policy.h"
#include "tests/multislot/resident_memory.h"

namespace multislot {
namespace {

using Cache = BasicPyHandleCache<SideTable>;

static_assert(sizeof(Cache) == sizeof(void*), "");
static_assert(alignof(Cache) == alignof(void*), "");
static_assert(std::is_trivially_destructible<Cache>::value, "");
static_assert(!std::is_copy_constructible<Cache>::value, "");
static_assert(!std::is_move_constructible<Cache>::value, "");
static_assert(Cache::capacity() == kUnlimited, "");
[[maybe_unused]] constexpr Cache kConstantInitialised;

PyObject* HandleNumber(std::size_t number) {
  static char objects[1 << 16];
  return reinterpret_cast<PyObject*>(&objects[number]);
}

// Sets the register's last index until it is destroyed.
class LastIndex {
 public:
  explicit LastIndex(std::size_t index) {
    internal::RegistryLock lock(internal::g_register);
    before_ = internal::g_register.last_index;
    internal::g_register.last_index = index;
  }
  ~LastIndex() {
    internal::RegistryLock lock(internal::g_register);
    internal::g_register.last_index = before_;
  }

 private:
  std::size_t before_;
};

// While it lives, fills find no tables that retired interpreters left.
class NoFreeTables {
 public:
  NoFreeTables() {
    internal::RegistryLock lock(internal::g_register);
    std::swap(tables_, internal::g_register.free_tables);
  }
  ~NoFreeTables() {
    internal::RegistryLock lock(internal::g_register);
    for (std::size_t i = 0; i < std::size(tables_); ++i) {
      internal::Table** end = &internal::g_register.free_tables[i];
      while (*end != nullptr) end = &(*end)->next;
      *end = tables_[i];
    }
  }

 private:
  internal::Table* tables_[internal::kIndexBits + 1] = {};
};

// The number of free tables, of all sizes.
std::size_t FreeTables() {
  std::size_t count = 0;
  internal::RegistryLock lock(internal::g_register);
  for (const internal::Table* table : internal::g_register.free_tables) {
    for (; table != nullptr; table = table->next) ++count;
  }
  return count;
}

// Every interpreter has its own table, which grows.
TEST(SideTableTest, ManyCachesOfManyInterpreters) {
  constexpr std::size_t kCaches = 3000;
  constexpr std::size_t kInterpreters = 100;
  std::vector<SideTable> caches(kCaches);
  std::deque<Interpreter> interpreters(kInterpreters);
  const auto handle = [](std::size_t interpreter, std::size_t cache) {
    return HandleNumber((interpreter * kCaches + cache) % 60000);
  };
  for (std::size_t i = 0; i < kInterpreters; ++i) {
    // Each interpreter fills in another order.
    for (std::size_t j = 0; j < kCaches; ++j) {
      const std::size_t cache = (j * 7 + i * 31) % kCaches;
      ASSERT_EQ(caches[cache].publish(&interpreters[i], handle(i, cache)),
                handle(i, cache));
    }
  }
  for (std::size_t i = 0; i < kInterpreters; ++i) {
    for (std::size_t j = 0; j < kCaches; ++j) {
      ASSERT_EQ(caches[j].find_fast(&interpreters[i]), handle(i, j));
      ASSERT_EQ(caches[j].find(&interpreters[i]), handle(i, j));
    }
  }
  EXPECT_EQ(caches[5].occupancy(), kInterpreters);
  for (std::size_t i = 0; i < kInterpreters; i += 2) interpreters[i].retire();
  EXPECT_EQ(caches[5].occupancy(), kInterpreters / 2);
  for (std::size_t j = 0; j < kCaches; ++j) {
    ASSERT_EQ(caches[j].find(&interpreters[0]), nullptr);
    ASSERT_EQ(caches[j].find(&interpreters[1]), handle(1, j));
  }
}

TEST(SideTableTest, TheFirstPublicationWins) {
  const SideTable cache;
  Interpreter interpreter;
  for (std::size_t i : {1, 2}) {
    EXPECT_EQ(cache.publish(&interpreter, HandleNumber(i)), HandleNumber(1));
  }
  EXPECT_EQ(cache.occupancy(), 1u);
}

// Deadlocks if a lookup takes the lock.
TEST(SideTableTest, OnlyAFillTakesTheLock) {
  const SideTable filled;
  const SideTable empty;
  Interpreter interpreter;
  Interpreter other;
  filled.publish(&interpreter, HandleNumber(1));
  internal::RegistryLock lock(internal::g_register);
  EXPECT_EQ(filled.find_fast(&interpreter), HandleNumber(1));
  EXPECT_EQ(filled.find(&interpreter), HandleNumber(1));
  for (Interpreter* each : {&interpreter, &other}) {
    EXPECT_EQ(empty.find_fast(each), nullptr);
    EXPECT_EQ(empty.find(each), nullptr);
  }
  EXPECT_EQ(filled.find(&other), nullptr);
}

#ifndef NDEBUG
TEST(SideTableTest, ANullHandleIsAMistake) {
  const SideTable cache;
  Interpreter interpreter;
  EXPECT_DEATH(static_cast<void>(cache.publish(&interpreter, nullptr)),
               "a null handle");
}
#endif

// A new cache takes the memory of one that is gone.
TEST(SideTableTest, AnIndexIsNotUsedAgain) {
  Interpreter interpreter;
  std::optional<SideTable> cache;
  for (std::size_t i = 1; i <= 100; ++i) {
    cache.emplace();
    EXPECT_EQ(cache->find(&interpreter), nullptr);
    EXPECT_EQ(cache->publish(&interpreter, HandleNumber(i)), HandleNumber(i));
  }
}

// A pointer to an interpreter's table that changes after some loads.
struct ChangingPointer {
  internal::Table* load(std::memory_order) const {
    return ++loads <= loads_before ? before : after;
  }
  internal::Table* before;
  internal::Table* after;
  int loads_before;
  mutable int loads = 0;
};

struct TableOfOne {
  internal::Table table = {2, nullptr, 0, nullptr};
  std::atomic<PyObject*> handles[2] = {{nullptr}, {nullptr}};
  // What follows a table's handles must not be returned.
  std::atomic<PyObject*> beyond = {HandleNumber(3)};
};

TEST(TableTest, ATableThatIsLostMeanwhileIsNotBelieved) {
  static_assert(offsetof(TableOfOne, handles) == sizeof(internal::Table), "");
  TableOfOne before;
  TableOfOne after;
  before.handles[1] = HandleNumber(1);
  after.handles[1] = HandleNumber(2);
  const ChangingPointer steady{&before.table, &after.table, 2};
  EXPECT_EQ(internal::FindFastInTable(steady, 1), HandleNumber(1));
  const ChangingPointer changing{&before.table, &after.table, 1};
  EXPECT_EQ(internal::FindFastInTable(changing, 1), nullptr);
}

// The old table has a handle, or has none, or is too small.
TEST(TableTest, ATableThatChangedIsReadAnew) {
  TableOfOne before;
  TableOfOne after;
  after.handles[1] = HandleNumber(2);
  internal::Table empty = {0, nullptr, 0, nullptr};
  for (PyObject* stale : {HandleNumber(1), HandleNumber(0)}) {
    before.handles[1] = stale;
    const ChangingPointer changing{&before.table, &after.table, 1};
    EXPECT_EQ(internal::FindInTable(changing, 1), HandleNumber(2));
    EXPECT_EQ(changing.loads, 4);
  }
  const ChangingPointer growing{&empty, &after.table, 1};
  EXPECT_EQ(internal::FindInTable(growing, 1), HandleNumber(2));
}

TEST(TableTest, ATableEndsWithItsLastHandle) {
  TableOfOne table;
  const ChangingPointer steady{&table.table, &table.table, 0};
  EXPECT_EQ(internal::FindFastInTable(steady, 2), nullptr);
  EXPECT_EQ(internal::FindInTable(steady, 2), nullptr);
}

// One thread fills caches and so makes the table grow; others keep hitting.
TEST(SideTableTest, HitsGoOnWhileTheTableGrows) {
  for (int round = 0; round < 20; ++round) {
    Interpreter interpreter;
    const SideTable first;
    first.publish(&interpreter, HandleNumber(1));
    std::vector<SideTable> others(5000);
    std::atomic<bool> done{false};
    std::atomic<int> misses{0};
    std::vector<std::thread> readers;
    for (int i = 0; i < 2; ++i) {
      readers.emplace_back([&] {
        do {
          if (first.find(&interpreter) != HandleNumber(1)) ++misses;
        } while (!done);
      });
    }
    for (const SideTable& cache : others) {
      cache.publish(&interpreter, HandleNumber(2));
    }
    done = true;
    for (std::thread& reader : readers) reader.join();
    ASSERT_EQ(misses, 0);
  }
}

// Interpreters that come and go reuse the same tables.
TEST(SideTableTest, RetiredInterpretersTablesGoToOthers) {
  using Traits = internal::InterpreterTraits<Interpreter>;
  NoFreeTables no_free_tables;
  LastIndex first(0);  // so that the table grows more than once
  std::vector<std::atomic<std::uintptr_t>> indices(1000);
  const auto live = [&indices](void* (*allocate)(std::size_t)) {
    Interpreter interpreter;
    std::atomic<internal::Table*>& tables = Traits::TablesOf(&interpreter);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      ASSERT_EQ(internal::FindInTable(tables, indices[i].load()), nullptr);
      ASSERT_EQ(
          internal::FillTable(internal::g_register, Traits::TagOf(&interpreter),
                              tables, indices[i], HandleNumber(i),
                              internal::Ownership::None(), allocate)
              .handle,
          HandleNumber(i));
    }
  };
  live(internal::AllocateZeroed);
  const std::size_t tables = FreeTables();
  EXPECT_GT(tables, 1u);
  for (int i = 0; i < 300; ++i) {
    live([](std::size_t) -> void* { return nullptr; });
    if (HasFailure()) break;
  }
  EXPECT_EQ(FreeTables(), tables);
  // Only their memory is left: no fills, no handles.
  internal::RegistryLock lock(internal::g_register);
  for (internal::Table* table : internal::g_register.free_tables) {
    for (; table != nullptr; table = table->next) {
      EXPECT_EQ(table->fills, 0u);
      for (std::size_t i = 0; i < indices.size() && i < table->size; ++i) {
        EXPECT_EQ(table->handles()[i].load(), nullptr);
      }
    }
  }
}

// The adapter has to know whether its own object was stored.
TEST(SideTableTest, OnlyTheFirstFillIsNew) {
  Interpreter interpreter;
  const SideTable cache;
  for (const bool is_first : {true, false}) {
    const internal::Filled filled = internal::SideTableAccess::FillOwned(
        internal::g_register, cache, &interpreter,
        HandleNumber(is_first ? 1 : 2), internal::Ownership::Reference());
    EXPECT_EQ(filled.handle, HandleNumber(1));
    EXPECT_EQ(filled.is_new, is_first);
  }
}

// (S22)
TEST(SideTableTest, AMillionLivesLeaveMemoryAsItWas) {
  const SideTable cache;
  const auto live = [&cache](int lives) {
    for (int i = 0; i < lives; ++i) {
      Interpreter interpreter;
      cache.publish(&interpreter, HandleNumber(1));
    }
  };
  { Interpreter crowd[200]; }
  live(1);
  const std::size_t tables_before = FreeTables();
  const std::int64_t resident_before = ResidentMemory();
  live(1000000);
  EXPECT_EQ(FreeTables(), tables_before);
  // Four bytes a life would come to this.
  EXPECT_LE(ResidentMemory() - resident_before, 4'000'000);
}

// Interpreters that use only a cache with a high index.
TEST(SideTableTest, SparseUseTakesLittleMemory) {
  LastIndex high(900000);
  const SideTable cache;
  std::deque<Interpreter> interpreters(20);
  const std::int64_t resident_before = ResidentMemory();
  for (Interpreter& interpreter : interpreters) {
    cache.publish(&interpreter, HandleNumber(1));
  }
  for (Interpreter& interpreter : interpreters) {
    ASSERT_EQ(cache.find(&interpreter), HandleNumber(1));
  }
  // 20 full tables would take 240 MiB; a sanitizer adds an eighth.
  EXPECT_LE(ResidentMemory() - resident_before, 45'000'000);
  // The same for a table that grows from there.
  LastIndex higher(3000000);
  const SideTable other;
  other.publish(&interpreters[0], HandleNumber(2));
  EXPECT_EQ(cache.find(&interpreters[0]), HandleNumber(1));
  EXPECT_EQ(other.find(&interpreters[0]), HandleNumber(2));
  EXPECT_LE(ResidentMemory() - resident_before, 60'000'000);
}

#if !defined(_WIN32)
// The tables reserve address space, not memory, so a fork succeeds.
TEST(SideTableTest, AForkWithManySparseTables) {
  if (sizeof(void*) < 8) return;  // not enough address space
  LastIndex high(8000000);
  const SideTable cache;
  std::deque<Interpreter> interpreters(1000);  // 192 MiB each
  for (Interpreter& interpreter : interpreters) {
    ASSERT_EQ(cache.publish(&interpreter, HandleNumber(1)), HandleNumber(1));
  }
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(cache.find(&interpreters[999]) == HandleNumber(1));
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 1);
}
#endif

// Without an index lookups are slow, and right.
TEST(SideTableTest, IndicesRunOut) {
  constexpr std::size_t kLast = (std::size_t{1} << internal::kIndexBits) - 1;
  LastIndex none_left(kLast);
  Interpreter interpreter;
  for (int i = 0; i < 2; ++i) {
    const Cache cache;
    int calls = 0;
    for (int j = 0; j < 3; ++j) {
      EXPECT_EQ(cache.ptr_or(&interpreter,
                             [&calls] {
                               ++calls;
                               return HandleNumber(1);
                             }),
                HandleNumber(1));
    }
    EXPECT_EQ(calls, 3);
    EXPECT_EQ(cache.peek(&interpreter), nullptr);
    EXPECT_EQ(cache.occupancy(), 0u);
  }
  internal::RegistryLock lock(internal::g_register);
  EXPECT_EQ(internal::g_register.last_index, kLast);
}

// What is mapped takes no memory before it is used, so a large table comes
// soon.
TEST(SideTableTest, SizesOfTables) {
  using Traits = internal::InterpreterTraits<Interpreter>;
#if defined(__linux__)
  constexpr bool kOnDemand = sizeof(void*) >= 8;
#else
  constexpr bool kOnDemand = false;
#endif
  constexpr struct {
    std::size_t index;
    int bits;
  } kExpected[] = {
      {1, 5},
      {31, 5},
      {32, 7},
      {127, 7},
      {128, 9},
      {511, 9},
      {512, kOnDemand ? 20 : 11},
      {2047, kOnDemand ? 20 : 11},
      {2048, kOnDemand ? 20 : 13},
  };
  for (const auto& expected : kExpected) {
    LastIndex before(expected.index - 1);
    Interpreter interpreter;
    const Cache cache;
    EXPECT_EQ(cache.ptr_or(&interpreter, [] { return HandleNumber(1); }),
              HandleNumber(1));
    EXPECT_EQ(Traits::TablesOf(&interpreter).load()->size,
              std::size_t{1} << expected.bits)
        << "index " << expected.index;
  }
}

// No memory for the first table, or for a larger one; then there is some.
TEST(SideTableTest, MemoryRunsOut) {
  using Traits = internal::InterpreterTraits<Interpreter>;
  static int failures;
  failures = 0;
  void* (*const fail)(std::size_t) = [](std::size_t) -> void* {
    ++failures;
    return nullptr;
  };
  NoFreeTables no_free_tables;
  Interpreter interpreter;
  std::atomic<std::uintptr_t> indices[2] = {{0}, {0}};
  for (std::size_t i : {0, 1}) {
    LastIndex high(i == 0 ? 100 : 10000);
    const auto fill = [&](void* (*allocate)(std::size_t)) {
      return internal::FillTable(
          internal::g_register, Traits::TagOf(&interpreter),
          Traits::TablesOf(&interpreter), indices[i], HandleNumber(i + 1),
          internal::Ownership::None(), allocate);
    };
    for (int j = 1; j <= 2; ++j) {
      const internal::Filled filled = fill(fail);
      EXPECT_EQ(filled.handle, nullptr);
      EXPECT_FALSE(filled.is_new);
      EXPECT_EQ(failures, static_cast<int>(2 * i) + j);
    }
    const internal::Filled filled = fill(internal::AllocateZeroed);
    EXPECT_EQ(filled.handle, HandleNumber(i + 1));
    EXPECT_TRUE(filled.is_new);
    for (std::size_t j = 0; j <= i; ++j) {
      EXPECT_EQ(internal::FindInTable(Traits::TablesOf(&interpreter),
                                      indices[j].load()),
                HandleNumber(j + 1));
    }
  }
}

// What an interpreter owns goes to its larger table, in the order of the fills.
TEST(SideTableTest, WhatIsOwnedAsTheTableGrows) {
  using Traits = internal::InterpreterTraits<Interpreter>;
  Interpreter interpreter;
  internal::OwnedValue values[2] = {};
  std::atomic<std::uintptr_t> indices[4] = {};
  const auto fill = [&](std::size_t i, internal::Ownership owned) {
    const internal::Filled filled = internal::FillTable(
        internal::g_register, Traits::TagOf(&interpreter),
        Traits::TablesOf(&interpreter), indices[i], HandleNumber(i), owned);
    EXPECT_TRUE(filled.is_new);
  };
  fill(0, internal::Ownership::Of(&values[0]));
  fill(1, internal::Ownership::Reference());
  fill(2, internal::Ownership::None());
  const std::size_t size = Traits::TablesOf(&interpreter).load()->size;
  LastIndex high(size);
  fill(3, internal::Ownership::Of(&values[1]));

  internal::Table* table = Traits::RetireAndTakeTables(&interpreter);
  ASSERT_GT(table->size, size);
  ASSERT_EQ(table->fills, 4u);
  EXPECT_EQ(table->order()[0], indices[0] | internal::kOwnsValue);
  EXPECT_EQ(table->order()[1], indices[1] | internal::kOwnsReference);
  EXPECT_EQ(table->order()[2], indices[2]);
  EXPECT_EQ(table->order()[3], indices[3] | internal::kOwnsValue);
  EXPECT_EQ(table->values, &values[1]);
  EXPECT_EQ(values[1].next, &values[0]);
  EXPECT_EQ(values[0].next, nullptr);
  internal::FreeTables(internal::g_register, table);
  EXPECT_EQ(table->fills, 0u);
  EXPECT_EQ(table->values, nullptr);
}

#if defined(__linux__)
// By /proc/self/maps. (In qemu-user msync() would call all memory mapped.)
bool IsMapped(const void* memory) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0, end = 0;
    char dash;
    std::istringstream(line) >> std::hex >> begin >> dash >> end;
    const auto address = reinterpret_cast<std::uintptr_t>(memory);
    if (begin <= address && address < end) return true;
  }
  return false;
}

// Two fills make an interpreter's table grow at once. The second one's table is
// not needed, and is unmapped.
TEST(SideTableTest, AMappedTableThatIsNotNeeded) {
  using Traits = internal::InterpreterTraits<Interpreter>;
  static std::atomic<std::uintptr_t> indices[2];
  static Interpreter* interpreter;
  static void* spare;
  const auto fill = [](std::size_t i, void* (*allocate)(std::size_t)) {
    return internal::FillTable(internal::g_register, Traits::TagOf(interpreter),
                               Traits::TablesOf(interpreter), indices[i],
                               HandleNumber(i), internal::Ownership::None(),
                               allocate);
  };
  static const auto first = [fill] { fill(1, internal::AllocateZeroed); };

  NoFreeTables no_free_tables;
  LastIndex high(10000);
  Interpreter own;
  interpreter = &own;
  const internal::Filled filled = fill(0, [](std::size_t bytes) {
    first();
    spare = internal::AllocateZeroed(bytes);
    return spare;
  });
  EXPECT_EQ(filled.handle, HandleNumber(0));
  ASSERT_NE(spare, nullptr);
  EXPECT_FALSE(IsMapped(spare));
  EXPECT_TRUE(IsMapped(Traits::TablesOf(&own).load()));
}
#endif

#if !defined(_WIN32)
// While a thread fills tables, each fork's child finds them whole, and can
// fill.
TEST(SideTableTest, AForkWhileTablesGrow) {
  std::atomic<bool> done{false};
  std::thread filling([&done] {
    std::vector<SideTable> caches(2000);
    while (!done) {
      Interpreter interpreter;
      for (const SideTable& cache : caches) {
        cache.publish(&interpreter, HandleNumber(1));
      }
    }
  });
  const SideTable cache;
  Interpreter interpreter;
  cache.publish(&interpreter, HandleNumber(3));
  for (int i = 0; i < 100; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(30);
      Interpreter other;
      const bool right =
          cache.find(&interpreter) == HandleNumber(3) &&
          cache.publish(&other, HandleNumber(4)) == HandleNumber(4) &&
          cache.find(&other) == HandleNumber(4) && cache.occupancy() >= 2;
      _exit(right ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
  }
  done = true;
  filling.join();
}
#endif

TEST(InterpreterTest, SaysOfAnIdWhetherItLives) {
  Interpreter interpreter;
  EXPECT_TRUE(Interpreter::is_live(interpreter.id()));
  interpreter.retire();
  EXPECT_FALSE(Interpreter::is_live(interpreter.id()));
  for (std::uint64_t id : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2},
                           std::numeric_limits<std::uint64_t>::max()}) {
    EXPECT_FALSE(Interpreter::is_live(id));
  }
}

}  // namespace
}  // namespace multislot
