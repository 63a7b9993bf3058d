// Must not compile with clang: what the register's mutex guards is written
// without the mutex.

#include "multislot/internal/registry.h"

void Forget(multislot::internal::Register& shared) { shared.full_words[0] = 0; }
