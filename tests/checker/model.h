#ifndef MULTISLOT_TESTS_CHECKER_MODEL_H_
#define MULTISLOT_TESTS_CHECKER_MODEL_H_

// A model checker of C++ atomics. It runs a few threads again and again, each
// time in another order, until no order is left that differs from all before it
// in a way that a thread could notice. A load also returns older values,
// wherever C++ lets it.
//
// What it finds: a failed Expect(), a deadlock, a thread that never ends, a
// data race on a Plain<>, and the use of an atomic object, of memory or of a
// Plain<> by a thread for which its construction has not happened yet, or its
// end has happened already.
//
// What it does not know: fences, sequentially consistent operations, loads that
// see stores which come later in the order of execution (load buffering), and
// stores that other threads see in another order than that of execution where
// only relaxed stores would allow it. tests/litmus has the last two; of the
// first two the code has none.
//
// How: stateless search with dynamic partial-order reduction (Flanagan and
// Godefroid, POPL 2005) and sleep sets (Godefroid, 1996). The order of all
// stores to an object is that of their execution; which of them a load may
// return follows from what happens before what, as in C++20, by vector clocks.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace multislot {
namespace checker {

// Besides the main thread, which sets up before them and looks after them.
inline constexpr int kMaxThreads = 4;

struct Run {
  std::vector<std::function<void()>> threads;
  std::function<void()> check_after;  // may be empty
};

struct Result {
  std::uint64_t interleavings = 0;
  std::uint64_t redundant = 0;  // given up: as one before, for what is to see
  std::uint64_t steps = 0;
  std::string failure;  // empty if there is none
};

// Calls set_up() for each interleaving. What a Run refers to lives until the
// next one is set up. Stops at the first failure.
Result Explore(const std::function<Run()>& set_up);

// The rest is called by what is checked.

// With which thread's number; -1 outside of Explore()'s threads.
int CurrentThread();

void Expect(bool condition, const char* what);

enum class Order { kRelaxed, kAcquire, kRelease, kAcquireRelease };

// An atomic object of at most eight bytes. Outside of Explore()'s threads these
// act at once.
std::uint64_t Load(const void* object, std::size_t size, Order order);
void Store(void* object, std::size_t size, std::uint64_t value, Order order);
// Stores update(old value) and returns the old value.
std::uint64_t Update(void* object, std::size_t size, Order order,
                     const std::function<std::uint64_t(std::uint64_t)>& update);
// Stores `desired` and returns true if the value is `expected`; else that
// becomes the value.
bool CompareExchange(void* object, std::size_t size, std::uint64_t& expected,
                     std::uint64_t desired, Order order);
// An atomic object is made, with this value.
void Constructed(void* object, std::size_t size, std::uint64_t value);

void Lock(const void* mutex);
void Unlock(const void* mutex);

// Memory that is allocated, or is to be freed.
void Allocated(const void* memory, std::size_t size);
void Freed(const void* memory);

// An object that is no atomic one is made, read or written.
void Made(const void* object);
void Read(const void* object);
void Written(const void* object);

template <typename T>
class Plain {
 public:
  explicit Plain(T value) : value_(value) { Made(this); }
  T get() const {
    Read(this);
    return value_;
  }
  void set(T value) {
    Written(this);
    value_ = value;
  }

 private:
  T value_;
};

}  // namespace checker
}  // namespace multislot

#endif  // MULTISLOT_TESTS_CHECKER_MODEL_H_
