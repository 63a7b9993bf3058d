// Must not compile with clang: it writes what the register's mutex guards
// without locking the mutex.

#include "multislot/internal/registry.h"

void Forget(multislot::internal::Register& shared) { shared.full_words[0] = 0; }
