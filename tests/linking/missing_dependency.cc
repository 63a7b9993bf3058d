// Must not compile with clang: the target does not depend on the library that
// has the header.

#include "multislot/interpreter.h"
