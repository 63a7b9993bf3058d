#ifndef TESTS_HIT_PATH_FOLLOW_H_
#define TESTS_HIT_PATH_FOLLOW_H_

// Records what a function does, one instruction at a time. The processor's trap
// flag raises SIGTRAP after each instruction. That needs no permission, so the
// tests never have to be skipped.

#include <signal.h>
#include <ucontext.h>

#include <cstdint>

namespace multislot {

struct Path {
  int instructions = 0;
  int locked = 0;       // read-modify-writes
  int below_stack = 0;  // calls and pushes
  bool returned = false;
};

// Whether the instruction locks: by a LOCK prefix, or implicitly (XCHG).
inline bool Locks(const unsigned char* code) {
  while (*code == 0x66 || *code == 0xF2 || *code == 0xF3 ||
         (*code & 0xF0) == 0x40) {
    ++code;
  }
  return *code == 0xF0 || ((*code == 0x86 || *code == 0x87) && code[1] < 0xC0);
}

// Follows a function from its first instruction to its return.
struct Walk {
  void Step(std::uintptr_t at, std::uintptr_t stack);

  std::uintptr_t function;
  bool done = false;
  int steps = 0;
  std::uintptr_t first_stack = 0;  // where the function's return address is
  std::uintptr_t return_address = 0;
  Path path;
};
inline Walk* g_walk = nullptr;

// Called before each instruction.
inline void Walk::Step(std::uintptr_t at, std::uintptr_t stack) {
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

inline void OnTrap(int, siginfo_t*, void* context) {
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

// The path of `function` when call() calls it.
template <typename Function, typename Call>
Path PathOfCall(Function* function, Call call) {
  Walk walk;
  walk.function = reinterpret_cast<std::uintptr_t>(function);
  g_walk = &walk;
  struct sigaction on_trap = {};
  struct sigaction before;
  on_trap.sa_sigaction = OnTrap;
  on_trap.sa_flags = SA_SIGINFO;
  sigaction(SIGTRAP, &on_trap, &before);
  raise(SIGTRAP);  // sets the trap flag
  call();
  walk.done = true;  // in case call() did not reach `function`
  raise(SIGTRAP);    // clears it
  sigaction(SIGTRAP, &before, nullptr);
  return walk.path;
}

}  // namespace multislot

#endif  // TESTS_HIT_PATH_FOLLOW_H_
