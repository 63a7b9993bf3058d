#include "tests/conformance/conformance.h"

#include "gtest/gtest.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/custom_slot_policy.h"

namespace multislot {
namespace conformance {

// [suite]
using Subject = ::testing::Types<BasicPyHandleCache<CustomSlotPolicy>>;
INSTANTIATE_TYPED_TEST_SUITE_P(OwnPolicy, Conformance, Subject);
// [end suite]

}  // namespace conformance
}  // namespace multislot
