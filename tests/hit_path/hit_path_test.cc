// The instructions of a hit, counted as the processor executes them. The
// processor's trap flag makes a SIGTRAP after each instruction; that needs no
// permission, so there is no machine on which this has to be skipped. What is
// counted is compiled as an extension is, optimised, whatever the build's mode.

#include <signal.h>
#include <ucontext.h>

#include <atomic>
#include <cstdint>
#include <cstdio>

#include "absl/base/attributes.h"
#include "c10/util/python_stub.h"
#include "gtest/gtest.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/fixed_slots.h"
#include "multislot/interpreter.h"
#include "multislot/single_slot.h"

namespace multislot {
namespace {

PyObject* Handle() {
  static char object;
  return reinterpret_cast<PyObject*>(&object);
}

ABSL_ATTRIBUTE_NOINLINE PyObject* SlowAccess(const void* object) {
  static int calls = 0;
  ++calls;
  return object == nullptr ? nullptr : Handle();
}

template <typename Cache>
ABSL_ATTRIBUTE_NOINLINE PyObject* Getter(const Cache& cache,
                                         Interpreter* interpreter,
                                         const void* object) {
  return cache.ptr_or(interpreter, [object] { return SlowAccess(object); });
}

struct Path {
  int instructions = 0;
  int locked = 0;       // read-modify-writes
  int below_stack = 0;  // calls and pushes
  bool returned = false;
};

// Whether the instruction has a LOCK prefix, or locks without (XCHG).
bool Locks(const unsigned char* code) {
  while (*code == 0x66 || *code == 0xF2 || *code == 0xF3 ||
         (*code & 0xF0) == 0x40) {
    ++code;
  }
  return *code == 0xF0 || ((*code == 0x86 || *code == 0x87) && code[1] < 0xC0);
}

// What follows it, from a function's first instruction to its return.
struct Walk {
  void Step(std::uintptr_t at, std::uintptr_t stack);

  std::uintptr_t function;
  bool done = false;
  int steps = 0;
  std::uintptr_t first_stack = 0;  // where the return address is
  std::uintptr_t return_address = 0;
  Path path;
};
Walk* g_walk;

// Before each instruction.
void Walk::Step(std::uintptr_t at, std::uintptr_t stack) {
  constexpr int kAtMost = 1000000;
  if (++steps == kAtMost) done = true;
  if (first_stack == 0 && at == function) {
    first_stack = stack;
    return_address = *reinterpret_cast<const std::uintptr_t*>(stack);
  }
  if (first_stack == 0) return;
  if (at == return_address) {
    path.returned = done = true;
    return;
  }
  ++path.instructions;
  if (stack < first_stack) ++path.below_stack;
  if (Locks(reinterpret_cast<const unsigned char*>(at))) ++path.locked;
}

void OnTrap(int, siginfo_t*, void* context) {
  constexpr greg_t kTrapFlag = 0x100;
  greg_t* registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  if (!g_walk->done) {
    g_walk->Step(static_cast<std::uintptr_t>(registers[REG_RIP]),
                 static_cast<std::uintptr_t>(registers[REG_RSP]));
  }
  if (g_walk->done) {
    registers[REG_EFL] &= ~kTrapFlag;
  } else {
    registers[REG_EFL] |= kTrapFlag;
  }
}

template <typename Cache>
Path PathOf(const Cache& cache, Interpreter* interpreter) {
  Walk walk;
  walk.function = reinterpret_cast<std::uintptr_t>(&Getter<Cache>);
  g_walk = &walk;
  struct sigaction on_trap = {};
  struct sigaction before;
  on_trap.sa_sigaction = OnTrap;
  on_trap.sa_flags = SA_SIGINFO;
  sigaction(SIGTRAP, &on_trap, &before);
  raise(SIGTRAP);  // sets the trap flag
  Getter(cache, interpreter, &cache);
  walk.done = true;  // should the function not have been seen
  raise(SIGTRAP);    // clears it
  sigaction(SIGTRAP, &before, nullptr);
  return walk.path;
}

template <typename Cache>
Path PathOfAHit(const char* name) {
  Interpreter interpreter;
  Cache cache;
  cache.ptr_or(&interpreter, Handle);
  const Path hit = PathOf(cache, &interpreter);
  std::printf("%s: %d instructions\n", name, hit.instructions);
  return hit;
}

// Of the instructions two are the null check, three find the slot where there
// is more than one, and three are the second look at the tag.
TEST(HitPathTest, IsShort) {
  EXPECT_TRUE(PathOfAHit<BasicPyHandleCache<SingleSlot>>("single").returned);
  for (const Path& hit : {
           PathOfAHit<BasicPyHandleCache<FixedSlots<1>>>("fixed_1"),
           PathOfAHit<BasicPyHandleCache<FixedSlots<8>>>("fixed_8"),
           PathOfAHit<BasicPyHandleCache<FixedSlots<64>>>("fixed_64"),
       }) {
    EXPECT_TRUE(hit.returned);
    EXPECT_GT(hit.instructions, 3);
    EXPECT_LE(hit.instructions, 15);
    EXPECT_EQ(hit.locked, 0);
    EXPECT_EQ(hit.below_stack, 0);
  }
}

// A cache that does what a hit must not.
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
