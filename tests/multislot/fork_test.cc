// (S27) Forks beside pthread_atfork handlers that were registered before ours
// and use caches, and beside allocators that lock during a fork.

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <optional>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/fixed_slots.h"
#include "multislot/internal/registry.h"
#include "multislot/interpreter.h"

namespace {

using multislot::Interpreter;
using Cache = multislot::BasicPyHandleCache<multislot::FixedSlots<4>>;

PyObject* Handle() {
  static char object;
  return reinterpret_cast<PyObject*>(&object);
}

// An interpreter registers, fills, hits and retires.
bool ALifeIsAsUsual() {
  Interpreter interpreter;
  const Cache cache;
  return cache.ptr_or(&interpreter, Handle) == Handle() &&
         cache.peek(&interpreter) == Handle();
}

// --- Handlers ----------------------------------------------------------------

int g_lives_before = 0;
int g_lives_after = 0;
void (*g_in_handler)() = nullptr;

bool ForkedChildIsGood(bool (*good)()) {
  const pid_t child = fork();
  if (child == 0) _exit(good() ? 0 : 1);
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child &&
         WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Runs before any C++ static is initialised, ours included. So before a fork
// these run after our handler, and after the fork before ours.
__attribute__((constructor(101))) void RegisterHandlers() {
  const auto after = [] { g_lives_after += ALifeIsAsUsual() ? 1 : 0; };
  pthread_atfork(
      [] {
        g_lives_before += ALifeIsAsUsual() ? 1 : 0;
        if (g_in_handler != nullptr) g_in_handler();
      },
      after, after);
}

TEST(ForkTest, AHandlerThatWasThereFirstUsesACache) {
  for (int fork_number = 1; fork_number <= 3; ++fork_number) {
    g_lives_before = g_lives_after = 0;
    EXPECT_TRUE(ForkedChildIsGood([] {
      return g_lives_before == 1 && g_lives_after == 1 && ALifeIsAsUsual();
    }));
    EXPECT_EQ(g_lives_before, 1);
    EXPECT_EQ(g_lives_after, 1);
    EXPECT_TRUE(ALifeIsAsUsual());
  }
}

TEST(ForkTest, AHandlerForksItself) {
  g_lives_before = 0;
  g_in_handler = [] {
    g_in_handler = nullptr;
    g_lives_before += ForkedChildIsGood(ALifeIsAsUsual) ? 1 : 0;
  };
  EXPECT_TRUE(ForkedChildIsGood(ALifeIsAsUsual));
  EXPECT_EQ(g_lives_before, 3);
  EXPECT_TRUE(ALifeIsAsUsual());
}

// (The other thread may come too late to notice a missing lock. That raises no
// false alarm, here and below.)
TEST(ForkTest, NoOtherThreadGetsInMeanwhile) {
  static std::atomic<bool> go;
  static std::atomic<bool> over;
  for (int round = 0; round < 20; ++round) {
    go = over = false;
    bool early = false;
    std::thread other([&early] {
      while (!go) std::this_thread::yield();
      multislot::internal::RegistryLock lock;
      early = !over;
    });
    g_in_handler = [] {
      g_in_handler = nullptr;
      go = true;
      for (int i = 0; i < 100; ++i) std::this_thread::yield();
      over = true;
    };
    EXPECT_TRUE(ForkedChildIsGood(ALifeIsAsUsual));
    other.join();
    EXPECT_FALSE(early);
  }
}

// While one thread holds the lock, no other thread gets it.
bool TheLockLocks() {
  for (int round = 0; round < 50; ++round) {
    std::atomic<bool> coming{false};
    std::atomic<bool> leaving{false};
    std::atomic<bool> good{false};
    std::optional<std::thread> other;
    {
      multislot::internal::RegistryLock lock;
      other.emplace([&] {
        coming = true;
        multislot::internal::RegistryLock too;
        good = leaving.load();
      });
      while (!coming) std::this_thread::yield();
      for (int i = 0; i < 10; ++i) std::this_thread::yield();
      leaving = true;
    }
    other->join();
    if (!good) return false;
  }
  return true;
}

TEST(ForkTest, TheLockLocksAfterwards) {
  EXPECT_TRUE(ForkedChildIsGood(TheLockLocks));
  EXPECT_TRUE(TheLockLocks());
}

// --- Allocators --------------------------------------------------------------

// While set, each allocation waits until another thread has filled a slot. It
// waits for ever if the allocating thread holds the lock.
std::atomic<bool> g_fill_while_allocating{false};
std::atomic<int> g_allocations{0};

}  // namespace

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  if (g_fill_while_allocating.exchange(false)) {
    ++g_allocations;
    std::thread([] { static_cast<void>(ALifeIsAsUsual()); }).join();
    g_fill_while_allocating = true;
  }
  return std::malloc(size);
}
void* operator new[](std::size_t size, const std::nothrow_t& tag) noexcept {
  return operator new(size, tag);
}
void* operator new(std::size_t size) {
  void* memory = operator new(size, std::nothrow);
  if (memory == nullptr) std::abort();
  return memory;
}
void* operator new[](std::size_t size) { return operator new(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace {

TEST(AllocatorTest, NothingIsAllocatedUnderTheLock) {
  constexpr std::size_t kInterpreters = 1000;
  alignas(Interpreter) static unsigned char memory[kInterpreters]
                                                  [sizeof(Interpreter)];
  std::vector<Interpreter*> interpreters;
  interpreters.reserve(kInterpreters);
  g_fill_while_allocating = true;
  for (auto& place : memory) interpreters.push_back(new (place) Interpreter);
  g_fill_while_allocating = false;
  EXPECT_GE(g_allocations, 3);
  for (Interpreter* interpreter : interpreters) {
    EXPECT_FALSE(interpreter->retired());
    interpreter->~Interpreter();
  }
}

}  // namespace
