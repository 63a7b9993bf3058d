// Runs its input as a sequence of operations on a real CPython's interpreters
// and on the adapter's caches. Compares the caches with a model. At a
// difference prints the sequence in words and aborts.
//
// Each input starts its own CPython, and may restart it. Objects know the
// interpreter's life that they were made in, and report their death.
// Destructors of all kinds look up while their interpreter ends.
//
// In an overlap, several threads look up, start interpreters and end them at
// the same time. The input does not determine their order, so the checks must
// hold in any order.

#include <Python.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/single_interpreter_fast_path.h"
#include "multislot/fixed_slots.h"
#include "multislot/interpreter.h"
#include "multislot/side_table.h"
#include "tests/cpython/attached.h"
#include "tests/cpython/embedded.h"
#include "tests/fuzz/adapter_subject.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/last_acts.h"

#if defined(__SANITIZE_ADDRESS__)
#define MULTISLOT_HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MULTISLOT_HAS_ASAN 1
#endif
#endif

namespace multislot {
namespace fuzz {
namespace {

using cpython::AskCPython;
using cpython::CurrentInterpreter;
using cpython::SingleInterpreterFastPath;
using cpython::SubInterpreter;

constexpr std::size_t kInterpreters = 6;  // alive at the same time
constexpr int kDepth = 2;                 // of nested lookups
constexpr int kChecksOfAll = 4;           // operations between full checks

// The bits of a lookup's byte. The lowest three say what make does if called.
constexpr unsigned kPending = 8;    // an error is pending
constexpr unsigned kGiven = 16;     // the cache is told who is current; by a
                                    // last act, who was when it was alive
constexpr unsigned kSteps = 0x60;   // make runs operations; in an overlap, it
                                    // lets other threads run
constexpr unsigned kLastAct = 128;  // the object looks up as it dies

class Sequence;
Sequence* g_sequence = nullptr;

// 0 for the thread that runs the sequence.
thread_local int t_thread = 0;

// What make throws.
struct Thrown {
  int number;
};

// The type names of the error that is set and of its contexts; "" for none.
// Clears the error.
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

// Lets CPython allocate each object separately, so that AddressSanitizer sees
// uses of freed objects.
void PreInitialize() {
#if defined(MULTISLOT_HAS_ASAN)
  PyPreConfig config;
  PyPreConfig_InitIsolatedConfig(&config);
  config.allocator = PYMEM_ALLOCATOR_MALLOC;
  if (PyStatus_Exception(Py_PreInitialize(&config))) std::abort();
#endif
}

// A live interpreter. The first one is the main interpreter.
struct Python {
  std::unique_ptr<SubInterpreter> sub;
  PyThreadState* state;
  Life* life;
};

// Attaches one of several overlapping threads, with its own thread state.
class Attached {
 public:
  explicit Attached(PyInterpreterState* interpreter)
      : state_(PyThreadState_New(interpreter)) {
    PyEval_RestoreThread(state_);
  }
  ~Attached() {
    PyThreadState_Clear(state_);
    PyThreadState_DeleteCurrent();
  }
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;

 private:
  PyThreadState* const state_;
};

// While it lives, this thread is attached to no interpreter.
class Detached {
 public:
  Detached() : state_(PyEval_SaveThread()) {}
  ~Detached() { PyEval_RestoreThread(state_); }
  Detached(const Detached&) = delete;
  Detached& operator=(const Detached&) = delete;

 private:
  PyThreadState* const state_;
};

// What one thread of an overlap does.
struct Worker {
  enum What {
    kLooksUp,  // in an interpreter where others may look up too
    kStarts,   // starts one of its own, looks up there, and ends it
    kEnds,     // ends an interpreter
  };
  What what;
  Python* python;  // kStarts: the main interpreter
  Subject* subjects[2];
  unsigned how;
  const LastAct* last_act;  // kStarts: the last act to plant there
  std::size_t rounds;
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

  void OnBirth(Object* object, void* address) {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    object->address = address;
  }

  void OnDeath(Object* object) {
    PyInterpreterState* const state = PyInterpreterState_Get();
    {
      const std::lock_guard<std::recursive_mutex> lock(mutex_);
      Life* const life = LifeOf(state);
      Check(!object->is_dead, "an object died twice");
      if (life != object->owner) {
        Fail(NameOf(object) + " died in " + NameOf(life));
      }
      if (object->lives_for_ever) {
        Fail(NameOf(object) + " died, but nobody owned it");
      }
      object->is_dead = true;
      life->deaths.push_back(object);
      // An interpreter's objects must not die before it ends.
      for (const Life::Owned& owned : life->owned) {
        if (owned.object != object) continue;
        if (!life->is_ending) Fail(NameOf(object) + " died early");
        life->is_retired = true;
      }
    }
    if (object->last_act != nullptr) RunLastAct(*object->last_act);
  }

  void RunLastAct(const LastAct& act) {
    Life* life;
    {
      PyInterpreterState* const state = PyInterpreterState_Get();
      const std::lock_guard<std::recursive_mutex> lock(mutex_);
      life = LifeOf(state);
      Check(life != nullptr, "a last act without an interpreter");
    }
    Say(std::string("the last act of ") + NameOf(act.place) + ":");
    LookUp(*act.subject, life, act.how, &act, nullptr);
  }

 private:
  // The next byte of the input; 0 at its end.
  unsigned Byte() { return position_ < size_ ? data_[position_++] : 0; }

  Subject& NextSubject() { return *subjects_[Byte() % subjects_.size()]; }

  // --- Operations ------------------------------------------------------------

  void Step() {
    ++g_operations;
    switch (Byte() % 24) {
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
        LookUpHere(subject, Byte());
        Switch(IndexOf(before));
        break;
      }
      case 10:
      case 11:
      case 12:
      case 13: {
        const LastAct* act = NextLastAct();
        Say(std::string("plant ") + NameOf(act->place) + " in " +
            NameOf(Now()));
        Plant(act);
        break;
      }
      case 14:
        Overlap();
        break;
      default: {
        Subject& subject = NextSubject();
        LookUpHere(subject, Byte());
        break;
      }
    }
    CheckCurrent();
    if (++operations_ % kChecksOfAll == 0) CheckAll();
  }

  void Start() {
    PreInitialize();
    runtime_.emplace();
    AddPython(nullptr, PyThreadState_Get());
    current_ = 0;
  }

  void Stop() {
    Switch(0);
    while (pythons_.size() > 1) EndSub(pythons_.size() - 1);
    CheckAll();
    Life* const life = Now();
    BeginEnd(life);
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
    Life* const life = BeginLife(PyThreadState_GetInterpreter(state));
    pythons_.push_back(Python{std::move(sub), state, life});
  }

  // For an interpreter that was just started.
  Life* BeginLife(PyInterpreterState* state) {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    lives_.push_back(Life{++last_number_});
    Life* const life = &lives_.back();
    Say("start " + NameOf(life));
    alive_[state] = life;
    return life;
  }

  void EndSub(std::size_t which) {
    if (which == 0 || pythons_[which].life->in_use > 0) return;
    if (which == current_) {
      if (depth_ > 0) return;
      Switch(0);
    }
    End(pythons_[which].sub.get(), pythons_[which].life);
    ForgetPython(which);
  }

  // On any thread that is attached to another interpreter.
  void End(SubInterpreter* sub, Life* life) {
    PyInterpreterState* const state = sub->interpreter();
    BeginEnd(life);
    sub->End();
    CheckEnd(life);
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    // Another thread may have started an interpreter at that address meanwhile.
    if (LifeOf(state) == life) alive_.erase(state);
  }

  void BeginEnd(Life* life) {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    Say("end " + NameOf(life));
    life->deaths.clear();
    life->is_ending = true;
  }

  void ForgetPython(std::size_t which) {
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

  const LastAct* NextLastAct() {
    const auto place = static_cast<Place>(Byte() % kPlaces);
    Subject& subject = NextSubject();
    return NewLastAct(place, subject, Byte());
  }

  const LastAct* NewLastAct(Place place, Subject& subject, unsigned how) {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    acts_.push_back(LastAct{place, &subject, how, [](const LastAct& act) {
                              g_sequence->RunLastAct(act);
                            }});
    return &acts_.back();
  }

  // make may start and end interpreters, which moves the others. If this one
  // has ended, returns the main interpreter's index.
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
      LookUpHere(subject, how);
    });
    current_ = before;
    depth_ = depth;
  }

  void LookUpHere(Subject& subject, unsigned how) {
    Life* const life = Now();
    const InUse cache_in_use(&subject.in_use);
    const InUse interpreter_in_use(&life->in_use);
    LookUp(subject, life, how, nullptr, [&] {
      ++depth_;
      const unsigned steps = depth_ <= kDepth ? how >> 5 & 3 : 0;
      for (unsigned i = 0; i < steps && position_ < size_; ++i) Step();
      --depth_;
    });
    current_ = IndexOf(life);
  }

  // --- Overlaps --------------------------------------------------------------

  void Overlap() {
    ++overlaps_;
    std::vector<Worker> workers(2 + Byte() % 3);
    std::set<Life*> ending;
    for (Worker& worker : workers) {
      const unsigned what = Byte() % 8;
      const std::size_t where = Byte() % pythons_.size();
      worker.what = what == 0   ? Worker::kStarts
                    : what == 1 ? Worker::kEnds
                                : Worker::kLooksUp;
      worker.python = &pythons_[where];
      for (Subject*& subject : worker.subjects) subject = &NextSubject();
      worker.how = Byte();
      worker.rounds = 1 + (worker.how >> 3 & 3);
      if (worker.what == Worker::kStarts) worker.last_act = NextLastAct();
      Life* const life = worker.python->life;
      if (worker.what == Worker::kEnds &&
          (where == 0 || where == current_ || life->in_use > 0 ||
           life->is_shared || ending.count(life) != 0)) {
        worker.what = Worker::kLooksUp;
      }
      if (worker.what == Worker::kEnds) ending.insert(life);
      if (worker.what == Worker::kStarts || ending.count(life) != 0) {
        if (worker.what != Worker::kEnds) worker.python = &pythons_[0];
      }
      if (worker.what == Worker::kLooksUp)
        worker.python->life->is_shared = true;
    }
    Say("overlap " + std::to_string(overlaps_) + ": " +
        std::to_string(workers.size()) + " threads");
    {
      const Detached detached;
      overlapping_ = true;
      waiting_ = workers.size();
      std::vector<std::thread> threads;
      for (std::size_t i = 0; i < workers.size(); ++i) {
        threads.emplace_back([this, &workers, i] {
          t_thread = static_cast<int>(i) + 1;
          --waiting_;
          while (waiting_ != 0) std::this_thread::yield();
          Work(workers[i]);
        });
      }
      for (std::thread& thread : threads) thread.join();
      overlapping_ = false;
    }
    for (Worker& worker : workers) worker.python->life->is_shared = false;
    for (Life* life : ending) ForgetPython(IndexOf(life));
    Say("overlap " + std::to_string(overlaps_) + " is over");
    CheckAll();
  }

  void Work(const Worker& worker) {
    PyInterpreterState* const state = InterpreterOf(*worker.python);
    switch (worker.what) {
      case Worker::kLooksUp: {
        const Attached attached(state);
        LookUpSeveralTimes(worker, worker.python->life);
        break;
      }
      case Worker::kStarts: {
        const Attached attached(state);
        const auto sub =
            StartAlone(worker.how % 2 == 0 ? SubInterpreter::kShared
                                           : SubInterpreter::kOwn);
        Life* const life = BeginLife(sub->interpreter());
        {
          const cpython::In in(*sub);
          Say(std::string("plant ") + NameOf(worker.last_act->place));
          Plant(worker.last_act);
          LookUpSeveralTimes(worker, life);
        }
        End(sub.get(), life);
        break;
      }
      case Worker::kEnds: {
        const Attached attached(InterpreterOf(pythons_[0]));
        End(worker.python->sub.get(), worker.python->life);
        break;
      }
    }
  }

  static PyInterpreterState* InterpreterOf(const Python& python) {
    return PyThreadState_GetInterpreter(python.state);
  }

  // One at a time; embedded_python.cc in examples/interpreter_farm says why.
  std::unique_ptr<SubInterpreter> StartAlone(SubInterpreter::Gil gil) {
    // A thread detaches before it waits for this mutex.
    std::unique_lock<std::mutex> lock(starts_, std::defer_lock);
    {
      const Detached detached;
      lock.lock();
    }
    return std::make_unique<SubInterpreter>(gil);
  }

  void LookUpSeveralTimes(const Worker& worker, Life* life) {
    for (std::size_t round = 0; round < worker.rounds; ++round) {
      LookUp(*worker.subjects[round % 2], life,
             (worker.how + static_cast<unsigned>(round) * 37) & 0xFF, nullptr,
             nullptr);
      const Detached detached;
      std::this_thread::yield();
    }
  }

  // Called in make. Lets other threads get into make, and waits a short while
  // for one.
  void MeetOthers() {
    const Detached detached;
    const auto end =
        std::chrono::steady_clock::now() + std::chrono::microseconds(500);
    ++in_make_;
    while (in_make_ < 2 && std::chrono::steady_clock::now() < end) {
      std::this_thread::yield();
    }
    std::this_thread::yield();
    --in_make_;
  }

  // --- A lookup --------------------------------------------------------------

  // Looks up in this life's interpreter, which the thread is attached to; `how`
  // (kPending, ...) says what happens. `act` is the last act that looks up;
  // null for any other lookup. `steps` runs in make.
  void LookUp(Subject& subject, Life* const life, unsigned how,
              const LastAct* act, const std::function<void()>& steps) {
    if (act != nullptr || t_thread != 0) ++g_operations;
    const bool is_pending = (how & kPending) != 0;
    const bool is_given = (how & kGiven) != 0;
    Say(std::string("look up in ") + NameOf(subject) + " in " + NameOf(life) +
        (is_pending ? ", with an error pending" : "") +
        (is_given ? ", which is given" : ""));
    Object* const cached = CachedIn(subject, life);
    Interpreter* given = nullptr;
    bool owns_some;
    {
      const std::lock_guard<std::recursive_mutex> lock(mutex_);
      if (is_given && act != nullptr) given = life->interpreter;
      owns_some = !life->owned.empty();
    }
    if (is_given && act == nullptr) given = CurrentInterpreter();
    int calls = 0;
    int thrown = 0;
    bool failed = false;
    Object* made = nullptr;
    const Make make = [&]() -> Object* {
      Check(++calls == 1, "make was called twice");
      Check(cached == nullptr || life->is_ending,
            "make was called although there is an object");
      Check(PyErr_Occurred() == nullptr, "an error is pending in make");
      Say("its make is called");
      if (steps != nullptr) steps();
      if (overlapping_ && (how & kSteps) != 0) MeetOthers();
      const unsigned what = how & 7;
      failed = what == 5 || what == 6;
      if (what == 7) {
        thrown = NextNumber();
        Say("its make throws");
        throw Thrown{thrown};
      }
      if (failed) PyErr_SetString(PyExc_ValueError, "made nothing");
      if (!failed || subject.MakesAlways()) {
        made = NewObject(subject, life, act == nullptr ? how : 0);
      }
      Say("its make returns " + NameOf(made) + (failed ? " and an error" : ""));
      return made;
    };

    void* result = nullptr;
    int caught = 0;
    if (is_pending) PyErr_SetString(PyExc_KeyError, "pending");
    try {
      result = subject.GetOrCreate(given, make);
    } catch (const Thrown& exception) {
      caught = exception.number;
    }
    const std::string errors = TakeErrors();

    std::string expected_errors = failed ? "ValueError" : "";
    if (is_pending) expected_errors += failed ? " after KeyError" : "KeyError";
    if (errors != expected_errors) {
      Fail("the error is '" + errors + "', but should be '" + expected_errors +
           "'");
    }
    Check(caught == thrown, "the exception was not passed on");
    Interpreter* const interpreter = CurrentInterpreter();
    const bool has_record = interpreter != nullptr;
    Check(PyErr_Occurred() == nullptr, "CurrentInterpreter() set an error");

    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    if (has_record) life->interpreter = interpreter;
    CheckRecord(life, act, has_record, owns_some);
    if (cached != nullptr &&
        (has_record || (given != nullptr && !life->is_retired))) {
      Check(calls == 0, "make was called");
      CheckResult(subject, life, result, cached);
      return;
    }
    Check(calls == 1 || life->is_shared, "make was not called");
    if (failed || thrown != 0) {
      Check(made == nullptr || made->is_dead,
            "an object of a make that failed lives on");
      CheckResult(subject, life, result, nullptr);
      return;
    }
    if (!has_record) {
      // There is no record that could own it.
      Check(made != nullptr && !made->is_dead, "an object died at once");
      made->lives_for_ever = true;
      CheckResult(subject, life, result, made);
      return;
    }
    // The first object that was published, here or by a nested call. If threads
    // overlap, the one that the first of them returns.
    Object*& first = subject.objects[life];
    if (first == nullptr) {
      first = life->is_shared ? ObjectAt(subject, life, result) : made;
      life->owned.push_back({first, life->is_shared ? overlaps_ : 0});
    }
    CheckResult(subject, life, result, first);
    if (made != nullptr && made != first) {
      Check(made->is_dead, "a losing object was not released");
    }
  }

  // Whether the interpreter may have a record, or may have none, at this
  // lookup.
  void CheckRecord(Life* life, const LastAct* act, bool has_record,
                   bool owns_some) {
    if (has_record) {
      Check(!life->is_retired && !life->is_past_its_end,
            "an interpreter has a record after its end");
      Check(act == nullptr || act->place != Place::kAtFork || !life->is_ending,
            "a record is born after the interpreter's dict is gone");
      return;
    }
    Check(life->is_ending, "an interpreter has no record");
    Check(act == nullptr || act->place != Place::kAtExit,
          "an interpreter whose atexit runs has no record");
    // When the dict goes, nobody finds the record that is still in it.
    Check(!owns_some || life->is_retired ||
              (act != nullptr && act->place == Place::kDict),
          "an interpreter that has objects has no record");
    life->is_past_its_end = true;
  }

  Object* NewObject(Subject& subject, Life* life, unsigned how) {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    const LastAct* act = nullptr;
    if ((how & kLastAct) != 0) {
      act = NewLastAct(Place::kCache,
                       *subjects_[(NumberOf(subject) + how) % subjects_.size()],
                       how & (7 | kPending | kGiven));
    }
    objects_.push_back(Object{NextNumber(), life, &subject, act});
    return &objects_.back();
  }

  Object* CachedIn(const Subject& subject, const Life* life) {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    const auto found = subject.objects.find(life);
    return found == subject.objects.end() ? nullptr : found->second;
  }

  // The live object of this cache and life at that address.
  Object* ObjectAt(const Subject& subject, const Life* life, void* address) {
    for (Object& object : objects_) {
      if (object.address == address && !object.is_dead &&
          object.owner == life && object.subject == &subject) {
        return &object;
      }
    }
    CheckResult(subject, life, address, nullptr);
    Fail("null, and no make failed");
  }

  // --- Checks ----------------------------------------------------------------

  void CheckCurrent() {
    const Life* life = Now();
    if (LifeOf(PyInterpreterState_Get()) != life) {
      Fail("the thread is not attached to " + NameOf(life));
    }
    for (const Subject* subject : subjects_) {
      void* const found = subject->Peek();
      CheckResult(*subject, life, found, CachedIn(*subject, life));
      Check(found == nullptr || subject->HasOneReference(found),
            "an object has more references than the cache's");
    }
    Check(PyErr_Occurred() == nullptr, "peek() set an error");
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

  // Checks what died while this life ended: everything that it owned, in
  // reverse order of filling, and what lookups made in vain meanwhile.
  void CheckEnd(const Life* life) {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    std::vector<Object*> released;
    for (Object* object : life->deaths) {
      for (const Life::Owned& owned : life->owned) {
        if (owned.object == object) released.push_back(object);
      }
    }
    bool is_right = released.size() == life->owned.size();
    // Objects of one overlap may come in any order.
    for (std::size_t i = 0; is_right && i < released.size();) {
      const auto owned = life->owned.rbegin() + static_cast<std::ptrdiff_t>(i);
      std::set<Object*> expected;
      std::set<Object*> found;
      for (auto other = owned; other != life->owned.rend(); ++other) {
        if (other != owned &&
            (owned->overlap == 0 || other->overlap != owned->overlap)) {
          break;
        }
        expected.insert(other->object);
        found.insert(released[i++]);
      }
      is_right = expected == found;
    }
    if (is_right) return;
    std::string what = NameOf(life) + " released";
    for (const Object* object : released) what += ", " + NameOf(object);
    what += ", but should have released";
    for (auto owned = life->owned.rbegin(); owned != life->owned.rend();
         ++owned) {
      what += ", " + NameOf(owned->object);
    }
    Fail(what);
  }

  void CheckResult(const Subject& subject, const Life* life, void* found,
                   const Object* expected) {
    if (found == (expected == nullptr ? nullptr : expected->address) &&
        (expected == nullptr || !expected->is_dead)) {
      return;
    }
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    std::string name = found == nullptr ? "null" : "an unknown object";
    for (const Object& object : objects_) {
      if (object.address == found && found != nullptr) name = NameOf(&object);
    }
    Fail(NameOf(life) + " has " + name + " in " + NameOf(subject) +
         ", but should have " + NameOf(expected));
  }

  void Check(bool condition, const char* what) {
    if (!condition) Fail(what);
  }

  [[noreturn]] void Fail(const std::string& what) {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
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
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    std::string said(2 * static_cast<std::size_t>(depth_), ' ');
    if (t_thread != 0) said += "thread " + std::to_string(t_thread) + ": ";
    said_.push_back(said + what);
  }
  std::string NameOf(const Subject& subject) const {
    return std::string(subject.name()) + " #" +
           std::to_string(NumberOf(subject));
  }
  static const char* NameOf(Place place) { return fuzz::NameOf(place); }
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
  std::size_t NumberOf(const Subject& subject) const {
    std::size_t number = 0;
    while (subjects_[number] != &subject) ++number;
    return number;
  }

  Life* Now() { return pythons_[current_].life; }

  // Null if no interpreter lives at this address.
  Life* LifeOf(PyInterpreterState* state) {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    const auto found = alive_.find(state);
    return found == alive_.end() ? nullptr : found->second;
  }

  int NextNumber() {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    return ++last_number_;
  }

  const std::uint8_t* const data_;
  const std::size_t size_;
  std::size_t position_ = 0;
  int depth_ = 0;
  int operations_ = 0;

  // Overlapping threads share everything below. Whoever holds the mutex must
  // not call anything of Python's that might wait.
  std::recursive_mutex mutex_;
  std::vector<std::string> said_;
  int last_number_ = 0;
  std::deque<Life> lives_;
  std::deque<Object> objects_;
  std::deque<LastAct> acts_;
  std::map<PyInterpreterState*, Life*> alive_;

  std::mutex starts_;
  int overlaps_ = 0;
  std::atomic<bool> overlapping_{false};
  std::atomic<std::size_t> waiting_{0};
  std::atomic<int> in_make_{0};

  std::vector<std::unique_ptr<Subject>> own_subjects_;
  std::vector<Subject*> subjects_;
  std::optional<cpython::Runtime> runtime_;
  std::deque<Python> pythons_;
  std::size_t current_ = 0;
};

}  // namespace

void BeBorn(Object* object, void* address) {
  g_sequence->OnBirth(object, address);
}
void Die(Object* object) { g_sequence->OnDeath(object); }

void RunSequence(const std::uint8_t* data, std::size_t size) {
  Sequence(data, size).Run();
}

}  // namespace fuzz
}  // namespace multislot
