#include "tests/checker/model.h"

#include <ucontext.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace multislot {
namespace checker {
namespace {

constexpr std::size_t kStackSize = 128 * 1024;
constexpr std::size_t kMaxSteps = 1000;  // of one interleaving

// How far each thread has come.
struct Clock {
  void Join(const Clock& other) {
    for (int i = 0; i < kMaxThreads; ++i) at[i] = std::max(at[i], other.at[i]);
  }
  unsigned at[kMaxThreads] = {};
};

// When a thread did something. Time 0 is before the threads began.
struct Moment {
  bool HappenedBefore(const Clock& clock) const {
    return time == 0 || clock.at[thread] >= time;
  }
  int thread = 0;
  unsigned time = 0;
};

enum class Kind { kLoad, kStore, kUpdate, kLock, kUnlock };
constexpr const char* kNames[] = {"load", "store", "update", "lock", "unlock"};

struct Operation {
  Kind kind;
  const void* object;
};

// Whether the order of the two steps can matter.
bool AreDependent(const Operation& a, const Operation& b) {
  return a.object == b.object &&
         !(a.kind == Kind::kLoad && b.kind == Kind::kLoad);
}
// Whether both steps can be possible next steps in the same state.
bool CanBothBeNext(const Operation& a, const Operation& b) {
  return a.kind != Kind::kUnlock && b.kind != Kind::kUnlock;
}

// --- Memory as C++ defines it ------------------------------------------------

struct StoreTo {
  std::uint64_t value;
  Moment moment;
  Clock released;  // what an acquire load of this store acquires
};
struct LoadFrom {
  std::size_t store;
  Moment moment;
};
struct Object {
  std::vector<StoreTo> stores;  // in modification order
  std::vector<LoadFrom> loads;
};
struct PlainObject {
  Moment written;
  std::vector<Moment> read;
};
struct Mutex {
  bool locked = false;
  Clock released;
};
struct Block {
  std::size_t size;
  Moment allocated;
};

// --- Threads and the search --------------------------------------------------

struct Thread {
  std::function<void()> body;
  ucontext_t context;
  std::unique_ptr<char[]> stack;
  Operation next;
  bool finished = false;
  unsigned time = 0;  // of its latest access, atomic or not
  Clock happened;     // what happened before its next access, as C++ defines it
  unsigned steps = 0;  // how many steps it has made
  Clock came_before;   // what came before its steps in every equivalent order
};

struct Step {
  int thread;
  Operation operation;
  unsigned number;  // its number among its thread's steps, from 1
  std::uint64_t value;
};

// A state of the search, and what to try next from there.
struct Node {
  unsigned enabled;
  unsigned sleeping;
  unsigned to_do;
  unsigned done = 0;
  int thread = -1;
  std::size_t choice = 0;  // which of the values that it may load
  std::size_t choices = 1;
};

// What came before the steps on one object so far.
struct StepsOn {
  Clock all;
  Clock writes;
};

struct Model {
  std::vector<Thread> threads;
  ucontext_t main;
  bool begun = false;  // every thread has reached its first step

  std::unordered_map<const void*, Object> objects;
  std::unordered_map<const void*, PlainObject> plain;
  std::unordered_map<const void*, Mutex> mutexes;
  std::map<const void*, Block> blocks;

  std::vector<Node> nodes;
  unsigned sleeping = 0;   // threads whose next steps need not be tried
  bool redundant = false;  // every thread that can go on is sleeping
  std::vector<Step> trace;
  std::unordered_map<const void*, StepsOn> orders;
  Result result;
};

Model g_model;

// The running thread; -1 for none and before main().
int g_current = -1;

Thread& Self() { return g_model.threads[g_current]; }
// The access that this thread is making.
Moment Now() { return {g_current, Self().time}; }
void Tick() { Self().happened.at[g_current] = ++Self().time; }

std::string Describe() {
  std::string text;
  std::map<const void*, std::size_t> numbers;
  for (const Step& step : g_model.trace) {
    const std::size_t number =
        numbers.emplace(step.operation.object, numbers.size() + 1)
            .first->second;
    char line[128];
    std::snprintf(line, sizeof(line), "  thread %d: %-6s #%zu  %#llx\n",
                  step.thread, kNames[static_cast<int>(step.operation.kind)],
                  number, static_cast<unsigned long long>(step.value));
    text += line;
  }
  return text;
}

void Fail(const std::string& what) {
  if (!g_model.result.failure.empty()) return;
  g_model.result.failure = what + ", after\n" + Describe();
}

bool Acquires(Order order) {
  return order == Order::kAcquire || order == Order::kAcquireRelease;
}
bool Releases(Order order) {
  return order == Order::kRelease || order == Order::kAcquireRelease;
}

std::uint64_t RawValue(const void* object, std::size_t size) {
  std::uint64_t value = 0;
  std::memcpy(&value, object, size);
  return value;
}

const Block* BlockOf(const void* object) {
  auto block = g_model.blocks.upper_bound(object);
  if (block == g_model.blocks.begin()) return nullptr;
  --block;
  return static_cast<const char*>(object) <
                 static_cast<const char*>(block->first) + block->second.size
             ? &block->second
             : nullptr;
}

Object& ObjectAt(const void* address, std::size_t size) {
  const auto found = g_model.objects.emplace(address, Object());
  Object& object = found.first->second;
  if (found.second) {
    const Block* block = BlockOf(address);
    object.stores.push_back({RawValue(address, size),
                             block == nullptr ? Moment() : block->allocated,
                             Clock()});
  }
  // Construction is not atomic, so it must have happened before.
  if (!object.stores.front().moment.HappenedBefore(Self().happened)) {
    Fail("an atomic object is used before it is known to be there");
  }
  return object;
}

// The oldest store that this thread may load.
std::size_t OldestVisible(const Object& object) {
  std::size_t oldest = 0;
  for (std::size_t i = 0; i < object.stores.size(); ++i) {
    if (object.stores[i].moment.HappenedBefore(Self().happened)) oldest = i;
  }
  for (const LoadFrom& load : object.loads) {
    if (load.moment.HappenedBefore(Self().happened)) {
      oldest = std::max(oldest, load.store);
    }
  }
  return oldest;
}

std::uint64_t LoadStore(Object& object, std::size_t index, Order order) {
  const StoreTo& store = object.stores[index];
  object.loads.push_back({index, Now()});
  if (Acquires(order)) Self().happened.Join(store.released);
  return store.value;
}

void AddStore(Object& object, void* address, std::size_t size,
              std::uint64_t value, Clock released) {
  object.stores.push_back({value, Now(), released});
  std::memcpy(address, &value, size);
  g_model.trace.back().value = value;
}

// The node of the current step.
Node& CurrentNode() { return g_model.nodes[g_model.trace.size() - 1]; }

// All uses of the object must have happened before.
void EndOfUse(const Object& object) {
  const Clock& happened = Self().happened;
  const auto unordered = [&happened](const auto& access) {
    return !access.moment.HappenedBefore(happened);
  };
  if (std::any_of(object.stores.begin(), object.stores.end(), unordered) ||
      std::any_of(object.loads.begin(), object.loads.end(), unordered)) {
    Fail("an atomic object ends, or is made anew, while it may be in use");
  }
}

bool IsEnabled(const Thread& thread) {
  if (thread.finished) return false;
  if (thread.next.kind != Kind::kLock) return true;
  const auto mutex = g_model.mutexes.find(thread.next.object);
  return mutex == g_model.mutexes.end() || !mutex->second.locked;
}

unsigned EnabledThreads() {
  unsigned enabled = 0;
  for (std::size_t i = 0; i < g_model.threads.size(); ++i) {
    if (IsEnabled(g_model.threads[i])) enabled |= 1u << i;
  }
  return enabled;
}

int Lowest(unsigned set) {
  int number = 0;
  while ((set & 1) == 0) set >>= 1, ++number;
  return number;
}

// If a thread's next step could also have come before an earlier one, the
// search must try that order.
void AddAlternatives() {
  for (std::size_t p = 0; p < g_model.threads.size(); ++p) {
    const Thread& thread = g_model.threads[p];
    if (thread.finished) continue;
    for (std::size_t i = g_model.trace.size(); i-- > 0;) {
      const Step& step = g_model.trace[i];
      if (step.thread == static_cast<int>(p) ||
          !AreDependent(step.operation, thread.next) ||
          !CanBothBeNext(step.operation, thread.next) ||
          thread.came_before.at[step.thread] >= step.number) {
        continue;
      }
      Node& node = g_model.nodes[i];
      node.to_do |= (node.enabled >> p & 1) != 0 ? 1u << p : node.enabled;
      break;
    }
  }
}

// Records what must come before this thread's next step.
void UpdateOrder(int number) {
  Thread& thread = g_model.threads[static_cast<std::size_t>(number)];
  const Operation& operation = thread.next;
  StepsOn& order = g_model.orders[operation.object];
  Clock& before = thread.came_before;
  before.Join(operation.kind == Kind::kLoad ? order.writes : order.all);
  before.at[number] = thread.steps + 1;
  order.all.Join(before);
  if (operation.kind != Kind::kLoad) order.writes.Join(before);
}

unsigned Awake(unsigned sleeping, const Operation& operation) {
  for (std::size_t i = 0; i < g_model.threads.size(); ++i) {
    if (AreDependent(g_model.threads[i].next, operation)) {
      sleeping &= ~(1u << i);
    }
  }
  return sleeping;
}

// Chooses the thread for the next step; -1 if none can go on.
int ChooseNext() {
  const std::size_t depth = g_model.trace.size();
  const unsigned enabled = EnabledThreads();
  if (enabled == 0 || depth == kMaxSteps) return -1;
  if (depth == g_model.nodes.size()) {
    if (!g_model.redundant) AddAlternatives();
    const unsigned awake = enabled & ~g_model.sleeping;
    if (awake == 0) g_model.redundant = true;
    // A redundant run is finished all the same, so that it leaves nothing
    // behind, and does not count.
    Node node;
    node.enabled = enabled;
    node.sleeping = g_model.redundant ? ~0u : g_model.sleeping;
    node.thread = Lowest(g_model.redundant ? enabled : awake);
    node.to_do = g_model.redundant ? 0 : 1u << node.thread;
    g_model.nodes.push_back(node);
  }
  const Node& node = g_model.nodes[depth];
  const Thread& thread = g_model.threads[static_cast<std::size_t>(node.thread)];
  g_model.sleeping = Awake(node.sleeping | node.done, thread.next);
  g_model.trace.push_back({node.thread, thread.next, thread.steps + 1, 0});
  UpdateOrder(node.thread);
  ++g_model.result.steps;
  return node.thread;
}

// Continues with that thread, or with the main context for -1.
void SwitchFrom(ucontext_t* context, int next) {
  g_current = next;
  swapcontext(context, next < 0 ? &g_model.main : &Self().context);
}

// Waits for this thread's turn to make its next step. At its first step the
// others may not have reached theirs.
void Wait(Kind kind, const void* object) {
  Thread& self = Self();
  const int number = g_current;
  self.next = {kind, object};
  const int next = g_model.begun ? ChooseNext() : -1;
  if (next != number) SwitchFrom(&self.context, next);
  ++self.steps;
  Tick();
}

void RunThread() {
  Thread& self = Self();
  self.body();
  self.finished = true;
  SwitchFrom(&self.context, g_model.begun ? ChooseNext() : -1);
}

void RunOnce(const Run& run) {
  g_model.objects.clear();
  g_model.plain.clear();
  g_model.mutexes.clear();
  g_model.blocks.clear();
  g_model.trace.clear();
  g_model.orders.clear();
  g_model.sleeping = 0;
  g_model.redundant = false;
  g_model.begun = false;
  g_model.threads.resize(run.threads.size());
  for (std::size_t i = 0; i < run.threads.size(); ++i) {
    Thread& thread = g_model.threads[i];
    thread.body = run.threads[i];
    thread.finished = false;
    thread.happened = thread.came_before = Clock();
    thread.time = thread.steps = 0;
    if (thread.stack == nullptr) thread.stack.reset(new char[kStackSize]);
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack.get();
    thread.context.uc_stack.ss_size = kStackSize;
    thread.context.uc_link = nullptr;
    makecontext(&thread.context, RunThread, 0);
    SwitchFrom(&g_model.main, static_cast<int>(i));
  }
  g_model.begun = true;
  const int first = ChooseNext();
  if (first >= 0) SwitchFrom(&g_model.main, first);
  for (const Thread& thread : g_model.threads) {
    if (!thread.finished) {
      Fail(g_model.trace.size() == kMaxSteps ? "a thread does not end"
                                             : "a deadlock");
      return;
    }
  }
  ++(g_model.redundant ? g_model.result.redundant
                       : g_model.result.interleavings);
  if (run.check_after) run.check_after();
}

// Moves on to the next interleaving; false if there is none.
bool Advance() {
  while (!g_model.nodes.empty()) {
    Node& node = g_model.nodes.back();
    if (node.to_do != 0 && ++node.choice < node.choices) return true;
    node.done |= 1u << node.thread;
    const unsigned left = node.to_do & ~node.done & ~node.sleeping;
    if (left != 0) {
      node.thread = Lowest(left);
      node.choice = 0;
      node.choices = 1;
      return true;
    }
    g_model.nodes.pop_back();
  }
  return false;
}

}  // namespace

Result Explore(const std::function<Run()>& set_up) {
  g_model.result = Result();
  g_model.nodes.clear();
  do {
    RunOnce(set_up());
  } while (g_model.result.failure.empty() && Advance());
  return g_model.result;
}

int CurrentThread() { return g_current; }

void Expect(bool condition, const char* what) {
  if (!condition) Fail(what);
}

std::uint64_t Load(const void* object, std::size_t size, Order order) {
  if (g_current < 0) return RawValue(object, size);
  Wait(Kind::kLoad, object);
  Object& loaded = ObjectAt(object, size);
  const std::size_t newest = loaded.stores.size() - 1;
  Node& node = CurrentNode();
  node.choices = newest - OldestVisible(loaded) + 1;
  const std::uint64_t value = LoadStore(loaded, newest - node.choice, order);
  g_model.trace.back().value = value;
  return value;
}

void Store(void* object, std::size_t size, std::uint64_t value, Order order) {
  if (g_current < 0) {
    std::memcpy(object, &value, size);
    return;
  }
  Wait(Kind::kStore, object);
  AddStore(ObjectAt(object, size), object, size, value,
           Releases(order) ? Self().happened : Clock());
}

std::uint64_t Update(
    void* object, std::size_t size, Order order,
    const std::function<std::uint64_t(std::uint64_t)>& update) {
  if (g_current < 0) {
    const std::uint64_t old = RawValue(object, size);
    const std::uint64_t value = update(old);
    std::memcpy(object, &value, size);
    return old;
  }
  Wait(Kind::kUpdate, object);
  Object& updated = ObjectAt(object, size);
  const std::size_t newest = updated.stores.size() - 1;
  const std::uint64_t old = LoadStore(updated, newest, order);
  // The update continues the release sequence of the store that it read.
  Clock released = updated.stores[newest].released;
  if (Releases(order)) released.Join(Self().happened);
  AddStore(updated, object, size, update(old), released);
  return old;
}

bool CompareExchange(void* object, std::size_t size, std::uint64_t& expected,
                     std::uint64_t desired, Order order) {
  if (g_current < 0) {
    const std::uint64_t old = RawValue(object, size);
    if (old == expected) std::memcpy(object, &desired, size);
    const bool stored = old == expected;
    expected = old;
    return stored;
  }
  Wait(Kind::kUpdate, object);
  Object& updated = ObjectAt(object, size);
  const std::size_t newest = updated.stores.size() - 1;
  Node& node = CurrentNode();
  // A failed exchange is a load that returns any visible value except the
  // expected one. If the newest value is the expected one, it is exchanged.
  std::vector<std::size_t> possible = {newest};
  for (std::size_t i = newest; i-- > OldestVisible(updated);) {
    if (updated.stores[i].value != expected) possible.push_back(i);
  }
  node.choices = possible.size();
  const std::size_t chosen = possible[node.choice];
  const Clock sequence = updated.stores[chosen].released;
  const std::uint64_t old = LoadStore(updated, chosen, order);
  const bool stores = chosen == newest && old == expected;
  expected = old;
  g_model.trace.back().value = old;
  if (!stores) return false;
  Clock released = sequence;
  if (Releases(order)) released.Join(Self().happened);
  AddStore(updated, object, size, desired, released);
  return true;
}

void Constructed(void* object, std::size_t size, std::uint64_t value) {
  (void)size;
  if (g_current < 0) return;
  Tick();
  Object& made = g_model.objects[object];
  EndOfUse(made);
  made = Object();
  made.stores.push_back({value, Now(), Clock()});
}

void Lock(const void* mutex) {
  if (g_current < 0) return;
  Wait(Kind::kLock, mutex);
  Mutex& locked = g_model.mutexes[mutex];
  locked.locked = true;
  Self().happened.Join(locked.released);
}

void Unlock(const void* mutex) {
  if (g_current < 0) return;
  Wait(Kind::kUnlock, mutex);
  Mutex& unlocked = g_model.mutexes[mutex];
  if (!unlocked.locked) Fail("a mutex is unlocked that is not locked");
  unlocked.locked = false;
  unlocked.released = Self().happened;
}

void Allocated(const void* memory, std::size_t size) {
  if (g_current < 0 || memory == nullptr) return;
  Tick();
  g_model.blocks[memory] = {size, Now()};
}

void Freed(const void* memory) {
  if (g_current < 0 || memory == nullptr) return;
  const auto block = g_model.blocks.find(memory);
  if (block == g_model.blocks.end()) return;
  const char* begin = static_cast<const char*>(memory);
  const char* end = begin + block->second.size;
  for (auto object = g_model.objects.begin();
       object != g_model.objects.end();) {
    const char* address = static_cast<const char*>(object->first);
    if (address >= begin && address < end) {
      EndOfUse(object->second);
      object = g_model.objects.erase(object);
    } else {
      ++object;
    }
  }
  g_model.blocks.erase(block);
}

std::size_t Unfreed() { return g_model.blocks.size(); }

void Made(const void* object) {
  if (g_current < 0) return;
  Tick();
  PlainObject& plain = g_model.plain[object];
  plain = PlainObject();
  plain.written = Now();
}

void Read(const void* object) {
  if (g_current < 0) return;
  Tick();
  PlainObject& plain = g_model.plain[object];
  if (!plain.written.HappenedBefore(Self().happened)) {
    Fail("a data race: read before it is known to be written");
  }
  plain.read.push_back(Now());
}

void Written(const void* object) {
  if (g_current < 0) return;
  Tick();
  PlainObject& plain = g_model.plain[object];
  const auto unordered = [](const Moment& moment) {
    return !moment.HappenedBefore(Self().happened);
  };
  if (unordered(plain.written) ||
      std::any_of(plain.read.begin(), plain.read.end(), unordered)) {
    Fail("a data race: written while it may be in use");
  }
  plain.written = Now();
}

}  // namespace checker
}  // namespace multislot
