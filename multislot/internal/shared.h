#ifndef MULTISLOT_INTERNAL_SHARED_H_
#define MULTISLOT_INTERNAL_SHARED_H_

#include "multislot/internal/cplusplus17.h"

// MULTISLOT_SHARED: for an inline variable that has to be one wherever a cache
// in somebody's inline function is one: with default visibility, whatever
// -fvisibility says. Linker and loader then treat it as they treat the cache.
//
// It must be named by code in a header that every user of such a cache compiles
// (-Wl,--exclude-libs hides what is defined by archives alone).
#if defined(__GNUC__) && !defined(_WIN32)
#define MULTISLOT_SHARED __attribute__((visibility("default")))
#else
#define MULTISLOT_SHARED
#endif

#endif  // MULTISLOT_INTERNAL_SHARED_H_
