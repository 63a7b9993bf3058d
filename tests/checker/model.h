#ifndef MULTISLOT_TESTS_CHECKER_MODEL_H_
#define MULTISLOT_TESTS_CHECKER_MODEL_H_

// A model checker for C++ atomics. It runs a few threads again and again, each
// time in another order, until it has tried every order that makes a difference
// to some thread. A load may also return an older value, wherever C++ allows
// that.
//
// It finds failed Expect()s, deadlocks, threads that never end, and data races
// on a Plain<>. It also finds uses of an atomic object, of memory or of a
// Plain<> before its construction is known to have happened, or after its end.
//
// It does not model fences and sequentially consistent operations; the code has
// neither. It misses two effects of relaxed operations, which tests/litmus
// covers: loads that see stores made later in execution order (load buffering),
// and stores that other threads see in another order than they were made.
//
// Method: stateless search with dynamic partial-order reduction (Flanagan and
// Godefroid, POPL 2005) and sleep sets (Godefroid, 1996). An object's stores
// have the order of their execution. Vector clocks track C++20's
// happens-before, which decides which stores a load may return.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace multislot {
namespace checker {

// Not counting the main thread, which sets up before them and checks after.
inline constexpr int kMaxThreads = 4;

struct Run {
  std::vector<std::function<void()>> threads;
  std::function<void()> check_after;  // may be empty
};

struct Result {
  std::uint64_t interleavings = 0;
  std::uint64_t redundant = 0;  // given up because they repeat an earlier one
  std::uint64_t steps = 0;
  std::string failure;  // empty if there is none
};

// Calls set_up() for each interleaving; stops at the first failure. What a Run
// refers to must live until the next set_up().
Result Explore(const std::function<Run()>& set_up);

// The code under test calls the rest.

// The running thread's number; -1 outside Explore()'s threads.
int CurrentThread();

void Expect(bool condition, const char* what);

enum class Order { kRelaxed, kAcquire, kRelease, kAcquireRelease };

// An atomic object of at most eight bytes. Outside Explore()'s threads these
// act directly.
std::uint64_t Load(const void* object, std::size_t size, Order order);
void Store(void* object, std::size_t size, std::uint64_t value, Order order);
// Stores update(old value); returns the old value.
std::uint64_t Update(void* object, std::size_t size, Order order,
                     const std::function<std::uint64_t(std::uint64_t)>& update);
// If the value is `expected`, stores `desired` and returns true. Otherwise sets
// `expected` to the value and returns false.
bool CompareExchange(void* object, std::size_t size, std::uint64_t& expected,
                     std::uint64_t desired, Order order);
// An atomic object is constructed with this value.
void Constructed(void* object, std::size_t size, std::uint64_t value);

void Lock(const void* mutex);
void Unlock(const void* mutex);

// Memory is allocated, or is about to be freed.
void Allocated(const void* memory, std::size_t size);
void Freed(const void* memory);
// How many pieces of memory this interleaving's threads have not freed.
std::size_t Unfreed();

// A non-atomic object is made, read or written.
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
