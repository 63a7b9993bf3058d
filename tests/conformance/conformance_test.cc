// Runs the suite on the cache CONFORMANCE_SUBJECT; subjects.bzl lists them.

#include "tests/conformance/conformance.h"

#include "c10/core/impl/PyInterpreter.h"
#include "gtest/gtest.h"
#include "multislot/py_handle_cache.h"
#include "tests/conformance/reference_cache.h"
#include "tests/conformance/seed_cache.h"

namespace multislot {
namespace conformance {
namespace {

using Subject = ::testing::Types<CONFORMANCE_SUBJECT>;
INSTANTIATE_TYPED_TEST_SUITE_P(Subject, Conformance, Subject);

}  // namespace
}  // namespace conformance
}  // namespace multislot
