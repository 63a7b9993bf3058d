// The core under the checker: its scenarios' threads run in every order.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "multislot/fixed_slots.h"
#include "multislot/internal/fork_mutex.h"
#include "multislot/internal/registry.h"
#include "multislot/interpreter.h"
#include "multislot/side_table.h"
#include "tests/checker/model.h"
#include "tests/checker/scenarios.h"
#include "tests/checker/world.h"

namespace multislot {
namespace checker {
namespace {

using internal::g_register;
using internal::IsLive;
using internal::Register;
using internal::RegisterTag;
using internal::RegistryLock;
using internal::RetireTag;
using internal::Tag;

// --- Interpreters and a cache ------------------------------------------------

// Interpreters are numbered from 1.
template <typename Policy, int kInterpreters>
struct World {
  explicit World(int registered = kInterpreters) {
    RestoreRegister();
    for (int i = 0; i < registered; ++i) Register(i + 1);
  }

  void Register(int number) {
    interpreters[number] = std::make_unique<Interpreter>();
  }
  const Interpreter* At(int number) { return interpreters[number].get(); }

  // A fill, as after a lookup that missed.
  PyObject* Fill(int number, Object& object, const Policy& into) {
    return into.publish(At(number), object.MadeFor(number));
  }
  PyObject* Fill(int number, Object& object) {
    return Fill(number, object, cache);
  }
  // Looks up; the handle is the interpreter's own or null.
  PyObject* Find(int number, const Policy& in) {
    PyObject* handle = in.find_fast(At(number));
    if (handle == nullptr) handle = in.find(At(number));
    ExpectOwn(number, handle);
    return handle;
  }
  PyObject* Find(int number) { return Find(number, cache); }
  static void ExpectOwn(int number, PyObject* handle) {
    if (handle == nullptr) return;
    Expect(Object::OwnerOf(handle) == number, "another interpreter's object");
  }

  std::unique_ptr<Interpreter> interpreters[kInterpreters + 1];
  Policy cache;
  Policy another;
  Object objects[6];
  PyObject* handles[6] = {};
};

template <typename Policy, int kInterpreters>
World<Policy, kInterpreters>* New(int registered = kInterpreters) {
  return NewWorld<World<Policy, kInterpreters>>(registered);
}

// --- For every policy --------------------------------------------------------

// Two threads of an interpreter fill; one looks up.
template <typename Policy>
Run TwoFillOneLooks() {
  auto* world = New<Policy, 1>();
  return {{
              [=] { world->handles[0] = world->Fill(1, world->objects[0]); },
              [=] { world->handles[1] = world->Fill(1, world->objects[1]); },
              [=] { world->handles[2] = world->Find(1); },
          },
          [=] {
            PyObject* handle = world->cache.find_fast(world->At(1));
            Expect(handle != nullptr, "nothing was filled");
            Expect(world->handles[0] == handle && world->handles[1] == handle,
                   "two threads of an interpreter have different objects");
            Expect(world->handles[2] == nullptr || world->handles[2] == handle,
                   "a lookup and the fills have different objects");
          }};
}

// A thread finds what it filled while another thread fills.
template <typename Policy>
Run FindsItsOwn() {
  auto* world = New<Policy, 2>();
  const auto fill_and_find = [=](int number) {
    PyObject* filled = world->Fill(number, world->objects[number]);
    if (filled == nullptr) return;
    Expect(world->cache.find_fast(world->At(number)) == filled ||
               world->cache.find(world->At(number)) == filled,
           "a thread does not find what it filled");
  };
  return {{[=] { fill_and_find(1); }, [=] { fill_and_find(2); }}, nullptr};
}

// Interpreter 1 has filled. It retires while one of its threads looks up; 2
// fills in its place.
template <typename Policy>
Run LooksWhileItsInterpreterRetires() {
  auto* world = New<Policy, 2>(1);
  world->Fill(1, world->objects[0]);
  return {{
              [=] { world->Find(1); },
              [=] {
                world->interpreters[1]->retire();
                world->Register(2);
                world->handles[2] = world->Fill(2, world->objects[2]);
                Expect(world->handles[2] != nullptr,
                       "the retired interpreter's room is not reused");
                Expect(world->Find(2) == world->handles[2],
                       "the next interpreter does not find what it filled");
              },
          },
          [=] {
            Expect(world->Find(1) == nullptr, "a retired interpreter has hits");
          }};
}

// 1 has filled and retired. A thread of 2 fills in its place; others look up.
template <typename Policy>
Run LooksWhileItTakesOver() {
  auto* world = New<Policy, 2>(1);
  world->Fill(1, world->objects[0]);
  world->interpreters[1]->retire();
  world->Register(2);
  return {{
              [=] { world->handles[0] = world->Fill(2, world->objects[1]); },
              [=] { world->handles[1] = world->Find(2); },
              [=] {
                world->handles[2] = world->cache.find(world->At(2));
                world->ExpectOwn(2, world->handles[2]);
              },
          },
          [=] {
            Expect(world->handles[0] != nullptr, "a fill failed");
            for (PyObject* found : {world->handles[1], world->handles[2]}) {
              Expect(found == nullptr || found == world->handles[0],
                     "another object than the one that was filled");
            }
          }};
}

// The same, but the next interpreter's thread has not seen the retirement.
template <typename Policy>
Run FillsWhileAnotherRetires() {
  auto* world = New<Policy, 2>();
  world->Fill(1, world->objects[0]);
  return {{
              [=] { world->Find(1); },
              [=] { world->interpreters[1]->retire(); },
              [=] {
                PyObject* filled = world->Fill(2, world->objects[2]);
                if (filled != nullptr) {
                  Expect(world->Find(2) == filled, "a fill is lost");
                }
              },
          },
          [=] {
            Expect(world->Fill(2, world->objects[3]) != nullptr,
                   "the retired interpreter's room is not reused");
          }};
}

// An interpreter retires while one of its threads fills.
template <typename Policy>
Run FillsWhileItRetires() {
  auto* world = New<Policy, 2>(1);
  return {{
              [=] { world->handles[0] = world->Fill(1, world->objects[0]); },
              [=] {
                world->interpreters[1]->retire();
                world->Register(2);
                world->handles[1] = world->Fill(2, world->objects[1]);
              },
          },
          [=] {
            world->ExpectOwn(1, world->handles[0]);
            Expect(world->handles[1] != nullptr, "a fill failed");
            world->ExpectOwn(2, world->handles[1]);
            Expect(world->Find(2) == world->handles[1], "a fill is lost");
            Expect(world->Find(1) == nullptr, "a retired interpreter has hits");
            Expect(world->cache.occupancy() == 1,
                   "a retired interpreter is counted");
          }};
}

// Two threads retire it at once; the next interpreters take its room.
template <typename Policy>
Run RetiresTwice() {
  auto* world = New<Policy, 3>(1);
  world->Fill(1, world->objects[0]);
  const auto retire = [=](int next) {
    world->interpreters[1]->retire();
    world->Register(next);
    world->Fill(next, world->objects[next]);
  };
  return {{[=] { retire(2); }, [=] { retire(3); }}, [=] {
            Expect(world->At(2)->home_index() != world->At(3)->home_index(),
                   "two live interpreters have the same home index");
            world->Find(2);
            world->Find(3);
          }};
}

// --- FixedSlots --------------------------------------------------------------

// More interpreters than slots.
Run Overflow() {
  auto* world = New<FixedSlots<2>, 3>();
  const auto fill = [=](int number) {
    world->handles[number] = world->Fill(number, world->objects[number]);
  };
  return {{[=] { fill(1); }, [=] { fill(2); }, [=] { fill(3); }}, [=] {
            int filled = 0;
            for (int number = 1; number <= 3; ++number) {
              PyObject* handle = world->handles[number];
              if (handle != nullptr) ++filled;
              Expect(world->Find(number) == handle, "a fill is lost");
            }
            Expect(filled == 2, "not every slot was filled");
            Expect(world->cache.occupancy() == 2, "occupancy() is wrong");
          }};
}

// 1 and 3 have the same home, so 3's slot is further on. 1 retires while two
// threads of 3 fill again: 3 must not get a second slot.
Run HasASlotFurtherOn() {
  auto* world = New<FixedSlots<2>, 3>();
  world->Fill(1, world->objects[0]);
  PyObject* own = world->Fill(3, world->objects[1]);
  const auto fill = [=](Object& object) {
    Expect(world->Fill(3, object) == own, "an interpreter has two slots");
  };
  return {
      {
          [=] { world->interpreters[1]->retire(); },
          [=] { fill(world->objects[2]); },
          [=] { Expect(world->Find(3) == own, "a slot further on is lost"); },
      },
      [=] { Expect(world->cache.occupancy() == 1, "an interpreter has two"); }};
}

// The same while the next interpreter with that home fills. Lookups of 3 go
// past its slot.
Run LooksPastASlotThatIsFilled() {
  auto* world = New<FixedSlots<2>, 4>(3);
  world->Fill(1, world->objects[0]);
  PyObject* own = world->Fill(3, world->objects[1]);
  world->interpreters[1]->retire();
  world->Register(4);
  return {
      {
          [=] { world->handles[4] = world->Fill(4, world->objects[2]); },
          [=] { Expect(world->Find(3) == own, "a slot further on is lost"); },
          [=] {
            Expect(world->Fill(3, world->objects[3]) == own,
                   "an interpreter has two slots");
          },
      },
      [=] { Expect(world->Find(4) == world->handles[4], "a fill is lost"); }};
}

// Never more interpreters than slots, so nobody overflows. 1 retires, then 3
// and 2 fill, while another thread of 3 fills.
Run AsManyAsSlots() {
  auto* world = New<FixedSlots<2>, 3>();
  world->Fill(1, world->objects[0]);
  return {{
              [=] { world->handles[0] = world->Fill(3, world->objects[1]); },
              [=] {
                world->interpreters[1]->retire();
                world->handles[1] = world->Fill(3, world->objects[2]);
                Expect(world->Fill(2, world->objects[3]) != nullptr,
                       "a fill failed");
              },
          },
          [=] {
            Expect(world->handles[1] != nullptr, "a fill failed");
            Expect(world->handles[0] == world->handles[1],
                   "two threads of an interpreter have different objects");
          }};
}

// All slots are taken. Their interpreters retire one by one while two threads
// of a third interpreter fill.
Run SlotsBecomeFree() {
  auto* world = New<FixedSlots<2>, 3>();
  world->Fill(1, world->objects[0]);
  world->Fill(2, world->objects[1]);
  const auto fill = [=](int i) {
    world->handles[i] = world->Fill(3, world->objects[i]);
    // After its first fill the thread finds that handle.
    if (world->handles[i] != nullptr) {
      Expect(world->Find(3) == world->handles[i], "a fill is lost");
    }
  };
  return {{
              [=] {
                world->interpreters[1]->retire();
                world->interpreters[2]->retire();
              },
              [=] { fill(2); },
              [=] { fill(3); },
          },
          [=] {
            Expect(world->handles[2] == nullptr ||
                       world->handles[3] == nullptr ||
                       world->handles[2] == world->handles[3],
                   "two threads of an interpreter have different objects");
            Expect(world->Fill(3, world->objects[4]) != nullptr, "full");
          }};
}

// --- SideTable ---------------------------------------------------------------

using TwoTables = World<SideTable, 2>;

// Interpreter 1 fills the other cache. One of its threads looks there; another
// uses the first cache.
Run FillsTheOtherCache(TwoTables* world, std::function<void()> with_the_first) {
  return {{
              std::move(with_the_first),
              [=] {
                world->handles[1] =
                    world->Fill(1, world->objects[1], world->another);
              },
              [=] {
                PyObject* found = world->Find(1, world->another);
                Expect(found == nullptr || found == world->handles[1],
                       "another cache's object");
              },
          },
          [=] {
            Expect(world->Find(1) == world->handles[0], "a fill is lost");
            Expect(world->Find(1, world->another) == world->handles[1],
                   "a fill is lost");
            Expect(world->handles[0] != world->handles[1],
                   "two caches have the same object");
          }};
}

// Two caches do not mix up their handles.
Run TwoCaches() {
  auto* world = New<SideTable, 2>();
  return FillsTheOtherCache(
      world, [=] { world->handles[0] = world->Fill(1, world->objects[0]); });
}

// The first cache has the last index of the smallest table; the next cache
// makes the table grow.
TwoTables* WorldThatWillGrow() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  auto* world = New<SideTable, 2>();
  g_register.last_index = 30;
  world->handles[0] = world->Fill(1, world->objects[0]);
  return world;
}

Run LooksWhileTheTableGrows() {
  auto* world = WorldThatWillGrow();
  return FillsTheOtherCache(world, [=] {
    Expect(world->Find(1) == world->handles[0],
           "what was filled is lost as the table grows");
  });
}

Run TwoMakeTheTableGrow() {
  auto* world = WorldThatWillGrow();
  const auto fill = [=](int i) {
    world->handles[i] = world->Fill(1, world->objects[i], world->another);
  };
  return {{[=] { fill(1); }, [=] { fill(2); }}, [=] {
            Expect(world->handles[1] != nullptr &&
                       world->handles[1] == world->handles[2],
                   "two threads of an interpreter have different objects");
            Expect(world->Find(1) == world->handles[0], "a fill is lost");
            Expect(Unfreed() == 1, "memory that is not used is kept");
          }};
}

// A thread of 1 reads its smaller table while 1's tables go to 2.
Run LooksWhileTheTablesGoToAnother() {
  auto* world = WorldThatWillGrow();
  return {
      {
          [=] { world->Find(1); },
          [=] {
            world->Fill(1, world->objects[1], world->another);
            world->interpreters[1]->retire();
            Expect(world->Fill(2, world->objects[2]) != nullptr, "full");
            Expect(world->Fill(2, world->objects[3], world->another) != nullptr,
                   "full");
          },
      },
      [=] {
        Expect(Object::OwnerOf(world->Find(2)) == 2, "a fill is lost");
        Expect(Object::OwnerOf(world->Find(2, world->another)) == 2,
               "a fill is lost");
      }};
}

// --- The register ------------------------------------------------------------

struct Tags {
  Tags() { RestoreRegister(); }
  Tag tags[4] = {};
};

// Takes the first page's indices, except for `room` of them.
void TakeFirstPage(std::size_t room) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  g_register.first_page.taken = ~std::uint64_t{0} >> room;
  if (room == 0) g_register.full_pages[0] |= 1;
}

void ExpectLive(Tag tag) {
  Expect(IsLive(tag), "a thread does not see its own registration");
}

Run TwoRegister() {
  auto* tags = NewWorld<Tags>();
  const auto register_one = [=](int i) {
    tags->tags[i] = RegisterTag(g_register);
    ExpectLive(tags->tags[i]);
  };
  return {{[=] { register_one(0); }, [=] { register_one(1); }}, [=] {
            Expect(tags->tags[0] != tags->tags[1], "a tag was given twice");
            Expect(internal::HomeIndexOf(tags->tags[0]) +
                           internal::HomeIndexOf(tags->tags[1]) ==
                       1,
                   "the home indices are not 0 and 1");
          }};
}

// The register grows while a thread asks about registered interpreters.
Run TheRegisterGrows(std::size_t room) {
  auto* tags = NewWorld<Tags>();
  TakeFirstPage(room);
  const auto register_one = [=](int i) {
    const Tag tag = RegisterTag(g_register);
    ExpectLive(tag);
    tags->tags[i] = tag;
  };
  return {{
              [=] { register_one(0); },
              [=] { register_one(1); },
              // The tag may be registered or not; asking must be safe.
              [=] { IsLive(internal::MakeTag(64, 1)); },
          },
          [=] {
            Expect(tags->tags[0] > internal::kBusyTag &&
                       tags->tags[1] > internal::kBusyTag &&
                       tags->tags[0] != tags->tags[1],
                   "a registration was lost");
            Expect(IsLive(tags->tags[0]) && IsLive(tags->tags[1]), "lost");
            Expect(Unfreed() == 1, "memory that is not used is kept");
          }};
}
Run BothMakeItGrow() { return TheRegisterGrows(0); }
Run OneMakesItGrow() { return TheRegisterGrows(1); }

// While a thread allocates the second page, another makes it and fills it.
Run ItGrowsTwice() {
  auto* tags = NewWorld<Tags>();
  TakeFirstPage(0);
  const auto register_one = [=](int i) {
    tags->tags[i] = RegisterTag(g_register);
  };
  return {{
              [=] {
                register_one(0);
                const internal::RegistryLock lock(g_register);
                const internal::Page* second =
                    internal::FindPage(g_register, internal::kBitsOfAWord);
                const_cast<internal::Page*>(second)->taken = ~std::uint64_t{0};
                g_register.full_pages[0] |= 2;
              },
              [=] { register_one(1); },
          },
          [=] {
            Expect(tags->tags[0] != tags->tags[1], "a tag was given twice");
            const std::size_t index = internal::HomeIndexOf(tags->tags[1]);
            Expect(Unfreed() == index / internal::kBitsOfAWord,
                   "memory that is not used is kept");
          }};
}

// The next interpreter gets the same index.
Run AnIndexIsUsedAgain() {
  auto* tags = NewWorld<Tags>();
  const Tag first = RegisterTag(g_register);
  tags->tags[0] = first;
  return {{
              [=] {
                RetireTag(g_register, first);
                Expect(!IsLive(first),
                       "a thread sees a tag that it retired as live");
              },
              [=] { tags->tags[1] = RegisterTag(g_register); },
              [=] {
                const std::uintptr_t before = internal::Retirements();
                const bool live = IsLive(first);
                Expect(before == 0 || !live,
                       "a counted retirement's tag is still live");
              },
          },
          [=] {
            Expect(tags->tags[1] != first && IsLive(tags->tags[1]) &&
                       !IsLive(first),
                   "a tag came back");
          }};
}

// --- Fork --------------------------------------------------------------------

struct Forking {
  Forking() : guarded(0) {}
  internal::ForkMutex mutex;
  Plain<int> guarded;
};

// The forking thread locks again, in another library's handler. Meanwhile
// another thread locks, and a third one forks too.
Run LocksWhileAnotherForks(bool third_one_forks) {
  auto* forking = NewWorld<Forking>();
  const auto use = [=] {
    forking->mutex.Lock();
    forking->guarded.set(forking->guarded.get() + 1);
    forking->mutex.Unlock();
  };
  const auto fork = [=] {
    forking->mutex.BeforeFork();
    use();
    forking->mutex.AfterFork();
    use();
  };
  Run run = {{fork, use}, [=] {
               Expect(forking->guarded.get() == (third_one_forks ? 5 : 3),
                      "two threads had the mutex at once");
             }};
  if (third_one_forks) run.threads.push_back(fork);
  return run;
}
Run OneForks() { return LocksWhileAnotherForks(false); }
Run TwoFork() { return LocksWhileAnotherForks(true); }

template <typename Policy>
void AddForPolicy(const std::string& policy, std::vector<Scenario>& all) {
  all.push_back({policy + "/two_fill_one_looks", TwoFillOneLooks<Policy>});
  all.push_back({policy + "/finds_its_own", FindsItsOwn<Policy>});
  all.push_back({policy + "/looks_while_its_interpreter_retires",
                 LooksWhileItsInterpreterRetires<Policy>});
  all.push_back(
      {policy + "/looks_while_it_takes_over", LooksWhileItTakesOver<Policy>});
  all.push_back({policy + "/fills_while_another_retires",
                 FillsWhileAnotherRetires<Policy>});
  all.push_back(
      {policy + "/fills_while_it_retires", FillsWhileItRetires<Policy>});
  all.push_back({policy + "/retires_twice", RetiresTwice<Policy>});
}

}  // namespace

std::vector<Scenario> Scenarios() {
  std::vector<Scenario> all;
  AddForPolicy<FixedSlots<1>>("fixed_1", all);
  AddForPolicy<FixedSlots<2>>("fixed_2", all);
  AddForPolicy<SideTable>("side_table", all);
  all.push_back({"fixed_2/overflow", Overflow});
  all.push_back({"fixed_2/has_a_slot_further_on", HasASlotFurtherOn});
  all.push_back(
      {"fixed_2/looks_past_a_slot_that_is_filled", LooksPastASlotThatIsFilled});
  all.push_back({"fixed_2/as_many_as_slots", AsManyAsSlots});
  all.push_back({"fixed_2/slots_become_free", SlotsBecomeFree});
  all.push_back({"side_table/two_caches", TwoCaches});
  all.push_back({"side_table/looks_while_it_grows", LooksWhileTheTableGrows});
  all.push_back({"side_table/two_make_it_grow", TwoMakeTheTableGrow});
  all.push_back({"side_table/looks_while_the_tables_go_to_another",
                 LooksWhileTheTablesGoToAnother});
  all.push_back({"register/two_register", TwoRegister});
  all.push_back({"register/both_make_it_grow", BothMakeItGrow});
  all.push_back({"register/one_makes_it_grow", OneMakesItGrow});
  all.push_back({"register/it_grows_twice", ItGrowsTwice});
  all.push_back({"register/an_index_is_used_again", AnIndexIsUsedAgain});
  all.push_back({"fork/one_forks", OneForks});
  all.push_back({"fork/two_fork", TwoFork});
  return all;
}

}  // namespace checker
}  // namespace multislot
