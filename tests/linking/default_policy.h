#ifndef TESTS_LINKING_DEFAULT_POLICY_H_
#define TESTS_LINKING_DEFAULT_POLICY_H_

#include <cstddef>

#include "multislot/py_handle_cache.h"

// A program must not have two versions of this class.
struct HasDefaultCache {
  multislot::PyHandleCache cache;
};

std::size_t SizeOfHasDefaultCache();

#endif  // TESTS_LINKING_DEFAULT_POLICY_H_
