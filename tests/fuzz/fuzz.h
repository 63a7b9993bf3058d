#ifndef TESTS_FUZZ_FUZZ_H_
#define TESTS_FUZZ_FUZZ_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

// What libFuzzer, or main.cc, calls first, and then with each input. In
// entry.cc.
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size);

namespace multislot {
namespace fuzz {

// Runs the sequence of operations that the bytes stand for; aborts at the first
// difference to the model. Each fuzzer has its own.
void RunSequence(const std::uint8_t* data, std::size_t size);

// How many operations all inputs so far came to. The last line that the process
// prints says it too.
inline std::atomic<long long> g_operations{0};

// Counts a lookup that has not returned yet.
class InUse {
 public:
  explicit InUse(int* count) : count_(count) { ++*count_; }
  ~InUse() { --*count_; }
  InUse(const InUse&) = delete;
  InUse& operator=(const InUse&) = delete;

 private:
  int* const count_;
};

}  // namespace fuzz
}  // namespace multislot

#endif  // TESTS_FUZZ_FUZZ_H_
