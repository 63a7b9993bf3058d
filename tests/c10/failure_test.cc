// What a failed check does in a c10 that was compiled without exceptions.

#include <csignal>

#include "gtest/gtest.h"
#include "tests/c10/written_for_pytorch.h"

#if defined(__cpp_exceptions)
#error "with exceptions"
#endif

namespace {

TEST(FailureDeathTest, PrintsTheConditionAndTheMessageAndAborts) {
#if GTEST_HAS_DEATH_TEST && !defined(_WIN32)
  EXPECT_EXIT(user::half(3), testing::KilledBySignal(SIGABRT),
              "written_for_pytorch.h:[0-9]+: in half: .*number % 2 == 0: "
              "3 is odd!\n");
#else
  GTEST_SKIP() << "no signals here";
#endif
}

}  // namespace
