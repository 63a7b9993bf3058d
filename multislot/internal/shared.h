#ifndef MULTISLOT_INTERNAL_SHARED_H_
#define MULTISLOT_INTERNAL_SHARED_H_

#include "multislot/internal/cplusplus17.h"

// MULTISLOT_SHARED: for an inline variable that shared objects must share if
// they share a cache in an inline function. It has default visibility, whatever
// -fvisibility says, so linker and loader treat it like the cache.
//
// Code in a header that every user of such a cache compiles must name it:
// -Wl,--exclude-libs hides symbols that only archives define.
#if defined(__GNUC__) && !defined(_WIN32)
#define MULTISLOT_SHARED __attribute__((visibility("default")))
#else
#define MULTISLOT_SHARED
#endif

#endif  // MULTISLOT_INTERNAL_SHARED_H_
