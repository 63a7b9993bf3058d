// Threads look up in caches of every slot policy while interpreters register
// and retire. Each object records its interpreter and its cache, and every
// lookup checks both.
//
//   ./bazelw run //tests/stress:core_stress_test -- --seconds=300
//
// Without SingleSlot, which needs a GIL that all interpreters share.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "c10/core/impl/PyInterpreter.h"
#include "c10/util/python_stub.h"
#include "multislot/bare_interpreter.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/fixed_slots.h"
#include "multislot/interpreter.h"
#include "multislot/side_table.h"
#include "tests/stress/stress.h"

ABSL_FLAG(int, seconds, 2, "how long to run");
ABSL_FLAG(int, threads, 4, "how many threads look up");

namespace multislot {
namespace stress {
namespace {

constexpr std::size_t kKinds = 5;  // of caches
constexpr std::size_t kPlaces = 12;
constexpr std::size_t kBarePlaces = 6;
constexpr int kLookupsInARow = 64;

// What handles point to.
struct Object {
  std::uint64_t life;  // 0: its interpreter is gone
  std::size_t kind;
  std::size_t cache;
};

std::atomic<std::uint64_t> g_last_life{0};

// A stand-in for Python, and its objects.
template <typename InterpreterType>
class Python {
 public:
  Python() : life_(++g_last_life) {}
  ~Python() {
    for (Object& object : objects_) object.life = 0;
  }
  Python(const Python&) = delete;
  Python& operator=(const Python&) = delete;

  InterpreterType* interpreter() { return &interpreter_; }

  PyObject* Make(std::size_t kind, std::size_t cache) {
    const std::lock_guard<std::mutex> lock(mutex_);
    objects_.push_back(Object{life_, kind, cache});
    return reinterpret_cast<PyObject*>(&objects_.back());
  }

  bool Owns(PyObject* handle, std::size_t kind, std::size_t cache) const {
    const auto* object = reinterpret_cast<const Object*>(handle);
    return object != nullptr && object->life == life_ && object->kind == kind &&
           object->cache == cache;
  }

  // Whether the cache has only ever had this handle for this interpreter.
  bool IsTheFirst(PyObject* handle, std::size_t kind, std::size_t cache) {
    PyObject* first = nullptr;
    // Relaxed: only compared, never dereferenced.
    return firsts_[kind][cache].compare_exchange_strong(
               first, handle, std::memory_order_relaxed) ||
           first == handle;
  }

 private:
  const std::uint64_t life_;
  std::mutex mutex_;
  std::deque<Object> objects_;
  std::array<std::array<std::atomic<PyObject*>, kCaches>, kKinds> firsts_ = {};
  // Destroyed first, so nothing finds the interpreter while its objects go.
  InterpreterType interpreter_;
};

// A disarmed interpreter.
template <>
Python<c10::impl::PyInterpreter>::Python()
    : life_(++g_last_life), interpreter_(nullptr) {}

// Holds an interpreter that threads share, until another one replaces it.
template <typename InterpreterType>
class Place {
 public:
  using Shared = std::shared_ptr<Python<InterpreterType>>;

  Place() : python_(std::make_shared<Python<InterpreterType>>()) {}
  Shared Get() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return python_;
  }
  Shared Replace(Shared python) {
    const std::lock_guard<std::mutex> lock(mutex_);
    python_.swap(python);
    return python;
  }

 private:
  std::mutex mutex_;
  Shared python_;
};

template <typename Policy>
using Caches = std::array<BasicPyHandleCache<Policy>, kCaches>;

Caches<FixedSlots<1>> g_fixed_1;
Caches<FixedSlots<3>> g_fixed_3;
Caches<FixedSlots<16>> g_fixed_16;
Caches<SideTable> g_side_table;
Caches<FixedSlots<8, c10::impl::PyInterpreter>> g_bare;

// `has_room`: the cache has a slot for each interpreter until it retires.
template <typename InterpreterType, typename Cache>
void LookUp(Run* run, Python<InterpreterType>* python, const Cache& cache,
            std::size_t kind, std::size_t number, bool has_room,
            bool (*is_retired)(InterpreterType*)) {
  bool made = false;
  PyObject* handle = cache.ptr_or(python->interpreter(), [&] {
    made = true;
    return python->Make(kind, number);
  });
  ++run->lookups;
  if (!made) ++run->hits;
  run->Check(python->Owns(handle, kind, number),
             "a handle of another interpreter, or another cache");
  PyObject* peeked = cache.peek(python->interpreter());
  run->Check(peeked == nullptr || python->Owns(peeked, kind, number),
             "peek() finds a handle of another interpreter or cache");
  // A handle that came from a slot must stay.
  for (PyObject* kept : {made && !has_room ? nullptr : handle, peeked}) {
    if (kept != nullptr && !is_retired(python->interpreter())) {
      run->Check(python->IsTheFirst(kept, kind, number),
                 "two objects for one cache and interpreter");
    }
  }
}

void Work(Run* run, std::size_t thread,
          std::array<Place<Interpreter>, kPlaces>* places,
          std::array<Place<c10::impl::PyInterpreter>, kBarePlaces>* bare) {
  Choices choices(thread);
  const auto is_retired = [](Interpreter* interpreter) {
    return interpreter->retired();
  };
  while (!run->is_over()) {
    Place<Interpreter>& place = (*places)[choices.Next(kPlaces)];
    const auto python = place.Get();
    const auto bare_python = (*bare)[choices.Next(kBarePlaces)].Get();
    for (int i = 0; i < kLookupsInARow; ++i) {
      const std::size_t number = choices.Next(kCaches);
      switch (choices.Next(kKinds)) {
        case 0:
          LookUp<Interpreter>(run, python.get(), g_fixed_1[number], 0, number,
                              false, is_retired);
          break;
        case 1:
          LookUp<Interpreter>(run, python.get(), g_fixed_3[number], 1, number,
                              false, is_retired);
          break;
        case 2:
          // More slots than places, but interpreters that were replaced and
          // have not retired yet need slots too.
          LookUp<Interpreter>(run, python.get(), g_fixed_16[number], 2, number,
                              false, is_retired);
          break;
        case 3:
          LookUp<Interpreter>(run, python.get(), g_side_table[number], 3,
                              number, true, is_retired);
          break;
        default:
          LookUp<c10::impl::PyInterpreter>(
              run, bare_python.get(), g_bare[number], 4, number, true,
              [](c10::impl::PyInterpreter*) { return false; });
          break;
      }
    }
    if (choices.Next(16) == 0) {
      // Other threads may still look up for the old one.
      place.Replace(std::make_shared<Python<Interpreter>>())
          ->interpreter()
          ->retire();
      ++run->interpreters;
    }
  }
}

int Main() {
  Run run(absl::GetFlag(FLAGS_seconds));
  std::array<Place<Interpreter>, kPlaces> places;
  std::array<Place<c10::impl::PyInterpreter>, kBarePlaces> bare;
  std::vector<std::thread> threads;
  for (int i = 0; i < absl::GetFlag(FLAGS_threads); ++i) {
    threads.emplace_back(Work, &run, static_cast<std::size_t>(i), &places,
                         &bare);
  }
  for (std::thread& thread : threads) thread.join();
  return run.Report();
}

}  // namespace
}  // namespace stress
}  // namespace multislot

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return multislot::stress::Main();
}
