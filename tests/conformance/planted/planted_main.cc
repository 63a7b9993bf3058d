// Runs the conformance suite, or one of its tests, on a cache with a planted
// bug. Passes if the suite catches the bug.
//
//   planted_test BUG TEST    runs TEST alone, and passes if it fails
//   planted_test none        passes if all pass

#include <cstdio>
#include <cstring>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "tests/conformance/conformance.h"
#include "tests/conformance/planted/planted_cache.h"
#include "tests/conformance/planted/planted_table.h"

namespace multislot {
namespace conformance {
namespace {

using Planted = ::testing::Types<PlantedCache, PlantedTable>;
INSTANTIATE_TYPED_TEST_SUITE_P(Planted, Conformance, Planted);

constexpr struct {
  const char* name;
  Bug bug;
} kBugs[] = {
    {"none", Bug::kNone},
    {"tag_before_handle", Bug::kTagBeforeHandle},
    {"anothers_handle", Bug::kAnothersHandle},
    {"null_cached", Bug::kNullCached},
    {"duplicate_slots", Bug::kDuplicateSlots},
    {"loser_keeps_its_own", Bug::kLoserKeepsItsOwn},
    {"address_as_tag", Bug::kAddressAsTag},
    {"hits_after_retirement", Bug::kHitsAfterRetirement},
    {"never_reclaims", Bug::kNeverReclaims},
    {"no_second_look", Bug::kNoSecondLook},
    {"lock_not_fork_safe", Bug::kLockNotForkSafe},
    {"counts_hits", Bug::kCountsHits},
    {"table_not_emptied", Bug::kTableNotEmptied},
    {"growth_loses_handles", Bug::kGrowthLosesHandles},
    {"index_used_again", Bug::kIndexUsedAgain},
};

class FailureNames : public ::testing::EmptyTestEventListener {
 public:
  void OnTestEnd(const ::testing::TestInfo& test) override {
    if (test.result()->Failed()) names.insert(test.name());
  }
  std::set<std::string> names;
};

int Main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  bool known = false;
  for (const auto& [name, bug] : kBugs) {
    if (argc < 2 || std::strcmp(name, argv[1]) != 0) continue;
    g_bug = bug;
    known = argc == (bug == Bug::kNone ? 2 : 3);
  }
  if (!known) {
    std::fprintf(stderr, "usage: planted_test BUG TEST | none\n");
    return 2;
  }

  auto* failures = new FailureNames;  // GoogleTest's list of listeners owns it
  ::testing::UnitTest::GetInstance()->listeners().Append(failures);
  if (g_bug != Bug::kNone) {
    // Only on the cache that can have the bug. (A death test's child inherits
    // the filter, and could not tell the two caches' tests apart.)
    const char* subject = g_bug < Bug::kTableNotEmptied ? "0" : "1";
    GTEST_FLAG_SET(filter, std::string("*/") + subject + "." + argv[2]);
  }
  const int result = RUN_ALL_TESTS();
  if (g_bug == Bug::kNone) return result;

  const bool failed = failures->names.count(argv[2]) == 1;
  std::printf("With %s planted, %s %s.\n", argv[1], argv[2],
              failed ? "failed, as it must" : "did not fail, but must");
  return failed ? 0 : 1;
}

}  // namespace
}  // namespace conformance
}  // namespace multislot

int main(int argc, char** argv) {
  return multislot::conformance::Main(argc, argv);
}
