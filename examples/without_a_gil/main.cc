// Shows what goes wrong without a GIL if a cache has PyTorch's single slot, and
// that nothing does with multislot's slot policies. It needs no Python: its
// threads hold no GIL, as those of a free-threaded CPython.
//
//   ./bazelw run //examples/without_a_gil
//   ./bazelw run //examples/without_a_gil -- --rounds=1000000 --seconds=60
//
// In each round two threads call ptr_or() of one cache that is still empty, at
// the same time, and each checks what it gets. Both threads belong to one
// interpreter, or each to its own. The table counts three errors:
//
// null: the thread got a null pointer. c10::PyHandleCache publishes the tag
//     before the handle, so a thread can find the tag and no handle yet.
// c10::Error: the assertion of c10::PyHandleCache failed, because the other
//     thread filled the slot while the slow accessor ran. In every build mode
//     TORCH_INTERNAL_ASSERT throws this exception. It is caught and counted
//     here; a process that does not catch it aborts.
// wrong object: the thread got the other interpreter's object.
//
// Two threads meet rarely on a busy machine. Then a line of the table stands
// for fewer rounds, and says for how many.
//
// The single slot has a data race here, on its handle. C++ does not define what
// that does; the table says what it did.
//
// The exit status is 1 if FixedSlots or SideTable was wrong once, or if the
// single slot never was: then the threads have not met.

#include <pthread.h>
#include <sched.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "c10/core/PyHandleCache.h"
#include "c10/core/impl/PyInterpreter.h"
#include "c10/util/Exception.h"
#include "c10/util/python_stub.h"
#include "examples/interpreter_farm/bounded.h"
#include "examples/interpreter_farm/with_commas.h"
#include "multislot/bare_interpreter.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/fixed_slots.h"
#include "multislot/interpreter.h"
#include "multislot/side_table.h"
#include "multislot/single_slot.h"

namespace {

using Rounds = interpreter_farm::Bounded<1, 1000000>;
using Seconds = interpreter_farm::Bounded<1, 3600>;

}  // namespace

ABSL_FLAG(Rounds, rounds, Rounds(200000),
          "how many rounds there are for each line of the table, at most");
ABSL_FLAG(Seconds, seconds, Seconds(10),
          "after how many seconds the table is complete, if need be with "
          "fewer rounds");

namespace {

using interpreter_farm::WithCommas;
using multislot::BasicPyHandleCache;
using multislot::FixedSlots;
using multislot::Interpreter;
using multislot::SideTable;
using multislot::SingleSlot;

// PyTorch's kind of interpreter.
struct BareInterpreter : c10::impl::PyInterpreter {
  BareInterpreter() : PyInterpreter(nullptr) {}
};

// What code has that knows of threads, but not of several interpreters.
class AtomicPointer {
 public:
  template <typename SlowAccessor>
  PyObject* ptr_or(Interpreter*, const SlowAccessor& slow_accessor) const {
    PyObject* object = object_.load(std::memory_order_acquire);
    if (object == nullptr) {
      object = slow_accessor();
      object_.store(object, std::memory_order_release);
    }
    return object;
  }

 private:
  mutable std::atomic<PyObject*> object_{nullptr};
};

using Clock = std::chrono::steady_clock;

// The processors that this process may use.
std::vector<int> Processors() {
  cpu_set_t set;
  std::vector<int> processors;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return processors;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) processors.push_back(i);
  }
  return processors;
}

// This thread runs there from now on. On a busy machine, two threads would
// often have the same processor, and never run at the same time.
void StayOn(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

struct Counts {
  std::uint64_t rounds = 0;
  std::uint64_t null = 0;
  std::uint64_t errors = 0;  // c10::Error
  std::uint64_t wrong = 0;   // the other interpreter's object

  std::uint64_t Sum() const { return null + errors + wrong; }
};

// Where two threads meet before each round, until a time.
class Meeting {
 public:
  explicit Meeting(Clock::time_point end) : end_(end) {}

  // Whether there is time for another round; both threads get one answer.
  bool Await(std::size_t thread, std::size_t round) {
    if (thread == 0 && round % 16 == 0 && Clock::now() >= end_) {
      end_round_.store(round, std::memory_order_relaxed);
    }
    rounds_[thread].store(round + 1, std::memory_order_release);
    // On a busy machine the other thread may not be running. This one waits for
    // it without leaving its processor, so that both run when the round begins;
    // but not for ever, as the other may need this processor.
    for (int polls = 0;
         rounds_[1 - thread].load(std::memory_order_acquire) <= round;
         ++polls) {
      if (polls > 1000000) std::this_thread::yield();
    }
    return round < end_round_.load(std::memory_order_relaxed);
  }

 private:
  const Clock::time_point end_;
  std::array<std::atomic<std::size_t>, 2> rounds_{};
  // Thread 0 writes it before it arrives there.
  std::atomic<std::size_t> end_round_{std::numeric_limits<std::size_t>::max()};
};

// So that in 2,500 rounds each thread is late by each of 50 different times.
void BeLate(std::size_t thread, std::size_t round) {
  const std::size_t steps = (thread == 0 ? round : round / 50) % 50;
  for (volatile std::size_t i = steps; i > 0; i = i - 1) {
  }
}

// What one thread does: looks up its interpreter's object in each cache.
template <typename Cache, typename InterpreterType>
Counts LookUp(const std::vector<Cache>& caches, std::size_t thread,
              InterpreterType* interpreter, PyObject* object,
              Meeting* meeting) {
  Counts counts;
  for (std::size_t round = 0; round < caches.size(); ++round) {
    if (!meeting->Await(thread, round)) break;
    ++counts.rounds;
    BeLate(thread, round);
    try {
      // Volatile: the compiler, told that a hit is not null, would take that as
      // checked.
      PyObject* volatile const result =
          caches[round].ptr_or(interpreter, [object] { return object; });
      PyObject* const got = result;
      if (got == nullptr) {
        ++counts.null;
      } else if (got != object) {
        ++counts.wrong;
      }
    } catch (const c10::Error&) {
      ++counts.errors;
    }
  }
  return counts;
}

// Threads of one interpreter or of two, which have an object each.
template <typename Cache, typename InterpreterType>
Counts Race(int interpreter_count, std::size_t rounds, Clock::duration time) {
  const std::vector<Cache> caches(rounds);
  std::array<InterpreterType, 2> interpreters;
  static std::array<char, 2> objects;
  Meeting meeting(Clock::now() + time);
  std::array<Counts, 2> counts;
  const std::vector<int> processors = Processors();
  const auto run = [&](std::size_t thread) {
    StayOn(processors[thread]);
    const std::size_t own = interpreter_count == 1 ? 0 : thread;
    counts[thread] =
        LookUp(caches, thread, &interpreters[own],
               reinterpret_cast<PyObject*>(&objects[own]), &meeting);
  };
  std::thread first(run, 0);
  std::thread second(run, 1);
  first.join();
  second.join();
  return {counts[0].rounds, counts[0].null + counts[1].null,
          counts[0].errors + counts[1].errors,
          counts[0].wrong + counts[1].wrong};
}

struct Subject {
  const char* name;
  enum Kind { kPointer, kSingleSlot, kMultislot } kind;
  Counts (*race)(int interpreter_count, std::size_t rounds,
                 Clock::duration time);
};

const Subject kSubjects[] = {
    {"one atomic pointer", Subject::kPointer,
     &Race<AtomicPointer, Interpreter>},
    {"c10::PyHandleCache", Subject::kSingleSlot,
     &Race<c10::PyHandleCache, BareInterpreter>},
    {"SingleSlot", Subject::kSingleSlot,
     &Race<BasicPyHandleCache<SingleSlot>, Interpreter>},
    {"FixedSlots<1>", Subject::kMultislot,
     &Race<BasicPyHandleCache<FixedSlots<1>>, Interpreter>},
    {"FixedSlots<8>", Subject::kMultislot,
     &Race<BasicPyHandleCache<FixedSlots<8>>, Interpreter>},
    {"FixedSlots<8>, bare", Subject::kMultislot,
     &Race<BasicPyHandleCache<FixedSlots<8, c10::impl::PyInterpreter>>,
           BareInterpreter>},
    {"SideTable", Subject::kMultislot,
     &Race<BasicPyHandleCache<SideTable>, Interpreter>},
};

int Fail(absl::string_view message) {
  absl::FPrintF(stderr, "error: %s\n", message);
  return EXIT_FAILURE;
}

int Main(const std::vector<char*>& arguments) {
  if (arguments.size() > 1) {
    return Fail(absl::StrCat("unexpected argument '", arguments[1],
                             "': there are only flags, which --help lists"));
  }
  if (Processors().size() < 2) {
    return Fail(
        "this needs two processors, and there is one: two threads have to run "
        "at the same time");
  }
  const std::size_t rounds =
      static_cast<std::size_t>(absl::GetFlag(FLAGS_rounds).value());
  const Clock::duration time = Clock::duration(std::chrono::seconds(
                                   absl::GetFlag(FLAGS_seconds).value())) /
                               (2 * std::size(kSubjects));

  absl::PrintF(
      "In each round two threads look up an object in the same empty cache,\n"
      "at the same time. They hold no GIL: there is no Python in this "
      "process.\n"
      "\n"
      "%-21s %-17s %9s %8s %11s %13s\n",
      "cache", "threads of", "rounds", "null", "c10::Error", "wrong object");
  std::uint64_t single_slot_errors = 0;
  std::uint64_t errors = 0;
  std::uint64_t lookups = 0;
  for (const Subject& subject : kSubjects) {
    for (const int interpreters : {1, 2}) {
      const Counts counts = subject.race(interpreters, rounds, time);
      absl::PrintF("%-21s %-17s %9s %8s %11s %13s\n",
                   interpreters == 1 ? subject.name : "",
                   interpreters == 1 ? "one interpreter" : "two interpreters",
                   WithCommas(counts.rounds), WithCommas(counts.null),
                   WithCommas(counts.errors), WithCommas(counts.wrong));
      std::fflush(stdout);
      if (subject.kind == Subject::kSingleSlot) {
        single_slot_errors += counts.Sum();
      } else if (subject.kind == Subject::kMultislot) {
        errors += counts.Sum();
        lookups += 2 * counts.rounds;
      }
    }
  }
  absl::PrintF(
      "\n"
      "null          a null pointer, though the interpreter has an object\n"
      "c10::Error    the single slot's assertion failed; the exception was\n"
      "              caught here; a process that does not catch it aborts\n"
      "wrong object  the object of the other thread's interpreter\n"
      "\n"
      "SingleSlot is c10::PyHandleCache as one of multislot's policies. "
      "\"bare\"\n"
      "is with PyTorch's interpreters, which multislot knows by their "
      "address.\n"
      "\n"
      "FixedSlots and SideTable: %s errors in %s lookups.\n",
      WithCommas(errors), WithCommas(lookups));
  std::fflush(stdout);
  if (errors > 0) {
    return Fail("FixedSlots or SideTable was wrong: please report it");
  }
  if (single_slot_errors == 0) {
    return Fail(
        "the single slot was right each time, so the threads have not "
        "met and the zeros mean nothing: try more --rounds and --seconds, on "
        "a machine with two idle processors");
  }
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char* argv[]) {
  absl::SetProgramUsageMessage(
      "Counts what goes wrong when two threads use one cache without a GIL.");
  absl::FlagsUsageConfig config;
  config.contains_help_flags = [](absl::string_view file) {
    return absl::EndsWith(file, "without_a_gil/main.cc");
  };
  config.contains_helpshort_flags = config.contains_help_flags;
  absl::SetFlagsUsageConfig(config);
  return Main(absl::ParseCommandLine(argc, argv));
}
