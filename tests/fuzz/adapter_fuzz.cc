// Takes bytes for a sequence of operations on the interpreters of a real
// CPython and on the adapter's caches, runs it, and compares what the caches
// have with a model. A difference prints the sequence in words, and aborts.
//
// Each input has a CPython of its own; it can restart in the middle of one too.
// Objects know in which interpreter's life they were made, and tell when they
// die.

#include <Python.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/per_interpreter.h"
#include "multislot/cpython/single_interpreter_fast_path.h"
#include "multislot/fixed_slots.h"
#include "multislot/interpreter.h"
#include "multislot/side_table.h"
#include "tests/cpython/attached.h"
#include "tests/cpython/embedded.h"
#include "tests/fuzz/fuzz.h"

namespace multislot {
namespace fuzz {
namespace {

using cpython::AskCPython;
using cpython::CurrentInterpreter;
using cpython::HandleCache;
using cpython::PerInterpreter;
using cpython::SingleInterpreterFastPath;
using cpython::SubInterpreter;

constexpr std::size_t kInterpreters = 6;  // at most, at one time
constexpr int kDepth = 2;                 // of lookups in makes of lookups
constexpr int kChecksOfAll = 4;           // after so many operations

struct Object;

// One interpreter, from its start to its end.
struct Life {
  int number;
  // What it has to release at its end, the last one first.
  std::vector<Object*> owned;
};

// What caches hold: a capsule or a Value, and what became of it. It outlives
// both.
struct Object {
  int number;
  Life* owner;
  void* address = nullptr;  // of the capsule or the Value
  bool is_dead = false;
};

class Sequence;
Sequence* g_sequence = nullptr;

void Die(Object* object);

PyObject* NewCapsule(Object* object) {
  PyObject* capsule = PyCapsule_New(object, nullptr, [](PyObject* self) {
    Die(static_cast<Object*>(PyCapsule_GetPointer(self, nullptr)));
  });
  object->address = capsule;
  return capsule;
}

// Can be neither copied nor moved.
class Value {
 public:
  explicit Value(Object* object) : object_(object) { object->address = this; }
  ~Value() { Die(object_); }
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;

 private:
  Object* const object_;
};

// Null with a Python error set if it fails, or throws.
using Make = std::function<Object*()>;

// A cache of either class, with what each life has to find there.
class Subject {
 public:
  explicit Subject(const char* name) : name_(name) {}
  virtual ~Subject() = default;

  const char* name() const { return name_; }

  virtual void* GetOrCreate(bool is_given, const Make& make) const = 0;
  virtual void* Peek() const = 0;
  virtual void Clear() const = 0;
  // Whether a make that fails returns an object all the same.
  virtual bool MakesAlways() const { return false; }

  std::map<const Life*, Object*> objects;
  int in_use = 0;

 private:
  const char* const name_;
};

template <typename Cache, typename MakeOf>
auto* Get(const Cache& cache, bool is_given, const MakeOf& make) {
  return is_given ? cache.get_or_create(CurrentInterpreter(), make)
                  : cache.get_or_create(make);
}

template <typename Policy, typename Current>
class OfHandles : public Subject {
 public:
  using Subject::Subject;

  void* GetOrCreate(bool is_given, const Make& make) const override {
    return Get(cache_, is_given, [&make]() -> PyObject* {
      Object* made = make();
      return made == nullptr ? nullptr : NewCapsule(made);
    });
  }
  void* Peek() const override { return cache_.peek(); }
  void Clear() const override { cache_.clear_for_test(); }

 private:
  HandleCache<Policy, Current> cache_;
};

// Makes return a std::unique_ptr.
template <typename Policy>
class OfPointers : public Subject {
 public:
  using Subject::Subject;

  void* GetOrCreate(bool is_given, const Make& make) const override {
    return Get(cache_, is_given, [&make]() -> std::unique_ptr<Value> {
      Object* made = make();
      return made == nullptr ? nullptr : std::make_unique<Value>(made);
    });
  }
  void* Peek() const override { return cache_.peek(); }
  void Clear() const override { cache_.clear_for_test(); }

 private:
  PerInterpreter<Value, Policy> cache_;
};

// Makes return a Value.
template <typename Policy>
class OfValues : public Subject {
 public:
  using Subject::Subject;

  void* GetOrCreate(bool is_given, const Make& make) const override {
    return Get(cache_, is_given, [&make] { return Value(make()); });
  }
  void* Peek() const override { return cache_.peek(); }
  void Clear() const override { cache_.clear_for_test(); }
  bool MakesAlways() const override { return true; }

 private:
  PerInterpreter<Value, Policy> cache_;
};

// What a make throws.
struct Thrown {
  int number;
};

// The error that is set and its contexts, by the names of their types; unsets
// it. "" if none is.
std::string TakeErrors() {
#if PY_VERSION_HEX >= 0x030C0000
  PyObject* error = PyErr_GetRaisedException();
#else
  PyObject* type;
  PyObject* error;
  PyObject* traceback;
  PyErr_Fetch(&type, &error, &traceback);
  if (type != nullptr) PyErr_NormalizeException(&type, &error, &traceback);
  Py_XDECREF(type);
  Py_XDECREF(traceback);
#endif
  std::string names;
  while (error != nullptr) {
    if (!names.empty()) names += " after ";
    names += Py_TYPE(error)->tp_name;
    PyObject* context = PyException_GetContext(error);
    Py_DECREF(error);
    error = context;
  }
  return names;
}

// An interpreter that is alive; the first one is the main interpreter.
struct Python {
  std::unique_ptr<SubInterpreter> sub;
  PyThreadState* state;
  Life* life;
  int in_use = 0;  // how many lookups in it have not returned
};

class Sequence {
 public:
  Sequence(const std::uint8_t* data, std::size_t size)
      : data_(data), size_(size) {
    g_sequence = this;
    Add<OfHandles<SideTable, AskCPython>>("HandleCache<SideTable>");
    Add<OfHandles<FixedSlots<1>, AskCPython>>("HandleCache<FixedSlots<1>>");
    Add<OfHandles<FixedSlots<2>, AskCPython>>("HandleCache<FixedSlots<2>>");
    Add<OfHandles<SideTable, SingleInterpreterFastPath>>(
        "HandleCache<SideTable, SingleInterpreterFastPath>");
    Add<OfHandles<FixedSlots<2>, SingleInterpreterFastPath>>(
        "HandleCache<FixedSlots<2>, SingleInterpreterFastPath>");
    Add<OfPointers<SideTable>>("PerInterpreter<Value, SideTable>");
    Add<OfPointers<FixedSlots<1>>>("PerInterpreter<Value, FixedSlots<1>>");
    Add<OfValues<SideTable>>("PerInterpreter<Value, SideTable>");
    // These live as long as the process.
    static OfHandles<FixedSlots<8>, AskCPython> handles(
        "a static HandleCache<FixedSlots<8>>");
    static OfValues<SideTable> values("a static PerInterpreter<Value>");
    for (Subject* subject :
         {static_cast<Subject*>(&handles), static_cast<Subject*>(&values)}) {
      subject->objects.clear();
      subjects_.push_back(subject);
    }
    Start();
  }
  ~Sequence() {
    Stop();
    g_sequence = nullptr;
  }
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  void Run() {
    while (position_ < size_) Step();
  }

  void OnDeath(Object* object) {
    const auto found = alive_.find(PyInterpreterState_Get());
    const Life* life = found == alive_.end() ? nullptr : found->second;
    Check(!object->is_dead, "an object died twice");
    if (life != object->owner) {
      Fail(NameOf(object) + " died in " + NameOf(life));
    }
    object->is_dead = true;
    deaths_.push_back(object);
  }

 private:
  // 0 when nothing is left.
  unsigned Byte() { return position_ < size_ ? data_[position_++] : 0; }

  Subject& NextSubject() { return *subjects_[Byte() % subjects_.size()]; }

  // --- Operations ------------------------------------------------------------

  void Step() {
    ++g_operations;
    switch (Byte() % 16) {
      case 0:
      case 1:
        StartSub(Byte());
        break;
      case 2:
        EndSub(Byte() % pythons_.size());
        break;
      case 3:
      case 4:
        if (depth_ == 0) Switch(Byte() % pythons_.size());
        break;
      case 5:
        if (Byte() % 4 == 0 && depth_ == 0) {
          Say("restart");
          Stop();
          Start();
        }
        break;
      case 6:
        Clear(NextSubject());
        break;
      case 7:
        Say("SingleInterpreterFastPath::Enable() in " + NameOf(Now()));
        SingleInterpreterFastPath::Enable();
        break;
      case 8: {
        Subject& subject = NextSubject();
        const std::size_t where = Byte() % pythons_.size();
        LookUpOnAThread(subject, where, Byte());
        break;
      }
      case 9: {
        Subject& subject = NextSubject();
        const Life* before = Now();
        Switch(Byte() % pythons_.size());
        LookUp(subject, Byte());
        Switch(IndexOf(before));
        break;
      }
      default: {
        Subject& subject = NextSubject();
        LookUp(subject, Byte());
        break;
      }
    }
    CheckCurrent();
    if (++operations_ % kChecksOfAll == 0) CheckAll();
  }

  void Start() {
    runtime_.emplace();
    AddPython(nullptr, PyThreadState_Get());
    current_ = 0;
  }

  void Stop() {
    Switch(0);
    while (pythons_.size() > 1) EndSub(pythons_.size() - 1);
    CheckAll();
    Say("end " + NameOf(Now()));
    Life* life = Now();
    deaths_.clear();
    runtime_.reset();
    CheckEnd(life);
    pythons_.clear();
    alive_.clear();
  }

  void StartSub(unsigned gil) {
    if (pythons_.size() == kInterpreters) return;
    auto sub = std::make_unique<SubInterpreter>(
        gil % 2 == 0 ? SubInterpreter::kShared : SubInterpreter::kOwn);
    PyThreadState* state = sub->state();
    AddPython(std::move(sub), state);
  }

  void AddPython(std::unique_ptr<SubInterpreter> sub, PyThreadState* state) {
    lives_.push_back(Life{++last_number_, {}});
    Life* life = &lives_.back();
    Say("start " + NameOf(life));
    alive_[PyThreadState_GetInterpreter(state)] = life;
    pythons_.push_back(Python{std::move(sub), state, life});
  }

  void EndSub(std::size_t which) {
    if (which == 0 || pythons_[which].in_use > 0) return;
    if (which == current_) {
      if (depth_ > 0) return;
      Switch(0);
    }
    Python& python = pythons_[which];
    Say("end " + NameOf(python.life));
    Life* life = python.life;
    PyInterpreterState* state = python.sub->interpreter();
    deaths_.clear();
    python.sub->End();
    CheckEnd(life);
    alive_.erase(state);
    pythons_.erase(pythons_.begin() + static_cast<std::ptrdiff_t>(which));
    if (current_ > which) --current_;
  }

  void Switch(std::size_t which) {
    if (which != current_) Say("switch to " + NameOf(pythons_[which].life));
    PyThreadState_Swap(pythons_[which].state);
    current_ = which;
  }

  void Clear(Subject& subject) {
    if (subject.in_use > 0) return;
    Say("clear " + NameOf(subject));
    subject.Clear();
    subject.objects.clear();
  }

  // A make may start and end interpreters, which moves others. The main
  // interpreter's if this one has ended.
  std::size_t IndexOf(const Life* life) const {
    for (std::size_t i = 0; i < pythons_.size(); ++i) {
      if (pythons_[i].life == life) return i;
    }
    return 0;
  }

  void LookUpOnAThread(Subject& subject, std::size_t where, unsigned how) {
    const std::size_t before = current_;
    const int depth = depth_;
    Say("on another thread, in " + NameOf(pythons_[where].life));
    PyInterpreterState* state =
        PyThreadState_GetInterpreter(pythons_[where].state);
    // Nothing else happens meanwhile.
    cpython::RunAttached(state, 1, [&](std::size_t) {
      current_ = where;
      depth_ = kDepth;
      LookUp(subject, how);
    });
    current_ = before;
    depth_ = depth;
  }

  // `how` says what is pending, who is asked, and what the make does, should it
  // be called.
  void LookUp(Subject& subject, unsigned how) {
    Life* const life = Now();
    const bool is_pending = (how & 8) != 0;
    const bool is_given = (how & 16) != 0;
    Say(std::string("look up in ") + NameOf(subject) + " in " + NameOf(life) +
        (is_pending ? ", with an error pending" : "") +
        (is_given ? ", which is given" : ""));
    const auto found = subject.objects.find(life);
    Object* const cached =
        found == subject.objects.end() ? nullptr : found->second;
    int calls = 0;
    int thrown = 0;
    bool failed = false;
    Object* made = nullptr;
    const Make make = [&]() -> Object* {
      Check(++calls == 1, "make was called twice");
      Check(cached == nullptr, "make was called in spite of an object");
      Check(PyErr_Occurred() == nullptr, "an error is pending in make");
      ++depth_;
      Say("its make is called");
      const unsigned steps = depth_ <= kDepth ? how >> 5 & 3 : 0;
      for (unsigned i = 0; i < steps && position_ < size_; ++i) Step();
      const unsigned what = how & 7;
      failed = what == 5 || what == 6;
      if (what == 7) {
        thrown = ++last_number_;
        Say("its make throws");
        --depth_;
        throw Thrown{thrown};
      }
      if (failed) PyErr_SetString(PyExc_ValueError, "made nothing");
      if (!failed || subject.MakesAlways()) {
        objects_.push_back(Object{++last_number_, life});
        made = &objects_.back();
      }
      Say("its make returns " + NameOf(made) + (failed ? " and an error" : ""));
      --depth_;
      return made;
    };

    void* result = nullptr;
    int caught = 0;
    if (is_pending) PyErr_SetString(PyExc_KeyError, "pending");
    {
      const InUse cache_in_use(&subject.in_use);
      ++pythons_[current_].in_use;
      try {
        result = subject.GetOrCreate(is_given, make);
      } catch (const Thrown& exception) {
        caught = exception.number;
      }
      current_ = IndexOf(life);
      --pythons_[current_].in_use;
    }
    const std::string errors = TakeErrors();

    std::string expected_errors = failed ? "ValueError" : "";
    if (is_pending) expected_errors += failed ? " after KeyError" : "KeyError";
    if (errors != expected_errors) {
      Fail("the error is '" + errors + "', and should be '" + expected_errors +
           "'");
    }
    Check(caught == thrown, "the exception did not come through");
    Check(calls == (cached == nullptr ? 1 : 0),
          calls == 0 ? "make was not called" : "make was called");
    Object* expected = cached;
    if (made != nullptr) {
      const auto first = subject.objects.find(life);
      if (failed) {
        Check(made->is_dead, "what a make made that failed lives on");
      } else if (first != subject.objects.end()) {
        // An inner call was first.
        expected = first->second;
        Check(made->is_dead, "an object that is not needed lives on");
      } else {
        expected = made;
        subject.objects[life] = made;
        life->owned.push_back(made);
      }
    }
    CheckObject(subject, result, expected);
  }

  // --- Checks ----------------------------------------------------------------

  void CheckCurrent() {
    const Life* life = Now();
    if (alive_[PyInterpreterState_Get()] != life) {
      Fail("the thread is not in " + NameOf(life));
    }
    for (const Subject* subject : subjects_) {
      const auto found = subject->objects.find(life);
      CheckObject(*subject, subject->Peek(),
                  found == subject->objects.end() ? nullptr : found->second);
    }
    Check(PyErr_Occurred() == nullptr, "peek() set an error");
    for (const Object* object : life->owned) {
      if (object->is_dead) Fail(NameOf(object) + " died early");
    }
  }

  void CheckAll() {
    const std::size_t before = current_;
    for (std::size_t i = 0; i < pythons_.size(); ++i) {
      PyThreadState_Swap(pythons_[i].state);
      current_ = i;
      CheckCurrent();
    }
    PyThreadState_Swap(pythons_[before].state);
    current_ = before;
  }

  // What died while this life ended: all that it owned, the last one first.
  void CheckEnd(const Life* life) {
    std::vector<Object*> expected(life->owned.rbegin(), life->owned.rend());
    if (deaths_ == expected) return;
    std::string what = NameOf(life) + " released";
    for (const Object* object : deaths_) what += ", " + NameOf(object);
    what += ", and should have released";
    for (const Object* object : expected) what += ", " + NameOf(object);
    Fail(what);
  }

  void CheckObject(const Subject& subject, void* found,
                   const Object* expected) {
    if (found == (expected == nullptr ? nullptr : expected->address)) return;
    std::string name = found == nullptr ? "null" : "what nobody made";
    for (const Object& object : objects_) {
      if (object.address == found && found != nullptr) name = NameOf(&object);
    }
    Fail(NameOf(Now()) + " has " + name + " in " + NameOf(subject) +
         ", and should have " + NameOf(expected));
  }

  void Check(bool condition, const char* what) {
    if (!condition) Fail(what);
  }

  [[noreturn]] void Fail(const std::string& what) {
    std::fprintf(stderr, "\nThe operations:\n");
    for (const std::string& said : said_) {
      std::fprintf(stderr, "  %s\n", said.c_str());
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

  void Say(const std::string& what) {
    said_.push_back(std::string(2 * static_cast<std::size_t>(depth_), ' ') +
                    what);
  }
  std::string NameOf(const Subject& subject) const {
    std::size_t number = 0;
    while (subjects_[number] != &subject) ++number;
    return std::string(subject.name()) + " #" + std::to_string(number);
  }
  static std::string NameOf(const Life* life) {
    return life == nullptr ? "no interpreter"
                           : "interpreter " + std::to_string(life->number);
  }
  static std::string NameOf(const Object* object) {
    if (object == nullptr) return "null";
    return "object " + std::to_string(object->number) + " of " +
           NameOf(object->owner) + (object->is_dead ? ", which is dead" : "");
  }

  // --- The world -------------------------------------------------------------

  template <typename SubjectType>
  void Add(const char* name) {
    own_subjects_.push_back(std::make_unique<SubjectType>(name));
    subjects_.push_back(own_subjects_.back().get());
  }

  Life* Now() { return pythons_[current_].life; }

  const std::uint8_t* const data_;
  const std::size_t size_;
  std::size_t position_ = 0;

  std::vector<std::string> said_;
  int depth_ = 0;
  int operations_ = 0;
  int last_number_ = 0;
  std::deque<Life> lives_;
  std::deque<Object> objects_;
  std::vector<Object*> deaths_;  // since an interpreter began to end
  std::map<PyInterpreterState*, Life*> alive_;

  std::vector<std::unique_ptr<Subject>> own_subjects_;
  std::vector<Subject*> subjects_;
  std::optional<cpython::Runtime> runtime_;
  std::deque<Python> pythons_;
  std::size_t current_ = 0;
};

void Die(Object* object) { g_sequence->OnDeath(object); }

}  // namespace

void RunSequence(const std::uint8_t* data, std::size_t size) {
  Sequence(data, size).Run();
}

}  // namespace fuzz
}  // namespace multislot
