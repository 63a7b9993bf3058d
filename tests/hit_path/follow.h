#ifndef TESTS_HIT_PATH_FOLLOW_H_
#define TESTS_HIT_PATH_FOLLOW_H_

// What a function does, instruction by instruction, as the processor executes
// it: a child process calls it, and is stopped after each instruction.

#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <optional>

namespace multislot {

struct Path {
  int instructions = 0;
  int locked = 0;       // read-modify-writes
  int below_stack = 0;  // calls and pushes
  bool returned = false;
};

// Whether the instruction has a LOCK prefix, or locks without (XCHG).
inline bool Locks(const unsigned char* code) {
  while (*code == 0x66 || *code == 0xF2 || *code == 0xF3 ||
         (*code & 0xF0) == 0x40) {
    ++code;
  }
  return *code == 0xF0 || ((*code == 0x86 || *code == 0x87) && code[1] < 0xC0);
}

// What the child executes from the function's first instruction to its return.
inline Path Follow(pid_t child, std::uintptr_t function) {
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

// The path of the function at this address, which call() calls; nothing if
// processes may not be followed here.
template <typename Call>
std::optional<Path> PathOfCall(const void* function, Call call) {
  const pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(1);
    std::raise(SIGSTOP);
    call();
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  if (!WIFSTOPPED(status)) return std::nullopt;
  const Path path = Follow(child, reinterpret_cast<std::uintptr_t>(function));
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return path;
}

}  // namespace multislot

#endif  // TESTS_HIT_PATH_FOLLOW_H_
