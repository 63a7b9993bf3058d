// Runs its input as a sequence of operations on interpreters and on caches with
// every policy. Compares each cache with its model after each operation. At a
// difference prints the sequence in words and aborts.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "c10/core/impl/PyInterpreter.h"
#include "c10/util/Exception.h"
#include "multislot/bare_interpreter.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/fixed_slots.h"
#include "multislot/internal/py_object.h"
#include "multislot/internal/registry.h"
#include "multislot/internal/table.h"
#include "multislot/interpreter.h"
#include "multislot/side_table.h"
#include "multislot/single_slot.h"
#include "multislot/slot_policy.h"
#include "tests/conformance/reference_cache.h"
#include "tests/conformance/seed_cache.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/model.h"
#include "tests/fuzz/subject.h"

namespace multislot {
namespace fuzz {
namespace {

constexpr std::size_t kRegisteredPlaces = 24;
constexpr std::size_t kBarePlaces = 8;
constexpr std::size_t kPlaces = kRegisteredPlaces + kBarePlaces;
constexpr int kChecksOfAll = 16;  // operations between full checks
constexpr int kDepth = 3;         // of nested lookups

// What handles point to.
struct Object {
  int number;
  const Life* owner;  // null: made for a null interpreter
};

PyObject* HandleOf(Object* object) {
  return reinterpret_cast<PyObject*>(object);
}

// What an accessor throws.
struct Thrown {
  int number;
};

// A place where interpreters come and go at one address. A bare one stays.
struct Place {
  std::optional<Interpreter> registered;
  std::optional<c10::impl::PyInterpreter> bare;
  Life* life = nullptr;  // null while it is empty
  int in_use = 0;        // lookups for it that have not returned
};

// An operation, recorded for the failure report.
struct Event {
  enum What {
    kRegister,
    kRetire,
    kDestroy,
    kLookup,
    kAccessor,
    kReturnsObject,
    kReturnsNull,
    kThrows,
    kClear,
    kRenew,
    kIndicesTaken,
    kIndicesRunOut,
  };
  What what;
  int depth;
  const Life* life;
  int cache;
  int number;
};

class Sequence {
 public:
  Sequence(const std::uint8_t* data, std::size_t size)
      : data_(data), size_(size) {
    const unsigned start = Byte();
    // Nothing is left of the sequence before, so indices may start again. Then
    // a sequence always does the same.
    constexpr std::size_t kIndices[] = {0, 29, 125, 509};
    SetLastIndex(kIndices[start & 3]);
    // So that home indices start low, or at the end of a page.
    constexpr std::size_t kCrowds[] = {0, 3, 61, 126};
    for (std::size_t i = 0; i < kCrowds[start >> 2 & 3]; ++i) {
      homes_.insert(crowd_.emplace_back().home_index());
    }
    for (std::size_t i = kRegisteredPlaces; i < kPlaces; ++i) {
      places_[i].bare.emplace(nullptr);
      places_[i].life = &lives_.emplace_back(Life{NextNumber(), true, false});
    }
    AddSubjects();
  }

  void Run() {
    while (position_ < size_) Step();
    CheckAll();
  }

 private:
  // --- The input -------------------------------------------------------------

  // The next byte of the input; 0 at its end.
  unsigned Byte() { return position_ < size_ ? data_[position_++] : 0; }

  int NextCache() { return static_cast<int>(Byte() % subjects_.size()); }

  // A place whose interpreters the cache accepts.
  Place& PlaceFor(const Subject& subject, unsigned byte) {
    if (!subject.TakesRegistered()) {
      return places_[kRegisteredPlaces + byte % kBarePlaces];
    }
    return places_[byte % (subject.TakesBare() ? kPlaces : kRegisteredPlaces)];
  }
  Place& NextRegisteredPlace() { return places_[Byte() % kRegisteredPlaces]; }

  // --- Operations ------------------------------------------------------------

  void Step() {
    const unsigned what = Byte() % 16;
    switch (what) {
      case 0:
        Register(NextRegisteredPlace());
        break;
      case 1:
        Retire(NextRegisteredPlace());
        break;
      case 2:
        Destroy(NextRegisteredPlace());
        break;
      case 3:
        Clear(NextCache());
        break;
      case 4:
        Renew(NextCache());
        break;
      case 5:
        TakeIndices(Byte());
        break;
      case 6:
        if (looked_up_.place != nullptr) {  // what the accessor was called for
          Lookup(looked_up_.cache, *looked_up_.place, Byte());
        } else {
          LookupOfNull(NextCache());
        }
        break;
      case 7: {  // every interpreter that there is, in one cache
        const int cache = NextCache();
        for (Place& place : places_) {
          if (place.life == nullptr || !Takes(cache, place)) continue;
          Lookup(cache, place, 0);
        }
        break;
      }
      case 8: {  // one interpreter, in every cache
        Place& place = places_[Byte() % kPlaces];
        for (int cache = 0; cache < Count(); ++cache) {
          if (Takes(cache, place)) Lookup(cache, place, 0);
        }
        break;
      }
      default: {
        const int cache = NextCache();
        Place& place = PlaceFor(*subjects_[cache], Byte());
        Lookup(cache, place, Byte());
        break;
      }
    }
  }

  void Register(Place& place) {
    if (place.in_use > 0) return;
    Destroy(place);
    Life* life = &lives_.emplace_back(Life{NextNumber(), false, false});
    place.life = life;
    Add({Event::kRegister, depth_, life, 0, NumberOf(place)});
    place.registered.emplace();

    Check(!place.registered->retired(), "a new interpreter is retired");
    const std::uint64_t id = place.registered->id();
    Check(id != 0 && ids_.insert(id).second, "its id is not unique");
    std::size_t home = 0;
    while (homes_.count(home) > 0) ++home;
    Check(place.registered->home_index() == home,
          "its home index is not the smallest that was free");
    homes_.insert(home);
    registered_.push_back({life, id});
    CheckAfter(-1, &place);
  }

  void Retire(Place& place) {
    if (!place.registered) return;
    Add({Event::kRetire, depth_, place.life, 0, 0});
    const std::uint64_t id = place.registered->id();
    const std::size_t home = place.registered->home_index();
    place.registered->retire();
    Check(place.registered->id() == id, "its id changed");
    Check(place.registered->home_index() == home, "its home index changed");
    End(place);
    CheckAfter(-1, &place);
  }

  void Destroy(Place& place) {
    if (!place.registered || place.in_use > 0) return;
    Add({Event::kDestroy, depth_, place.life, 0, 0});
    End(place);
    place.registered.reset();
    place.life = nullptr;
    CheckAfter(-1, nullptr);
  }

  void End(Place& place) {
    if (place.life->is_over) return;
    place.life->is_over = true;
    homes_.erase(place.registered->home_index());
  }

  void Clear(int cache) {
    if (subjects_[cache]->in_use > 0) return;
    Add({Event::kClear, depth_, nullptr, cache, 0});
    subjects_[cache]->Clear();
    subjects_[cache]->model().Clear();
    CheckAfter(cache, nullptr);
  }

  void Renew(int cache) {
    if (subjects_[cache]->in_use > 0) return;
    Add({Event::kRenew, depth_, nullptr, cache, 0});
    subjects_[cache]->Renew();
    subjects_[cache]->model().Clear();
    CheckAfter(cache, nullptr);
  }

  // Pretends that many other caches with SideTable were filled; in rare cases,
  // that no index is left.
  void TakeIndices(unsigned count) {
    if (indices_ran_out_) return;
    if (count == 0xFF) {
      Add({Event::kIndicesRunOut, depth_, nullptr, 0, 0});
      SetLastIndex((std::size_t{1} << internal::kIndexBits) - 1);
      indices_ran_out_ = true;
    } else {
      Add({Event::kIndicesTaken, depth_, nullptr, 0, static_cast<int>(count)});
      internal::RegistryLock lock(internal::g_register);
      internal::g_register.last_index += count;
    }
    CheckAfter(-1, nullptr);
  }

  void Lookup(int cache, Place& place, unsigned accessor) {
    if (place.life == nullptr) Register(place);
    const InUse in_use(&place.in_use);
    if (place.registered) {
      LookupOf(cache, &*place.registered, &place, accessor);
    } else {
      LookupOf(cache, &*place.bare, &place, accessor);
    }
  }

  void LookupOfNull(int cache) {
    Subject& subject = *subjects_[cache];
    Check(subject.Peek(static_cast<Interpreter*>(nullptr)) == nullptr &&
              subject.Peek(static_cast<c10::impl::PyInterpreter*>(nullptr)) ==
                  nullptr,
          "a null interpreter has a handle");
    if (!subject.TakesNull()) return;
    if (subject.TakesRegistered()) {
      LookupOf(cache, static_cast<Interpreter*>(nullptr), nullptr, Byte());
    } else {
      LookupOf(cache, static_cast<c10::impl::PyInterpreter*>(nullptr), nullptr,
               Byte());
    }
  }

  // A null place means a null interpreter. `accessor` says what the accessor
  // does if it is called.
  template <typename InterpreterType>
  void LookupOf(int cache, InterpreterType* interpreter, Place* place,
                unsigned accessor) {
    const Life* life = place == nullptr ? nullptr : place->life;
    Subject& subject = *subjects_[cache];
    Add({Event::kLookup, depth_, life, cache, 0});
    const InUse in_use(&subject.in_use);

    PyObject* cached = nullptr;
    const bool is_hit = subject.model().IsHit(life, &cached);
    int calls = 0;
    PyObject* made = nullptr;
    int thrown = 0;
    const Accessor act = [&]() -> PyObject* {
      Add({Event::kAccessor, depth_, life, cache, 0});
      Check(++calls == 1, "the accessor was called twice");
      Check(!is_hit, "the accessor was called although there is a handle");
      const LookedUp outer = looked_up_;
      looked_up_ = {cache, place};
      ++depth_;
      const unsigned steps = depth_ <= kDepth ? accessor >> 3 & 3 : 0;
      for (unsigned i = 0; i < steps && position_ < size_; ++i) Step();
      --depth_;
      looked_up_ = outer;
      switch (accessor & 7) {
        case 5:
          Add({Event::kReturnsNull, depth_, life, cache, 0});
          return nullptr;
        case 6:
          thrown = NextNumber();
          Add({Event::kThrows, depth_, life, cache, thrown});
          throw Thrown{thrown};
        case 7:
          made = OldObject(life);
          break;
        default:
          made = NewObject(life);
      }
      Add({Event::kReturnsObject, depth_, life, cache,
           reinterpret_cast<Object*>(made)->number});
      return made;
    };

    PyObject* result = nullptr;
    int caught = 0;
    bool caught_c10_error = false;
    try {
      result = subject.Lookup(interpreter, act);
    } catch (const Thrown& exception) {
      caught = exception.number;
    } catch (const c10::Error&) {
      caught_c10_error = true;
    }

    Check(caught == thrown, "the accessor's exception was not passed on");
    if (is_hit) {
      Check(calls == 0 && !caught_c10_error, "no hit");
      CheckHandle(cache, result, cached, life);
    } else {
      Check(calls == 1, "the accessor was not called");
      if (thrown == 0) {
        const Expected expected = subject.model().AfterAccessor(life, made);
        Check(caught_c10_error == expected.throws_c10_error,
              caught_c10_error ? "c10::Error" : "no c10::Error");
        CheckHandle(cache, result, expected.handle, life);
      }
    }
    CheckAfter(cache, place);
  }

  // --- Checks ----------------------------------------------------------------

  // Called after each operation. Checks its cache (unless negative) for all
  // interpreters, and its interpreter (unless null) in all caches. Sometimes
  // checks everything.
  void CheckAfter(int cache, Place* place) {
    ++g_operations;
    if (++operations_ % kChecksOfAll == 0) {
      CheckAll();
      return;
    }
    if (cache >= 0) CheckCache(cache);
    if (place == nullptr) return;
    for (int other = 0; other < Count(); ++other) CheckPeek(other, *place);
    CheckLives();
  }

  void CheckAll() {
    for (int cache = 0; cache < Count(); ++cache) CheckCache(cache);
    CheckLives();
  }

  void CheckCache(int cache) {
    for (Place& place : places_) CheckPeek(cache, place);
    const std::size_t occupancy = subjects_[cache]->Occupancy();
    const std::size_t expected = subjects_[cache]->model().Occupancy();
    if (occupancy != expected) {
      Fail(NameOf(cache) + ": occupancy() is " + std::to_string(occupancy) +
           ", but should be " + std::to_string(expected));
    }
    Check(subjects_[cache]->Capacity() == subjects_[cache]->model().Capacity(),
          "capacity() is wrong");
  }

  void CheckPeek(int cache, Place& place) {
    if (place.life == nullptr || !Takes(cache, place)) return;
    const Subject& subject = *subjects_[cache];
    PyObject* found = place.registered ? subject.Peek(&*place.registered)
                                       : subject.Peek(&*place.bare);
    CheckHandle(cache, found, subject.model().Peek(place.life), place.life);
  }

  void CheckLives() {
    for (const auto& [life, id] : registered_) {
      if (Interpreter::is_live(id) == life->is_over) {
        Fail("is_live() is wrong about " + NameOf(life));
      }
    }
    for (const Place& place : places_) {
      if (place.registered &&
          place.registered->retired() != place.life->is_over) {
        Fail("retired() is wrong about " + NameOf(place.life));
      }
    }
  }

  void CheckHandle(int cache, PyObject* found, PyObject* expected,
                   const Life* life) {
    if (found == expected) return;
    Fail(NameOf(life) + " has " + NameOf(found) + " in " + NameOf(cache) +
         ", but should have " + NameOf(expected));
  }

  void Check(bool condition, const char* what) {
    if (!condition) Fail(what);
  }

  [[noreturn]] void Fail(const std::string& what) {
    std::fprintf(stderr, "\nThe operations, %zu interpreters beside them:\n",
                 crowd_.size());
    for (const Event& event : events_) {
      std::fprintf(stderr, "  %s%s\n",
                   std::string(2 * event.depth, ' ').c_str(),
                   InWords(event).c_str());
    }
    std::fprintf(stderr, "FAILED: %s\nThe input, for xxd -r -p:\n",
                 what.c_str());
    for (std::size_t i = 0; i < size_; ++i) {
      std::fprintf(stderr, "%02x", data_[i]);
    }
    std::fprintf(stderr, "\n");
    std::abort();
  }

  // --- In words --------------------------------------------------------------

  void Add(const Event& event) { events_.push_back(event); }

  std::string NameOf(int cache) const {
    return std::string(subjects_[cache]->name()) + " #" + std::to_string(cache);
  }
  static std::string NameOf(const Life* life) {
    if (life == nullptr) return "no interpreter";
    return (life->is_bare ? "bare interpreter " : "interpreter ") +
           std::to_string(life->number);
  }
  std::string NameOf(PyObject* handle) const {
    if (handle == nullptr) return "null";
    for (const Object& object : objects_) {
      if (reinterpret_cast<const PyObject*>(&object) != handle) continue;
      std::string name = "object " + std::to_string(object.number) + " of " +
                         NameOf(object.owner);
      if (object.owner != nullptr && object.owner->is_over) {
        name += ", which has retired";
      }
      return name;
    }
    return "an object that is not of this sequence";
  }
  int NumberOf(const Place& place) const {
    return static_cast<int>(&place - places_);
  }

  std::string InWords(const Event& event) const {
    const std::string life = NameOf(event.life);
    const std::string number = std::to_string(event.number);
    switch (event.what) {
      case Event::kRegister:
        return "register " + life + " at place " + number;
      case Event::kRetire:
        return "retire " + life;
      case Event::kDestroy:
        return "destroy " + life;
      case Event::kLookup:
        return "look up in " + NameOf(event.cache) + " for " + life;
      case Event::kAccessor:
        return "its accessor is called";
      case Event::kReturnsObject:
        return "its accessor returns object " + number;
      case Event::kReturnsNull:
        return "its accessor returns null";
      case Event::kThrows:
        return "its accessor throws " + number;
      case Event::kClear:
        return "clear " + NameOf(event.cache);
      case Event::kRenew:
        return "destroy " + NameOf(event.cache) + ", and make it anew";
      case Event::kIndicesTaken:
        return number + " other caches take an index";
      case Event::kIndicesRunOut:
        return "other caches take all indices";
    }
    return "";
  }

  // --- The world -------------------------------------------------------------

  void AddSubjects() {
    Slots<FixedSlots<1>>("FixedSlots<1>");
    Slots<FixedSlots<1>>("FixedSlots<1>");
    Slots<FixedSlots<2>>("FixedSlots<2>");
    Slots<FixedSlots<2>>("FixedSlots<2>");
    Slots<FixedSlots<3>>("FixedSlots<3>");
    Slots<FixedSlots<8>>("FixedSlots<8>");
    Slots<FixedSlots<8>>("FixedSlots<8>");
    Slots<FixedSlots<3, c10::impl::PyInterpreter>>("FixedSlots<3, bare>");
    for (int i = 0; i < 4; ++i) {
      Subjects<BasicPyHandleCache<SideTable>>(
          "SideTable", std::make_unique<TableModel>(&indices_ran_out_));
    }
    for (int i = 0; i < 2; ++i) {
      Subjects<BasicPyHandleCache<SingleSlot>>("SingleSlot",
                                               std::make_unique<SingleModel>());
    }
    Subjects<conformance::SeedCache>("c10::PyHandleCache",
                                     std::make_unique<SingleModel>());
    Subjects<conformance::ReferenceCache>(
        "ReferenceCache", std::make_unique<SlotsModel>(kUnlimited));
  }
  template <typename Policy>
  void Slots(const char* name) {
    Subjects<BasicPyHandleCache<Policy>>(
        name, std::make_unique<SlotsModel>(Policy::capacity()));
  }
  template <typename Cache>
  void Subjects(const char* name, std::unique_ptr<Model> model) {
    subjects_.push_back(
        std::make_unique<SubjectOf<Cache>>(name, std::move(model)));
  }

  int Count() const { return static_cast<int>(subjects_.size()); }
  bool Takes(int cache, const Place& place) const {
    return place.bare ? subjects_[cache]->TakesBare()
                      : subjects_[cache]->TakesRegistered();
  }

  static void SetLastIndex(std::size_t index) {
    internal::RegistryLock lock(internal::g_register);
    internal::g_register.last_index = index;
  }

  int NextNumber() { return ++last_number_; }

  PyObject* NewObject(const Life* life) {
    objects_.push_back(Object{NextNumber(), life});
    return HandleOf(&objects_.back());
  }
  // The interpreter's first object.
  PyObject* OldObject(const Life* life) {
    const auto found = std::find_if(
        objects_.begin(), objects_.end(),
        [life](const Object& object) { return object.owner == life; });
    return found == objects_.end() ? NewObject(life) : HandleOf(&*found);
  }

  const std::uint8_t* const data_;
  const std::size_t size_;
  std::size_t position_ = 0;

  std::vector<Event> events_;
  int depth_ = 0;
  // The innermost lookup whose accessor is running.
  struct LookedUp {
    int cache;
    Place* place;
  };
  LookedUp looked_up_ = {0, nullptr};
  int operations_ = 0;
  int last_number_ = 0;
  std::deque<Life> lives_;
  std::deque<Object> objects_;
  bool indices_ran_out_ = false;

  struct Registered {
    const Life* life;
    std::uint64_t id;
  };
  std::vector<Registered> registered_;
  std::set<std::uint64_t> ids_;
  std::set<std::size_t> homes_;  // of live interpreters

  std::vector<std::unique_ptr<Subject>> subjects_;
  std::deque<Interpreter> crowd_;
  Place places_[kPlaces];
};

}  // namespace

void RunSequence(const std::uint8_t* data, std::size_t size) {
  Sequence(data, size).Run();
}

}  // namespace fuzz
}  // namespace multislot
