// Whether the objects of a program agree on the default slot policy. Ends with
// status 0 if they do; if they do not, it should not have been linked.

#include "tests/linking/default_policy.h"

int main() {
  return SizeOfHasDefaultCache() == sizeof(HasDefaultCache) ? 0 : 1;
}
