#ifndef TESTS_FUZZ_FUZZ_H_
#define TESTS_FUZZ_FUZZ_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

// libFuzzer or main.cc calls these: the first one once, the second one with
// each input. They are in entry.cc.
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size);

namespace multislot {
namespace fuzz {

// Runs the sequence of operations that the bytes stand for. Aborts at the first
// difference from the model. Each fuzzer defines its own.
void RunSequence(const std::uint8_t* data, std::size_t size);

// The number of operations of all inputs so far. The process prints it at its
// end.
inline std::atomic<long long> g_operations{0};

// Counts a lookup until it returns.
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
