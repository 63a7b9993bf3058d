// The instructions of a hit, counted as the processor executes them: a child
// process does one lookup, and is stopped after each instruction. What is
// counted is compiled as an extension is, optimised, whatever the build's mode.

#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <optional>

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

// What the child executes from the function's first instruction to its return.
Path Follow(pid_t child, std::uintptr_t function) {
  constexpr int kAtMost = 1000000;
  Path path;
  std::uintptr_t stack = 0;
  std::uintptr_t return_address = 0;
  for (int i = 0; i < kAtMost; ++i) {
    user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, child, nullptr, &registers) != 0) return path;
    if (stack == 0 && registers.rip == function) {
      stack = registers.rsp;
      return_address = static_cast<std::uintptr_t>(
          ptrace(PTRACE_PEEKDATA, child, stack, nullptr));
    }
    if (stack != 0) {
      path.returned = registers.rip == return_address;
      if (path.returned) return path;
      ++path.instructions;
      if (registers.rsp < stack) ++path.below_stack;
      // The child's code is ours, at the same address.
      if (Locks(reinterpret_cast<const unsigned char*>(registers.rip))) {
        ++path.locked;
      }
    }
    int status;
    if (ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) != 0 ||
        waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) {
      return path;
    }
  }
  return path;
}

// Nothing if processes may not be followed here.
template <typename Cache>
std::optional<Path> PathOf(const Cache& cache, Interpreter* interpreter) {
  const pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(1);
    std::raise(SIGSTOP);
    Getter(cache, interpreter, &cache);
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  if (!WIFSTOPPED(status)) return std::nullopt;
  const Path path =
      Follow(child, reinterpret_cast<std::uintptr_t>(&Getter<Cache>));
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return path;
}

template <typename Cache>
std::optional<Path> PathOfAHit(const char* name) {
  Interpreter interpreter;
  Cache cache;
  static_cast<void>(cache.ptr_or(&interpreter, Handle));
  const auto hit = PathOf(cache, &interpreter);
  if (hit) std::printf("%s: %d instructions\n", name, hit->instructions);
  return hit;
}

// Of the instructions two are the null check, three find the slot where there
// is more than one, and three are the second look at the tag.
TEST(HitPathTest, IsShort) {
  if (!PathOfAHit<BasicPyHandleCache<SingleSlot>>("single")) {
    GTEST_SKIP() << "no ptrace";
  }
  for (const auto& hit : {
           PathOfAHit<BasicPyHandleCache<FixedSlots<1>>>("fixed_1"),
           PathOfAHit<BasicPyHandleCache<FixedSlots<8>>>("fixed_8"),
           PathOfAHit<BasicPyHandleCache<FixedSlots<64>>>("fixed_64"),
       }) {
    ASSERT_TRUE(hit.has_value());
    EXPECT_TRUE(hit->returned);
    EXPECT_LE(hit->instructions, 15);
    EXPECT_EQ(hit->locked, 0);
    EXPECT_EQ(hit->below_stack, 0);
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
  const auto path = PathOf(cache, &interpreter);
  if (!path) GTEST_SKIP() << "no ptrace";
  EXPECT_TRUE(path->returned);
  EXPECT_EQ(path->locked, 2);
  EXPECT_GT(path->below_stack, 0);
}

}  // namespace
}  // namespace multislot
