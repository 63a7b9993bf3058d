#include "tests/conformance/conformance.h"

#include "gtest/gtest.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/custom_slot_policy.h"

namespace multislot {
namespace conformance {

using Subject = BasicPyHandleCache<CustomSlotPolicy>;

// As others, but that an overflow is counted.
template <>
struct Traits<Subject> : GeneralTraits<Subject> {
  static constexpr bool kHitWritesNothing = false;
};

INSTANTIATE_TYPED_TEST_SUITE_P(OwnPolicy, Conformance,
                               ::testing::Types<Subject>);

}  // namespace conformance
}  // namespace multislot
