// Shared objects that each embed multislot. Two have a cache in the same inline
// function; one only makes interpreters for them. Where the loader merges the
// two caches, it has to merge the registers as well.

#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/shared_objects/module.h"

namespace {

const Module& Load(const char* name, int scope, void** loaded = nullptr) {
  const std::string path =
      std::string(std::getenv("MODULES")) + "/" + name + ".so";
  void* library = dlopen(path.c_str(), RTLD_NOW | scope);
  if (library == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    std::abort();
  }
  if (loaded != nullptr) *loaded = library;
  using Function = const Module*();
  return *reinterpret_cast<Function*>(dlsym(library, "TheModule"))();
}

// The three modules make interpreters in turn, more than the register's first
// page holds. Each looks up in the modules that share its register.
int WrongLookups(const Module& first, const Module& second,
                 const Module& only_interpreters) {
  const bool one_cache = first.address_of_cache() == second.address_of_cache();
  struct Interpreter {
    const Module* made_by;
    void* address;
    char object[2];
  };
  std::vector<Interpreter> interpreters;
  for (int i = 0; i < 70; ++i) {
    for (const Module* module : {&first, &second, &only_interpreters}) {
      interpreters.push_back({module, module->new_interpreter(), {}});
    }
  }
  int wrong = 0;
  for (int round = 0; round < 2; ++round) {
    for (Interpreter& interpreter : interpreters) {
      int number = 0;
      for (const Module* module : {&first, &second}) {
        if (interpreter.made_by->address_of_register() !=
            module->address_of_register()) {
          continue;
        }
        char* handle = &interpreter.object[one_cache ? 0 : number];
        if (module->look_up(interpreter.address, handle) != handle) ++wrong;
        ++number;
      }
      // It must at least share the register of the module that made it.
      if (number == 0 && interpreter.made_by != &only_interpreters) ++wrong;
    }
  }
  for (Interpreter& interpreter : interpreters) {
    interpreter.made_by->delete_interpreter(interpreter.address);
  }
  return wrong;
}

// In a child process, because loaded objects stay.
void ExpectRight(int scope) {
  const auto body = [scope] {
    const Module& first = Load("first", scope);
    const Module& second = Load("second", scope);
    const Module& only_interpreters = Load("only_interpreters", scope);
    std::fprintf(stderr, "%s, %s, %d wrong\n",
                 first.address_of_cache() == second.address_of_cache()
                     ? "one cache"
                     : "two caches",
                 first.address_of_register() == second.address_of_register()
                     ? "one register"
                     : "two registers",
                 WrongLookups(first, second, only_interpreters));
    _exit(0);
  };
  const std::string one = "one cache, one register, 0 wrong";
#if defined(__clang__)
  const std::string several = "two caches, two registers, 0 wrong";
#else
  const std::string several = one;  // STB_GNU_UNIQUE
#endif
  EXPECT_EXIT(body(), ::testing::ExitedWithCode(0),
              scope == RTLD_GLOBAL ? one : several);
}

// Unmapping the object removes its fork handlers. (gcc's stay mapped.)
TEST(SharedObjectsTest, ClosedBeforeAFork) {
  const auto body = [] {
    void* library = nullptr;
    const Module& module = Load("only_interpreters", RTLD_LOCAL, &library);
    module.delete_interpreter(module.new_interpreter());
    const bool closed = dlclose(library) == 0;
    const pid_t child = fork();
    if (child == 0) _exit(0);
    int status = 1;
    _exit(closed && waitpid(child, &status, 0) == child && status == 0 ? 0 : 1);
  };
  EXPECT_EXIT(body(), ::testing::ExitedWithCode(0), "");
}

TEST(SharedObjectsTest, LoadedForThemselves) { ExpectRight(RTLD_LOCAL); }
TEST(SharedObjectsTest, LoadedForAll) { ExpectRight(RTLD_GLOBAL); }

}  // namespace
