// Threads start real interpreters, look up in the adapter's caches there, each
// with a second thread beside it, and end them. One more thread keeps looking
// up in the main interpreter. Each object records its cache and its
// interpreter's life, and every lookup checks both. At an interpreter's end,
// everything that was made there must have died there.
//
//   ./bazelw run //tests/stress:adapter_stress_test_py313 -- --seconds=300
//
// From CPython 3.12 on each interpreter has its own GIL; before, they share
// one.

#include <Python.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/per_interpreter.h"
#include "multislot/cpython/single_interpreter_fast_path.h"
#include "multislot/fixed_slots.h"
#include "multislot/side_table.h"
#include "tests/cpython/attached.h"
#include "tests/cpython/embedded.h"
#include "tests/stress/stress.h"

ABSL_FLAG(int, seconds, 2, "how long to run");
ABSL_FLAG(int, threads, 3, "how many threads start and end interpreters");

namespace multislot {
namespace stress {
namespace {

using cpython::HandleCache;
using cpython::PerInterpreter;
using cpython::SingleInterpreterFastPath;
using cpython::SubInterpreter;

constexpr std::size_t kKinds = 5;  // of caches
constexpr std::size_t kRounds = 20;
constexpr int kLookupsInARow = 100;

Run* g_run;

struct Life {
  PyInterpreterState* const interpreter;
  std::atomic<int> made{0};
  std::atomic<int> died{0};
  std::array<std::array<std::atomic<void*>, kCaches>, kKinds> firsts = {};
};

// Every object and value says whose it is.
struct Proof {
  Proof(Life* owner, std::size_t its_kind, std::size_t its_cache)
      : life(owner), kind(its_kind), cache(its_cache) {
    ++life->made;
  }
  ~Proof() {
    g_run->Check(
        life != nullptr && life->interpreter == PyInterpreterState_Get(),
        "an object dies in another interpreter");
    if (life != nullptr) ++life->died;
    life = nullptr;
  }
  Proof(const Proof&) = delete;
  Proof& operator=(const Proof&) = delete;

  Life* life;  // null once it is dead
  std::size_t kind;
  std::size_t cache;
};

constexpr char kName[] = "multislot.stress";

PyObject* NewCapsule(Life* life, std::size_t kind, std::size_t cache) {
  return PyCapsule_New(new Proof(life, kind, cache), kName, [](PyObject* self) {
    delete static_cast<Proof*>(PyCapsule_GetPointer(self, kName));
  });
}

template <typename Cache>
using Caches = std::array<Cache, kCaches>;

Caches<HandleCache<SideTable>> g_side_table;
Caches<HandleCache<FixedSlots<2>>> g_fixed_2;
Caches<HandleCache<FixedSlots<8>, SingleInterpreterFastPath>> g_fast_path;
Caches<PerInterpreter<Proof, SideTable>> g_values;
Caches<PerInterpreter<Proof, FixedSlots<2>>> g_values_fixed_2;

// Lets other threads into their makes.
void LetOthersRun() {
  PyThreadState* state = PyEval_SaveThread();
  std::this_thread::yield();
  PyEval_RestoreThread(state);
}

void Check(const Proof* found, Life* life, std::size_t kind, std::size_t cache,
           bool made) {
  ++g_run->lookups;
  if (!made) ++g_run->hits;
  if (found == nullptr || found->life != life || found->kind != kind ||
      found->cache != cache) {
    g_run->Check(false, "an object of another interpreter, or another cache");
    return;
  }
  void* first = nullptr;
  // Relaxed: only compared, never dereferenced.
  g_run->Check(
      life->firsts[kind][cache].compare_exchange_strong(
          first, const_cast<Proof*>(found), std::memory_order_relaxed) ||
          first == found,
      "two objects for one cache and interpreter");
}

template <typename Cache>
void LookUpHandle(const Caches<Cache>& caches, Life* life, std::size_t kind,
                  std::size_t number, bool lets_go) {
  bool made = false;
  PyObject* object = caches[number].get_or_create([&] {
    made = true;
    if (lets_go) LetOthersRun();
    return NewCapsule(life, kind, number);
  });
  const Proof* found =
      object != nullptr && PyCapsule_IsValid(object, kName)
          ? static_cast<Proof*>(PyCapsule_GetPointer(object, kName))
          : nullptr;
  Check(found, life, kind, number, made);
}

template <typename Cache>
void LookUpValue(const Caches<Cache>& caches, Life* life, std::size_t kind,
                 std::size_t number, bool lets_go) {
  bool made = false;
  const Proof* found = caches[number].get_or_create([&] {
    made = true;
    if (lets_go) LetOthersRun();
    return std::make_unique<Proof>(life, kind, number);
  });
  Check(found, life, kind, number, made);
}

void LookUpSome(Choices* choices, Life* life) {
  for (int i = 0; i < kLookupsInARow; ++i) {
    const std::size_t number = choices->Next(kCaches);
    const bool lets_go = choices->Next(4) == 0;
    switch (choices->Next(kKinds)) {
      case 0:
        LookUpHandle(g_side_table, life, 0, number, lets_go);
        break;
      case 1:
        LookUpHandle(g_fixed_2, life, 1, number, lets_go);
        break;
      case 2:
        LookUpHandle(g_fast_path, life, 2, number, lets_go);
        break;
      case 3:
        LookUpValue(g_values, life, 3, number, lets_go);
        break;
      default:
        LookUpValue(g_values_fixed_2, life, 4, number, lets_go);
        break;
    }
  }
}

// Two threads look up at a time. The caller is attached to another interpreter.
void Live(std::size_t thread, SubInterpreter* sub) {
  PyInterpreterState* const interpreter = sub->interpreter();
  Life life{interpreter};
  cpython::RunAttached(interpreter, 2, [&](std::size_t i) {
    Choices choices(2 * thread + i +
                    static_cast<std::size_t>(g_run->interpreters) * 100);
    for (std::size_t j = 0; j < kRounds && !g_run->is_over(); ++j) {
      LookUpSome(&choices, &life);
      LetOthersRun();
    }
  });
  sub->End();
  g_run->Check(life.died == life.made,
               "some object of an interpreter did not die exactly once");
  ++g_run->interpreters;
}

void StartAndEnd(std::size_t thread) {
  // One at a time; embedded_python.cc in examples/interpreter_farm says why.
  static std::mutex starts;
  while (!g_run->is_over()) {
    // A thread detaches before it waits for the mutex.
    PyThreadState* const state = PyEval_SaveThread();
    std::unique_lock<std::mutex> lock(starts);
    PyEval_RestoreThread(state);
    SubInterpreter sub(SubInterpreter::kOwn);
    lock.unlock();
    Live(thread, &sub);
  }
}

int Main() {
  Run run(absl::GetFlag(FLAGS_seconds));
  g_run = &run;
  std::unique_ptr<Life> life;
  {
    cpython::Runtime runtime;
    life.reset(new Life{PyInterpreterState_Get()});
    SingleInterpreterFastPath::Enable();
    const auto threads = static_cast<std::size_t>(absl::GetFlag(FLAGS_threads));
    cpython::RunAttached(life->interpreter, threads + 1,
                         [&](std::size_t thread) {
                           if (thread > 0) return StartAndEnd(thread);
                           Choices choices(0);
                           while (!run.is_over()) {
                             LookUpSome(&choices, life.get());
                             LetOthersRun();
                           }
                         });
  }
  run.Check(life->died == life->made,
            "some object of the main interpreter did not die exactly once");
  std::printf("CPython %s: ", PY_VERSION);
  return run.Report();
}

}  // namespace
}  // namespace stress
}  // namespace multislot

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return multislot::stress::Main();
}
