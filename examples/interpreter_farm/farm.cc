#include "examples/interpreter_farm/farm.h"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/barrier.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "c10/util/python_stub.h"
#include "examples/interpreter_farm/callables.h"
#include "examples/interpreter_farm/embedded_python.h"
#include "examples/interpreter_farm/operators.h"
#include "examples/interpreter_farm/results.h"

namespace interpreter_farm {
namespace {

// After so many lookups an interpreter says how far it is, and lets go of its
// GIL for a moment, as Python code does every now and then.
constexpr std::uint64_t kLookupsAtOnce = 8192;

using WallClock = std::chrono::steady_clock;

double ThreadCpuSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) * 1e-9;
}

// What one interpreter did under one policy.
struct Tally {
  WallClock::time_point start;
  WallClock::time_point end;
  LookupResults results;
};

void AwaitOthers(absl::Barrier* barrier, bool has_gil) {
  if (has_gil) {
    WithoutGil waiting;
    barrier->Block();
  } else {
    barrier->Block();
  }
}

struct Phase {
  Phase(Policy phase_policy, int phase_slots, const FarmOptions& options,
        const std::vector<Callable>& callables)
      : policy(phase_policy),
        slots(phase_slots),
        operators(Operators::Make(policy, slots, callables)),
        start(options.interpreters),
        tallies(static_cast<std::size_t>(options.interpreters)) {}

  const Policy policy;
  const int slots;
  const std::unique_ptr<Operators> operators;
  absl::Barrier start;
  std::vector<Tally> tallies;  // by interpreter
};

class Farm {
 public:
  Farm(const FarmOptions& options, std::vector<Callable> callables);

  // Returns when every thread and interpreter has ended.
  absl::Status Run();

  int CountDistinct() const;
  std::vector<PolicyResults> Results() const;

 private:
  struct Worker {
    absl::Status status;
    std::vector<PyObject*> expected;  // by operator
  };

  // What an interpreter's thread does.
  void Work(std::size_t index);
  absl::Status LearnExpected(Worker* worker) const;
  void LookUp(std::size_t index, multislot::Interpreter* interpreter,
              Phase* phase);

  void AwaitThreads();

  const FarmOptions& options_;
  const std::vector<Callable> callables_;
  std::vector<Worker> workers_;
  std::deque<Phase> phases_;
  absl::Barrier started_;
  absl::Barrier finished_;
  std::atomic<bool> failed_{false};
  std::atomic<std::uint64_t> done_{0};  // lookups
  absl::Mutex mutex_;
  int running_ ABSL_GUARDED_BY(mutex_);
};

Farm::Farm(const FarmOptions& options, std::vector<Callable> callables)
    : options_(options),
      callables_(std::move(callables)),
      workers_(static_cast<std::size_t>(options.interpreters)),
      started_(options.interpreters),
      finished_(options.interpreters),
      running_(options.interpreters) {
  phases_.emplace_back(Policy::kNone, 0, options, callables_);
  phases_.emplace_back(Policy::kSingle, 1, options, callables_);
  phases_.emplace_back(Policy::kFixed, options.slots, options, callables_);
  phases_.emplace_back(Policy::kTable, 0, options, callables_);
}

absl::Status Farm::Run() {
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    threads.emplace_back([this, i] { Work(i); });
  }
  AwaitThreads();
  for (std::thread& thread : threads) thread.join();
  for (const Worker& worker : workers_) {
    if (!worker.status.ok()) return worker.status;
  }
  return absl::OkStatus();
}

void Farm::AwaitThreads() {
  const double total = static_cast<double>(phases_.size() * workers_.size()) *
                       static_cast<double>(options_.lookups);
  absl::MutexLock lock(&mutex_);
  while (!mutex_.AwaitWithTimeout(
      absl::Condition(
          +[](int* running) { return *running == 0; }, &running_),
      absl::Milliseconds(100))) {
    if (options_.progress) {
      options_.progress(
          static_cast<double>(done_.load(std::memory_order_relaxed)) / total);
    }
  }
}

void Farm::Work(std::size_t index) {
  Worker& worker = workers_[index];
  absl::StatusOr<std::unique_ptr<SubInterpreter>> python =
      SubInterpreter::Start();
  worker.status = python.ok() ? LearnExpected(&worker) : python.status();
  if (!worker.status.ok()) failed_ = true;

  AwaitOthers(&started_, python.ok());
  // Whoever failed said so before the others went on.
  if (!failed_) {
    for (Phase& phase : phases_) {
      LookUp(index, (*python)->interpreter(), &phase);
    }
  }
  // The slots of one that ended would go to those who still look up.
  AwaitOthers(&finished_, python.ok());

  if (python.ok()) python->reset();
  absl::MutexLock lock(&mutex_);
  --running_;
}

absl::Status Farm::LearnExpected(Worker* worker) const {
  for (const Callable& callable : callables_) {
    worker->expected.push_back(GetCallable(callable));
    if (worker->expected.back() == nullptr) {
      return absl::NotFoundError(absl::StrFormat(
          "an interpreter has no %s.%s", callable.module, callable.name));
    }
  }
  return absl::OkStatus();
}

void Farm::LookUp(std::size_t index, multislot::Interpreter* interpreter,
                  Phase* phase) {
  Tally& tally = phase->tallies[index];
  Visitor visitor = {interpreter, &GetCallable, &workers_[index].expected};
  // So that the interpreters do not all follow the first one.
  visitor.position = index * callables_.size() / workers_.size();
  {
    WithoutGil waiting;
    phase->start.Block();
    tally.start = WallClock::now();  // from here on, waiting counts
  }
  const double cpu_start = ThreadCpuSeconds();
  for (std::uint64_t left = options_.lookups; left > 0;) {
    const std::uint64_t count = std::min(left, kLookupsAtOnce);
    phase->operators->LookUp(count, &visitor);
    left -= count;
    done_.fetch_add(count, std::memory_order_relaxed);
    WithoutGil let_others_run;
  }
  tally.results.cpu_seconds = ThreadCpuSeconds() - cpu_start;
  tally.end = WallClock::now();
  tally.results.lookups = options_.lookups;
  tally.results.slow_accesses = visitor.slow_accesses;
  tally.results.wrong = visitor.wrong;
}

int Farm::CountDistinct() const {
  int distinct = 0;
  for (std::size_t i = 0; i < callables_.size(); ++i) {
    std::set<PyObject*> objects;
    for (const Worker& worker : workers_) objects.insert(worker.expected[i]);
    if (objects.size() == workers_.size()) ++distinct;
  }
  return distinct;
}

std::vector<PolicyResults> Farm::Results() const {
  std::vector<PolicyResults> all;
  for (const Phase& phase : phases_) {
    PolicyResults results;
    results.policy = phase.policy;
    results.slots = phase.slots;
    WallClock::time_point start = phase.tallies.front().start;
    WallClock::time_point end = phase.tallies.front().end;
    for (const Tally& tally : phase.tallies) {
      start = std::min(start, tally.start);
      end = std::max(end, tally.end);
      results.lookups += tally.results.lookups;
      results.slow_accesses += tally.results.slow_accesses;
      results.wrong += tally.results.wrong;
      results.cpu_seconds += tally.results.cpu_seconds;
      results.by_interpreter.push_back(tally.results);
    }
    results.wall_seconds = std::chrono::duration<double>(end - start).count();
    all.push_back(results);
  }
  return all;
}

// Takes so many of them, from all modules alike.
absl::StatusOr<std::vector<Callable>> Choose(std::vector<Callable> callables,
                                             int count) {
  const std::size_t wanted = static_cast<std::size_t>(count);
  if (wanted > callables.size()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "--operators=%d is too many: Python %s has callables for %d", count,
        EmbeddedPython::Version(), callables.size()));
  }
  std::vector<Callable> chosen;
  for (std::size_t i = 0; i < wanted; ++i) {
    chosen.push_back(std::move(callables[i * callables.size() / wanted]));
  }
  return chosen;
}

}  // namespace

absl::StatusOr<FarmResults> RunFarm(const FarmOptions& options) {
  const absl::StatusOr<std::unique_ptr<EmbeddedPython>> python =
      EmbeddedPython::Start();
  if (!python.ok()) return python.status();
  absl::StatusOr<std::vector<Callable>> callables = ListCallables();
  if (callables.ok()) {
    callables = Choose(*std::move(callables), options.operators);
  }
  if (!callables.ok()) return callables.status();

  Farm farm(options, *std::move(callables));
  absl::Status status;
  {
    WithoutGil waiting;
    status = farm.Run();
  }
  if (!status.ok()) return status;

  FarmResults results;
  results.python = EmbeddedPython::Version();
  results.gil = EmbeddedPython::Gil();
  results.interpreters = options.interpreters;
  results.operators = options.operators;
  results.distinct_operators = farm.CountDistinct();
  results.lookups = options.lookups;
  results.policies = farm.Results();
  return results;
}

}  // namespace interpreter_farm
