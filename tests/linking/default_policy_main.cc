// Ends with status 0 if the program's objects agree on the default slot policy.
// If they do not, the program should not have linked.

#include "tests/linking/default_policy.h"

int main() {
  return SizeOfHasDefaultCache() == sizeof(HasDefaultCache) ? 0 : 1;
}
