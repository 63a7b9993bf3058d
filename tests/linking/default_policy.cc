#include "tests/linking/default_policy.h"

#include <cstddef>

std::size_t SizeOfHasDefaultCache() { return sizeof(HasDefaultCache); }
