#include "tests/conformance/conformance.h"

#include "gtest/gtest.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/custom_slot_policy.h"

namespace multislot {
namespace conformance {

using Subject = ::testing::Types<BasicPyHandleCache<CustomSlotPolicy>>;
INSTANTIATE_TYPED_TEST_SUITE_P(OwnPolicy, Conformance, Subject);

}  // namespace conformance
}  // namespace multislot
