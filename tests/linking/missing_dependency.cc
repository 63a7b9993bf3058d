// Must not compile with clang: the target does not depend on what has the
// header.

#include "multislot/interpreter.h"
