#ifndef TESTS_CONFORMANCE_CONFORMANCE_H_
#define TESTS_CONFORMANCE_CONFORMANCE_H_

// The contract of a handle cache as a test suite. It runs on a cache with any
// slot policy, your own included:
//
//   #include "tests/conformance/conformance.h"
//   namespace multislot::conformance {
//   using Mine = ::testing::Types<BasicPyHandleCache<MyPolicy>>;
//   INSTANTIATE_TYPED_TEST_SUITE_P(Mine, Conformance, Mine);
//   }
//
// Where caches may differ, traits.h says how, and the suite tests that. (Sn) is
// the number of a scenario in docs/scenarios.md.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "c10/util/Exception.h"
#include "c10/util/python_stub.h"
#include "gtest/gtest.h"
#include "tests/conformance/traits.h"
#include "tests/conformance/world.h"

namespace multislot {
namespace conformance {

template <typename Cache>
class Conformance : public ::testing::Test {
 protected:
  using T = Traits<Cache>;
  using Interpreter = typename T::Interpreter;
  using Py = Python<Interpreter>;

  // As many interpreters as the cache holds, at most `wanted`.
  static constexpr std::size_t Fitting(std::size_t wanted) {
    return std::min(wanted, T::kCapacity);
  }

  // A Python lives until the test ends, so no address comes back.
  Py& NewPython() {
    std::lock_guard<std::mutex> lock(mutex_);
    return pythons_.emplace_back();
  }
  std::vector<Py*> NewPythons(std::size_t count) {
    std::vector<Py*> pythons;
    for (std::size_t i = 0; i < count; ++i) pythons.push_back(&NewPython());
    return pythons;
  }

  // Looks up as the interpreter's own code would: holding its GIL, if the cache
  // needs that.
  template <typename SlowAccessor>
  static PyObject* Lookup(const Cache& cache, Py& python,
                          SlowAccessor&& slow_accessor) {
    std::unique_lock<std::mutex> gil(python.gil(), std::defer_lock);
    if (T::kNeedsGil) gil.lock();
    return cache.ptr_or(python.interpreter(),
                        std::forward<SlowAccessor>(slow_accessor));
  }
  // The same; the accessor makes a new object.
  static PyObject* Lookup(const Cache& cache, Py& python) {
    return Lookup(cache, python, [&python] { return python.make(); });
  }
  static PyObject* Peek(const Cache& cache, Py& python) {
    std::unique_lock<std::mutex> gil(python.gil(), std::defer_lock);
    if (T::kNeedsGil) gil.lock();
    return T::Peek(cache, python.interpreter());
  }

 private:
  std::mutex mutex_;
  std::deque<Py> pythons_;
};

TYPED_TEST_SUITE_P(Conformance);

// --- One thread -------------------------------------------------------------

TYPED_TEST_P(Conformance, AMissCallsTheAccessorOnceAndFills) {
  TypeParam cache;
  auto& python = this->NewPython();
  EXPECT_EQ(this->Peek(cache, python), nullptr);
  EXPECT_EQ(TestFixture::T::Occupancy(cache), 0u);

  PyObject* handle = this->Lookup(cache, python);
  EXPECT_EQ(OwnerOf(handle), &python);
  EXPECT_EQ(python.made(), 1u);
  EXPECT_EQ(this->Peek(cache, python), handle);
  EXPECT_EQ(TestFixture::T::Occupancy(cache), 1u);
}

TYPED_TEST_P(Conformance, AHitDoesNotCallTheAccessor) {
  TypeParam cache;
  auto& python = this->NewPython();
  PyObject* handle = this->Lookup(cache, python);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(this->Lookup(cache, python), handle);
  }
  EXPECT_EQ(python.made(), 1u);
}

TYPED_TEST_P(Conformance, CachesShareNothing) {
  TypeParam caches[2];
  auto& python = this->NewPython();
  PyObject* first = this->Lookup(caches[0], python);
  EXPECT_EQ(this->Peek(caches[1], python), nullptr);
  PyObject* second = this->Lookup(caches[1], python);
  EXPECT_NE(first, second);
  EXPECT_EQ(this->Lookup(caches[0], python), first);
  EXPECT_EQ(this->Lookup(caches[1], python), second);
}

TYPED_TEST_P(Conformance, ManyCachesOfOneInterpreter) {
  std::vector<TypeParam> caches(300);
  auto& python = this->NewPython();
  std::vector<PyObject*> handles;
  for (TypeParam& cache : caches) {
    handles.push_back(this->Lookup(cache, python));
  }
  for (std::size_t i = 0; i < caches.size(); ++i) {
    EXPECT_EQ(this->Lookup(caches[i], python), handles[i]);
    EXPECT_EQ(this->Peek(caches[i], python), handles[i]);
  }
  EXPECT_EQ(python.made(), caches.size());
}

// Caches can be members of C++ objects that come and go.
TYPED_TEST_P(Conformance, ACacheInTheMemoryOfAnother) {
  auto& python = this->NewPython();
  std::optional<TypeParam> place;
  for (std::size_t life = 1; life <= 3; ++life) {
    place.emplace();
    EXPECT_EQ(this->Peek(*place, python), nullptr);
    EXPECT_EQ(TestFixture::T::Occupancy(*place), 0u);
    PyObject* made = nullptr;
    EXPECT_EQ(
        this->Lookup(*place, python, [&] { return made = python.make(); }),
        made);
    EXPECT_EQ(python.made(), life);
    EXPECT_EQ(this->Lookup(*place, python), made);
  }
}

// (S8, S9) Interpreters that are alive together take turns.
TYPED_TEST_P(Conformance, EachInterpreterHasItsOwnHandle) {
  TypeParam cache;
  const auto pythons = this->NewPythons(this->Fitting(100));
  std::vector<PyObject*> handles;
  for (auto* python : pythons) handles.push_back(this->Lookup(cache, *python));
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < pythons.size(); ++i) {
      EXPECT_EQ(OwnerOf(handles[i]), pythons[i]);
      EXPECT_EQ(this->Lookup(cache, *pythons[i]), handles[i]);
      EXPECT_EQ(this->Peek(cache, *pythons[i]), handles[i]);
      EXPECT_EQ(pythons[i]->made(), 1u);
    }
  }
  EXPECT_EQ(TestFixture::T::Occupancy(cache), pythons.size());
}

// (S22)
TYPED_TEST_P(Conformance, AnOverflowIsRightAndRemembersNothing) {
  TypeParam cache;
  const auto inside = this->NewPythons(this->Fitting(100));
  const bool full = inside.size() == TestFixture::T::kCapacity;
  std::vector<PyObject*> handles;
  for (auto* python : inside) handles.push_back(this->Lookup(cache, *python));

  auto& outside = this->NewPython();
  for (std::size_t i = 1; i <= 3; ++i) {
    PyObject* made = nullptr;
    PyObject* handle =
        this->Lookup(cache, outside, [&] { return made = outside.make(); });
    EXPECT_EQ(OwnerOf(handle), &outside);
    EXPECT_EQ(outside.made(), full ? i : 1);
    if (full) {
      EXPECT_EQ(handle, made);
      EXPECT_EQ(this->Peek(cache, outside), nullptr);
    }
  }
  for (std::size_t i = 0; i < inside.size(); ++i) {
    EXPECT_EQ(this->Lookup(cache, *inside[i]), handles[i]);
  }
  EXPECT_EQ(TestFixture::T::Occupancy(cache), inside.size() + (full ? 0 : 1));
}

// (S15)
TYPED_TEST_P(Conformance, AThrowingAccessorRemembersNothing) {
  TypeParam cache;
  auto& python = this->NewPython();
  for (int i = 0; i < 2; ++i) {
    EXPECT_THROW(this->Lookup(cache, python,
                              []() -> PyObject* {
                                throw std::runtime_error("no such object");
                              }),
                 std::runtime_error);
    EXPECT_EQ(this->Peek(cache, python), nullptr);
    EXPECT_EQ(TestFixture::T::Occupancy(cache), 0u);
  }
  PyObject* handle = this->Lookup(cache, python);
  EXPECT_EQ(OwnerOf(handle), &python);
  EXPECT_EQ(this->Lookup(cache, python), handle);
}

// (S15)
TYPED_TEST_P(Conformance, ANullFromTheAccessor) {
  TypeParam cache;
  auto& python = this->NewPython();
  int calls = 0;
  const auto fail = [&calls]() -> PyObject* {
    ++calls;
    return nullptr;
  };
  EXPECT_EQ(this->Lookup(cache, python, fail), nullptr);
  EXPECT_EQ(this->Lookup(cache, python, fail), nullptr);
  if (TestFixture::T::kCachesNull) {
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(this->Lookup(cache, python), nullptr);
    EXPECT_EQ(python.made(), 0u);
    EXPECT_EQ(TestFixture::T::Occupancy(cache), 1u);
  } else {
    EXPECT_EQ(calls, 2);
    EXPECT_EQ(TestFixture::T::Occupancy(cache), 0u);
    PyObject* handle = this->Lookup(cache, python);
    EXPECT_EQ(OwnerOf(handle), &python);
    EXPECT_EQ(this->Lookup(cache, python), handle);
  }
}

TYPED_TEST_P(Conformance, ANullInterpreter) {
  TypeParam cache;
  auto& python = this->NewPython();
  int calls = 0;
  const auto lookup = [&] {
    return cache.ptr_or(nullptr, [&] {
      ++calls;
      return python.make();
    });
  };
  EXPECT_EQ(TestFixture::T::Peek(cache, nullptr), nullptr);
  if (!TestFixture::T::kFirstPublicationWins) {
    // Null is an empty slot's tag, so this hits and returns its null handle.
    EXPECT_EQ(lookup(), nullptr);
    EXPECT_EQ(calls, 0);
    this->Lookup(cache, python);
    EXPECT_EQ(OwnerOf(lookup()), &python);
    EXPECT_EQ(calls, 1);
    return;
  }
  for (std::size_t filled = 0; filled < 2; ++filled) {
#ifdef NDEBUG
    EXPECT_EQ(OwnerOf(lookup()), &python);
    EXPECT_EQ(OwnerOf(lookup()), &python);
    EXPECT_EQ(calls, 2);
    calls = 0;
#else
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(lookup(), "no interpreter");
#endif
    EXPECT_EQ(TestFixture::T::Occupancy(cache), filled);
    this->Lookup(cache, python);
  }
}

// (S13, S14) The same cache, for the same interpreter.
TYPED_TEST_P(Conformance, TheAccessorFillsTheSameSlot) {
  TypeParam cache;
  auto& python = this->NewPython();
  PyObject* inner = nullptr;
  const auto lookup = [&] {
    return cache.ptr_or(python.interpreter(), [&] {
      inner = cache.ptr_or(python.interpreter(), [&] { return python.make(); });
      return python.make();
    });
  };
  if (TestFixture::T::kFirstPublicationWins) {
    EXPECT_EQ(lookup(), inner);
  } else {
    EXPECT_THROW(lookup(), c10::Error);
  }
  EXPECT_EQ(OwnerOf(inner), &python);
  EXPECT_EQ(this->Lookup(cache, python), inner);
  EXPECT_EQ(python.made(), 2u);
  EXPECT_EQ(TestFixture::T::Occupancy(cache), 1u);
}

// (S13) The same cache, for another interpreter.
TYPED_TEST_P(Conformance, TheAccessorFillsAnotherSlot) {
  TypeParam cache;
  auto& python = this->NewPython();
  auto& other = this->NewPython();
  PyObject* inner = nullptr;
  PyObject* outer = this->Lookup(cache, python, [&] {
    inner = this->Lookup(cache, other);
    return python.make();
  });
  EXPECT_EQ(OwnerOf(inner), &other);
  EXPECT_EQ(OwnerOf(outer), &python);
  EXPECT_EQ(this->Lookup(cache, other), inner);
  const bool fits = TestFixture::T::kCapacity >= 2;
  EXPECT_EQ(this->Lookup(cache, python) == outer, fits);
  EXPECT_EQ(python.made(), fits ? 1u : 2u);
}

// (S13)
TYPED_TEST_P(Conformance, AccessorsOfTwoCachesUseEachOther) {
  TypeParam first;
  TypeParam second;
  auto& python = this->NewPython();
  const auto make = [&] { return python.make(); };
  PyObject* nested = nullptr;
  PyObject* handle = first.ptr_or(python.interpreter(), [&] {
    nested = second.ptr_or(python.interpreter(), [&] {
      // Nothing is filled yet, and no lock is held.
      EXPECT_EQ(TestFixture::T::Occupancy(first), 0u);
      EXPECT_EQ(TestFixture::T::Occupancy(second), 0u);
      return python.make();
    });
    return python.make();
  });
  EXPECT_NE(handle, nested);
  EXPECT_EQ(first.ptr_or(python.interpreter(), make), handle);
  EXPECT_EQ(second.ptr_or(python.interpreter(), make), nested);
  EXPECT_EQ(python.made(), 2u);
}

// An accessor is called with the value category it was passed with. An lvalue
// is not copied.
TYPED_TEST_P(Conformance, AccessorsOfAllKinds) {
  auto& python = this->NewPython();
  auto* interpreter = python.interpreter();
  struct Stateful {
    PyObject* operator()() {
      ++calls;
      return handle;
    }
    PyObject* handle;
    int calls = 0;
    char size[64] = {};  // too large for registers
  };
  Stateful stateful{python.make()};
  EXPECT_EQ(TypeParam().ptr_or(interpreter, std::ref(stateful)),
            stateful.handle);
  EXPECT_EQ(stateful.calls, 1);
  EXPECT_EQ(TypeParam().ptr_or(interpreter, Stateful{stateful}),
            stateful.handle);

  const auto small = [handle = stateful.handle] { return handle; };
  EXPECT_EQ(TypeParam().ptr_or(interpreter, small), stateful.handle);

  auto owned = std::make_unique<PyObject*>(stateful.handle);
  EXPECT_EQ(TypeParam().ptr_or(interpreter,
                               [owner = std::shared_ptr<PyObject*>(
                                    std::move(owned))] { return *owner; }),
            stateful.handle);

  static PyObject* const handle = python.make();
  PyObject* (*function)() = [] { return handle; };
  EXPECT_EQ(TypeParam().ptr_or(interpreter, function), handle);
}

// --- The end of an interpreter ----------------------------------------------

// (S5)
TYPED_TEST_P(Conformance, ARetiredInterpreterNeitherHitsNorFills) {
  TypeParam filled;
  TypeParam empty;
  auto& python = this->NewPython();
  PyObject* handle = this->Lookup(filled, python);
  python.interpreter()->retire();
  python.interpreter()->retire();
  if (!TestFixture::T::kKnowsRetirement) {
    EXPECT_EQ(this->Lookup(filled, python), handle);
    return;
  }
  for (TypeParam* cache : {&filled, &empty}) {
    EXPECT_EQ(this->Peek(*cache, python), nullptr);
    const std::size_t made = python.made();
    for (std::size_t i = 1; i <= 3; ++i) {
      EXPECT_EQ(OwnerOf(this->Lookup(*cache, python)), &python);
      EXPECT_EQ(python.made(), made + i);
    }
    EXPECT_EQ(TestFixture::T::Occupancy(*cache), 0u);
  }
}

// (S17)
TYPED_TEST_P(Conformance, AnInterpreterThatRetiresInItsAccessorFillsNothing) {
  TypeParam cache;
  auto& python = this->NewPython();
  PyObject* handle = this->Lookup(cache, python, [&] {
    python.interpreter()->retire();
    return python.make();
  });
  EXPECT_EQ(OwnerOf(handle), &python);
  const std::size_t occupancy = TestFixture::T::kKnowsRetirement ? 0 : 1;
  EXPECT_EQ(TestFixture::T::Occupancy(cache), occupancy);
}

// (S5, S22) N + 1 interpreters, then one ends: the newcomer gets the slot.
TYPED_TEST_P(Conformance, ANewcomerGetsARetiredInterpretersSlot) {
  const std::size_t count = this->Fitting(10);
  // Any of them may be the one that ends.
  for (std::size_t ending = 0; ending < count; ++ending) {
    TypeParam cache;
    auto pythons = this->NewPythons(count);
    for (auto* python : pythons) this->Lookup(cache, *python);
    auto& newcomer = this->NewPython();
    this->Lookup(cache, newcomer);

    pythons[ending]->interpreter()->retire();
    PyObject* handle = this->Lookup(cache, newcomer);
    EXPECT_EQ(OwnerOf(handle), &newcomer);
    const bool got_it =
        TestFixture::T::kReclaims || count < TestFixture::T::kCapacity;
    EXPECT_EQ(this->Lookup(cache, newcomer) == handle, got_it);

    // Nobody else lost a slot.
    for (auto* python : pythons) {
      if (python == pythons[ending]) continue;
      this->Lookup(cache, *python);
      EXPECT_EQ(python->made(), 1u);
    }
  }
}

// (S19, S22) Slots are reclaimed again and again.
TYPED_TEST_P(Conformance, InterpretersComeAndGo) {
  TypeParam cache;
  auto& staying = this->NewPython();
  PyObject* handle = this->Lookup(cache, staying);
  for (int i = 0; i < 300; ++i) {
    auto& passing = this->NewPython();
    PyObject* first = this->Lookup(cache, passing);
    PyObject* second = this->Lookup(cache, passing);
    EXPECT_EQ(OwnerOf(first), &passing);
    EXPECT_EQ(OwnerOf(second), &passing);
    if (TestFixture::T::kReclaims && TestFixture::T::kCapacity >= 2) {
      EXPECT_EQ(first, second);
      EXPECT_EQ(TestFixture::T::Occupancy(cache), 2u);
    }
    passing.interpreter()->retire();
    EXPECT_EQ(this->Lookup(cache, staying), handle);
  }
  EXPECT_EQ(staying.made(), 1u);
}

// (S6, S7) The next interpreter has the same address. A cache that knows only
// addresses cannot tell the two apart.
TYPED_TEST_P(Conformance, AnAddressComesBack) {
  TypeParam cache;
  auto& python = this->NewPython();
  auto& next = this->NewPython();
  std::optional<typename TestFixture::Interpreter> place;
  auto* interpreter = &place.emplace();
  PyObject* handle = cache.ptr_or(interpreter, [&] { return python.make(); });
  EXPECT_EQ(OwnerOf(handle), &python);
  ASSERT_EQ(&place.emplace(), interpreter);
  handle = cache.ptr_or(interpreter, [&] { return next.make(); });
  if (TestFixture::T::kKnowsRetirement) {
    EXPECT_EQ(OwnerOf(handle), &next);
    const std::size_t occupancy = TestFixture::T::kReclaims ? 1 : 0;
    EXPECT_EQ(TestFixture::T::Occupancy(cache), occupancy);
  } else {
    EXPECT_EQ(OwnerOf(handle), &python);
  }
}

// --- Several threads --------------------------------------------------------

// (S1, S4, S14) Every thread is in the accessor before any of them fills.
TYPED_TEST_P(Conformance, ThreadsOfOneInterpreterMissTogether) {
  constexpr std::size_t kThreads = 4;
  for (int round = 0; round < 50; ++round) {
    TypeParam cache;
    auto& python = this->NewPython();
    Rendezvous all_in_the_accessor(kThreads);
    std::vector<PyObject*> made(kThreads);
    std::vector<PyObject*> got(kThreads);
    std::atomic<std::size_t> errors{0};
    RunTogether(kThreads, [&](std::size_t i) {
      try {
        got[i] = cache.ptr_or(python.interpreter(), [&] {
          made[i] = python.make();
          all_in_the_accessor.Await();
          return made[i];
        });
      } catch (const c10::Error&) {
        ++errors;
      }
    });
    PyObject* handle = this->Peek(cache, python);
    ASSERT_EQ(std::count(made.begin(), made.end(), handle), 1);
    if (TestFixture::T::kFirstPublicationWins) {
      EXPECT_EQ(errors, 0u);
      ASSERT_EQ(std::count(got.begin(), got.end(), handle),
                std::ptrdiff_t{kThreads});
    } else {
      EXPECT_EQ(errors, kThreads - 1);
      ASSERT_EQ(std::count(got.begin(), got.end(), handle), 1);
    }
    ASSERT_EQ(TestFixture::T::Occupancy(cache), 1u);
  }
}

// (S1, S2, S3) Some threads miss, some hit, some come during a fill.
TYPED_TEST_P(Conformance, ThreadsOfOneInterpreterAllGetOneHandle) {
  constexpr std::size_t kThreads = 4;
  for (int round = 0; round < 300; ++round) {
    TypeParam cache;
    auto& python = this->NewPython();
    std::vector<PyObject*> got(2 * kThreads);
    RunTogether(kThreads, [&](std::size_t i) {
      got[2 * i] = this->Lookup(cache, python);
      got[2 * i + 1] = this->Lookup(cache, python);
    });
    ASSERT_EQ(OwnerOf(got[0]), &python) << "round " << round;
    ASSERT_EQ(std::count(got.begin(), got.end(), got[0]),
              std::ptrdiff_t{2 * kThreads})
        << "round " << round;
    ASSERT_EQ(TestFixture::T::Occupancy(cache), 1u);
  }
}

// (S2) peek(), which never fills, while another thread fills the slot.
TYPED_TEST_P(Conformance, AReaderSeesAWholeSlotOrNone) {
  constexpr std::size_t kReaders = 3;
  for (int round = 0; round < 300; ++round) {
    TypeParam cache;
    auto& python = this->NewPython();
    PyObject* const handle = python.make();
    std::atomic<int> wrong{0};
    std::atomic<bool> filled{false};
    RunTogether(1 + kReaders, [&](std::size_t i) {
      if (i == 0) {
        this->Lookup(cache, python, [handle] { return handle; });
        // Pairs with the acquire load: a thread that reads true peeks after the
        // fill.
        filled.store(true, std::memory_order_release);
        return;
      }
      PyObject* seen = nullptr;
      for (bool last = false; seen == nullptr && !last;) {
        last = filled.load(std::memory_order_acquire);
        seen = this->Peek(cache, python);
        if (seen == nullptr) std::this_thread::yield();
      }
      if (seen != handle || this->Peek(cache, python) != handle) ++wrong;
      if (this->Lookup(cache, python) != handle) ++wrong;
    });
    ASSERT_EQ(wrong, 0) << "round " << round;
    ASSERT_EQ(python.made(), 1u);
  }
}

// (S8, S9) More interpreters than slots, two threads each.
TYPED_TEST_P(Conformance, InterpretersFillTogether) {
  const std::size_t count = this->Fitting(6) + 2;
  for (int round = 0; round < 50; ++round) {
    TypeParam cache;
    const auto pythons = this->NewPythons(count);
    std::vector<PyObject*> got(2 * count);
    RunTogether(2 * count, [&](std::size_t i) {
      got[i] = this->Lookup(cache, *pythons[i / 2]);
    });
    for (std::size_t i = 0; i < 2 * count; ++i) {
      ASSERT_EQ(OwnerOf(got[i]), pythons[i / 2]) << "round " << round;
    }
    ASSERT_EQ(TestFixture::T::Occupancy(cache), this->Fitting(count));
    // Both threads of an interpreter that has a slot got the same handle.
    std::size_t hits = 0;
    for (std::size_t i = 0; i < count; ++i) {
      PyObject* handle = this->Peek(cache, *pythons[i]);
      if (handle == nullptr) continue;
      ++hits;
      ASSERT_EQ(got[2 * i], handle);
      ASSERT_EQ(got[2 * i + 1], handle);
    }
    ASSERT_EQ(hits, this->Fitting(count));
  }
}

// (S15) Threads that fail together leave the cache as it was.
TYPED_TEST_P(Conformance, ThreadsFailTogether) {
  constexpr std::size_t kThreads = 4;
  for (int round = 0; round < 50; ++round) {
    TypeParam cache;
    auto& python = this->NewPython();
    std::atomic<std::size_t> failures{0};
    RunTogether(kThreads, [&](std::size_t) {
      try {
        this->Lookup(cache, python, []() -> PyObject* {
          std::this_thread::yield();
          throw std::runtime_error("no such object");
        });
      } catch (const std::runtime_error&) {
        ++failures;
      }
    });
    ASSERT_EQ(failures, kThreads);
    ASSERT_EQ(TestFixture::T::Occupancy(cache), 0u);
    ASSERT_EQ(OwnerOf(this->Lookup(cache, python)), &python);
  }
}

// (S5, S22) Interpreters come and go while others have hits.
TYPED_TEST_P(Conformance, HitsGoOnWhileSlotsAreReclaimed) {
  TypeParam cache;
  const auto staying =
      this->NewPythons(std::max<std::size_t>(this->Fitting(4) - 1, 1));
  std::vector<PyObject*> handles;
  for (auto* python : staying) handles.push_back(this->Lookup(cache, *python));
  std::atomic<int> wrong{0};
  std::atomic<std::size_t> coming{2};
  RunTogether(2 + staying.size(), [&](std::size_t i) {
    if (i < 2) {
      for (int life = 0; life < 300; ++life) {
        auto& passing = this->NewPython();
        if (OwnerOf(this->Lookup(cache, passing)) != &passing) ++wrong;
        if (OwnerOf(this->Lookup(cache, passing)) != &passing) ++wrong;
        passing.interpreter()->retire();
      }
      --coming;
      return;
    }
    const std::size_t mine = i - 2;
    while (coming.load() != 0) {
      for (int j = 0; j < 100; ++j) {
        if (this->Lookup(cache, *staying[mine]) != handles[mine]) ++wrong;
      }
      std::this_thread::yield();  // lets those run on a single processor
    }
  });
  EXPECT_EQ(wrong, 0);
  for (auto* python : staying) EXPECT_EQ(python->made(), 1u);
}

// (S5, S17) A lookup overlaps the end of its own interpreter, and the next
// interpreter takes the slot. The lookup may be slow, but must not return the
// next one's handle.
TYPED_TEST_P(Conformance, ALookupOverlapsItsInterpretersEnd) {
  for (int round = 0; round < 300; ++round) {
    TypeParam cache;
    auto& ending = this->NewPython();
    auto& next = this->NewPython();
    this->Lookup(cache, ending);
    std::atomic<bool> done{false};
    std::atomic<int> wrong{0};
    RunTogether(3, [&](std::size_t i) {
      if (i == 0) {
        ending.interpreter()->retire();
        if (OwnerOf(this->Lookup(cache, next)) != &next) ++wrong;
        done = true;
        return;
      }
      while (!done) {
        for (int j = 0; j < 20; ++j) {
          if (OwnerOf(this->Lookup(cache, ending)) != &ending) ++wrong;
        }
        std::this_thread::yield();  // lets the first run on a single processor
      }
    });
    ASSERT_EQ(wrong, 0) << "round " << round;
  }
}

// (S27) The child of a fork can fill and hit, both in its own cache and in the
// caches that the parent's threads were filling. Those threads do nothing but
// fill, so some of the 100 forks interrupt a fill.
TYPED_TEST_P(Conformance, AForkInTheMiddleOfFills) {
#if defined(_WIN32)
  GTEST_SKIP() << "Windows has no fork()";
#else
  struct Filler {
    std::optional<TypeParam> cache;
    // Each cache is constructed before (1), and (2) comes before the next
    // construction. No filler runs in the child; if its load (3) reads true,
    // the cache exists.
    std::atomic<bool> constructed{false};
  };
  Filler fillers[2];
  std::atomic<unsigned> rounds{0};  // of both fillers
  std::atomic<bool> done{false};
  std::mutex waiting_for_child;
  std::vector<std::thread> filling;
  for (Filler& filler : fillers) {
    filling.emplace_back([&filler, &rounds, &done, &waiting_for_child] {
      Object object{&filler};
      while (!done) {
        std::unique_lock<std::mutex>(waiting_for_child).unlock();
        ++rounds;
        typename TestFixture::Interpreter interpreter;
        for (int i = 0; i < 20; ++i) {
          filler.cache.emplace();
          filler.constructed.store(true, std::memory_order_release);  // (1)
          static_cast<void>(filler.cache->ptr_or(
              &interpreter, [&object] { return HandleOf(&object); }));
          filler.constructed.exchange(false, std::memory_order_acq_rel);  // (2)
        }
        interpreter.retire();
      }
    });
  }
  for (int fork_number = 0; fork_number < 100; ++fork_number) {
    // On a single processor the fillers may not have run since the last fork.
    const unsigned before = rounds;
    while (rounds == before) std::this_thread::yield();
    // The child of a multithreaded process must not allocate.
    TypeParam own;
    Object object{&own};
    const pid_t child = fork();
    EXPECT_GE(child, 0);
    if (child == 0) {
      EndIfItHangs();
      typename TestFixture::Interpreter interpreter;
      PyObject* handle = HandleOf(&object);
      const auto is_right = [&interpreter, handle](const TypeParam& cache,
                                                   bool has_room) {
        PyObject* first =
            cache.ptr_or(&interpreter, [handle] { return handle; });
        PyObject* second =
            cache.ptr_or(&interpreter, []() -> PyObject* { return nullptr; });
        return first == handle &&
               (second == handle || (second == nullptr && !has_room));
      };
      bool right = is_right(own, true);
      for (const Filler& filler : fillers) {
        if (!filler.constructed.load(std::memory_order_acquire))
          continue;  // (3)
        right = is_right(*filler.cache, TestFixture::T::kCapacity > 1) && right;
      }
      _exit(right ? 0 : 1);
    }
    std::lock_guard<std::mutex> lock(waiting_for_child);
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(HowItEnded(status), "with status 0") << "fork " << fork_number;
    if (this->HasFailure()) break;
  }
  done = true;
  for (std::thread& thread : filling) thread.join();
#endif
}

// (S24) Hits and overflows make no shared write: they work even when the cache
// and the interpreter are in read-only memory.
TYPED_TEST_P(Conformance, AHitWritesNothing) {
  struct Shared {
    TypeParam cache;
    typename TestFixture::Interpreter interpreter;
  };
  Pages pages(sizeof(Shared));
  Shared* shared = new (pages.memory()) Shared;
  auto& python = this->NewPython();
  PyObject* handle =
      shared->cache.ptr_or(&shared->interpreter, [&] { return python.make(); });
  const auto others = this->NewPythons(this->Fitting(1000) - 1);
  for (auto* other : others) this->Lookup(shared->cache, *other);
  auto& outside = this->NewPython();

  const auto look = [&] {
    if (!pages.MakeReadOnly()) _exit(2);
    const bool hit = shared->cache.ptr_or(&shared->interpreter, [&] {
      return python.make();
    }) == handle;
    const bool overflow =
        others.size() + 1 < TestFixture::T::kCapacity ||
        OwnerOf(shared->cache.ptr_or(
            outside.interpreter(), [&] { return outside.make(); })) == &outside;
    _exit(hit && overflow ? 0 : 1);
  };
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  if (TestFixture::T::kHitWritesNothing) {
    EXPECT_EXIT(look(), ::testing::ExitedWithCode(0), "");
  } else {
    EXPECT_DEATH(look(), "");
  }
  shared->~Shared();
}

REGISTER_TYPED_TEST_SUITE_P(
    Conformance, AMissCallsTheAccessorOnceAndFills, AHitDoesNotCallTheAccessor,
    CachesShareNothing, ManyCachesOfOneInterpreter, ACacheInTheMemoryOfAnother,
    EachInterpreterHasItsOwnHandle, AnOverflowIsRightAndRemembersNothing,
    AThrowingAccessorRemembersNothing, ANullFromTheAccessor, ANullInterpreter,
    TheAccessorFillsTheSameSlot, TheAccessorFillsAnotherSlot,
    AccessorsOfTwoCachesUseEachOther, AccessorsOfAllKinds,
    ARetiredInterpreterNeitherHitsNorFills,
    AnInterpreterThatRetiresInItsAccessorFillsNothing,
    ANewcomerGetsARetiredInterpretersSlot, InterpretersComeAndGo,
    AnAddressComesBack, ThreadsOfOneInterpreterMissTogether,
    ThreadsOfOneInterpreterAllGetOneHandle, AReaderSeesAWholeSlotOrNone,
    InterpretersFillTogether, ThreadsFailTogether,
    HitsGoOnWhileSlotsAreReclaimed, ALookupOverlapsItsInterpretersEnd,
    AForkInTheMiddleOfFills, AHitWritesNothing);

}  // namespace conformance
}  // namespace multislot

#endif  // TESTS_CONFORMANCE_CONFORMANCE_H_
