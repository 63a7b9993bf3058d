#ifndef TESTS_FUZZ_FUZZ_H_
#define TESTS_FUZZ_FUZZ_H_

#include <cstddef>
#include <cstdint>

// What libFuzzer, or main.cc, calls first, and then with each input.
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size);

namespace multislot {
namespace fuzz {

// How many operations all inputs so far came to. The last line that the process
// prints says it too.
long long Operations();

}  // namespace fuzz
}  // namespace multislot

#endif  // TESTS_FUZZ_FUZZ_H_
