// (S19, S22) Interpreters that come and go leave nothing of multislot behind.
//
// CPython itself leaks in every cycle, so the test compares with a control: the
// same loop in another process, with the same objects made and kept without
// multislot.

#include <Python.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "gtest/gtest.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/import_attr.h"
#include "multislot/cpython/per_interpreter.h"
#include "multislot/fixed_slots.h"
#include "tests/cpython/embedded.h"

namespace multislot {
namespace cpython {
namespace {

// All cycles take minutes, so only one CPython runs them all.
#ifdef ALL_CYCLES
constexpr int kPart = 1;
#else
constexpr int kPart = 4;
#endif

void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

// Each interpreter looks up ten objects, in caches that overflow, and ten
// values, three times each.
HandleCache<FixedSlots<1>> g_caches[10];
PerInterpreter<std::vector<int>> g_values[10];

void UseCaches() {
  for (int round = 0; round < 3; ++round) {
    for (const auto& cache : g_caches) {
      Require(cache.get_or_create(ImportAttr("math", "sqrt")) != nullptr,
              "looked up");
    }
    for (const auto& value : g_values) {
      const std::vector<int>* numbers =
          value.get_or_create([] { return std::vector<int>(1000); });
      Require(numbers != nullptr && numbers->size() == 1000, "looked up");
    }
  }
}

// The control. The interpreter keeps the objects as long. Imports atexit and
// sets an attribute of sys like the adapter: for each sub-interpreter CPython
// 3.12 leaks three blocks of the one, and the interned name of the other.
void DoWithoutCaches() {
  PyObject* atexit = PyImport_ImportModule("atexit");
  Require(atexit != nullptr && PySys_SetObject("memory_test", atexit) == 0,
          "imported");
  Py_DECREF(atexit);
  PyObject* dict = PyInterpreterState_GetDict(PyInterpreterState_Get());
  for (int i = 0; i < 10; ++i) {
    PyObject* key = PyLong_FromLong(i);
    PyObject* object = ImportAttr("math", "sqrt")();
    Require(object != nullptr && PyDict_SetItem(dict, key, object) == 0,
            "made");
    Py_DECREF(key);
    Py_DECREF(object);
  }
}

long ResidentKiB() {
  long size = 0;
  long resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

// How many more thread-specific data keys the process could make.
int KeysLeft() {
  std::vector<pthread_key_t> keys;
  pthread_key_t key;
  while (pthread_key_create(&key, nullptr) == 0) keys.push_back(key);
  for (pthread_key_t made : keys) pthread_key_delete(made);
  return static_cast<int>(keys.size());
}

// Counts the blocks that CPython has allocated for objects and for their
// contents.
class Blocks {
 public:
  static void Count() {
    for (PyMemAllocatorDomain domain : {PYMEM_DOMAIN_OBJ, PYMEM_DOMAIN_MEM}) {
      PyMemAllocatorEx& original = original_[domain];
      PyMem_GetAllocator(domain, &original);
      PyMemAllocatorEx counting = {&original, Malloc, Calloc, Realloc, Free};
      PyMem_SetAllocator(domain, &counting);
    }
  }
  static long allocated() { return allocated_; }

 private:
  static PyMemAllocatorEx* Original(void* context) {
    return static_cast<PyMemAllocatorEx*>(context);
  }
  static void* Counted(void* block) {
    allocated_ += block != nullptr;
    return block;
  }
  static void* Malloc(void* context, std::size_t size) {
    PyMemAllocatorEx* original = Original(context);
    return Counted(original->malloc(original->ctx, size));
  }
  static void* Calloc(void* context, std::size_t count, std::size_t size) {
    PyMemAllocatorEx* original = Original(context);
    return Counted(original->calloc(original->ctx, count, size));
  }
  static void* Realloc(void* context, void* block, std::size_t size) {
    PyMemAllocatorEx* original = Original(context);
    void* moved = original->realloc(original->ctx, block, size);
    return block == nullptr ? Counted(moved) : moved;
  }
  static void Free(void* context, void* block) {
    PyMemAllocatorEx* original = Original(context);
    allocated_ -= block != nullptr;
    original->free(original->ctx, block);
  }

  static PyMemAllocatorEx original_[3];
  static std::atomic<long> allocated_;
};
PyMemAllocatorEx Blocks::original_[3];
std::atomic<long> Blocks::allocated_{0};

struct Growth {
  static Growth Now() {
    return {ResidentKiB(), Blocks::allocated(), KeysLeft()};
  }

  long kib;
  long blocks;
  int keys;  // used up
};

// Runs the cycles in a child process; returns the memory that they cost. The
// first tenth is not counted.
template <typename Cycle>
Growth Measure(int cycles, Cycle cycle) {
  int ends[2];
  Require(pipe(ends) == 0, "pipe");
  const pid_t child = fork();
  Require(child >= 0, "fork");
  if (child == 0) {
    Blocks::Count();
    Growth growth = {};
    for (int i = 0; i < cycles + cycles / 10; ++i) {
      if (i == cycles / 10) growth = Growth::Now();
      cycle();
    }
    const Growth end = Growth::Now();
    growth = {end.kib - growth.kib, end.blocks - growth.blocks,
              growth.keys - end.keys};
    Require(write(ends[1], &growth, sizeof growth) == sizeof growth, "write");
    _exit(0);
  }
  close(ends[1]);
  Growth growth = {};
  const bool read_it = read(ends[0], &growth, sizeof growth) == sizeof growth;
  close(ends[0]);
  int status = 0;
  Require(waitpid(child, &status, 0) == child, "waitpid");
  EXPECT_TRUE(read_it && status == 0);
  return growth;
}

void ExpectNoMore(const Growth& growth, const Growth& control, int cycles) {
  std::printf("%d cycles: %ld KiB and %ld blocks, control %ld KiB and %ld\n",
              cycles, growth.kib, growth.blocks, control.kib, control.blocks);
  // Memory grows by arenas of up to 1 MiB, so less than that says nothing. The
  // number of blocks does; it varies a little with the hash seed.
  EXPECT_LE(static_cast<double>(growth.kib),
            1.02 * static_cast<double>(control.kib) + 1024);
  EXPECT_LE(growth.blocks, control.blocks + cycles / 5);
  EXPECT_EQ(growth.keys, control.keys);
}

TEST(MemoryTest, Restarts) {
  constexpr int kCycles = 2000 / kPart;
  const auto cycle = [](auto use) {
    return [use] {
      Runtime runtime;
      use();
    };
  };
  const Growth control = Measure(kCycles, cycle(DoWithoutCaches));
  ExpectNoMore(Measure(kCycles, cycle(UseCaches)), control, kCycles);
}

TEST(MemoryTest, SubInterpreters) {
  constexpr int kCycles = 1000 / kPart;
  const auto cycle = [](auto use) {
    return [use, runtime = static_cast<Runtime*>(nullptr)]() mutable {
      if (runtime == nullptr) {
        runtime = new Runtime;
        use();
      }
      SubInterpreter sub;
      In in(sub);
      use();
    };
  };
  const Growth control = Measure(kCycles, cycle(DoWithoutCaches));
  ExpectNoMore(Measure(kCycles, cycle(UseCaches)), control, kCycles);
}

}  // namespace
}  // namespace cpython
}  // namespace multislot
