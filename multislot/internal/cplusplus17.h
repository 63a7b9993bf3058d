#ifndef MULTISLOT_INTERNAL_CPLUSPLUS17_H_
#define MULTISLOT_INTERNAL_CPLUSPLUS17_H_

// Stops the compiler with one error if it compiles for an older C++. #error
// alone would be followed by pages of other errors. Including a file that does
// not exist ends the compilation.
#if defined(_MSVC_LANG) ? _MSVC_LANG < 201703L : __cplusplus < 201703L
#error "multislot needs C++17. Bazel: --cxxopt=-std=c++17; compiler: -std=c++17"
#include "multislot needs C++17"
#endif

#endif  // MULTISLOT_INTERNAL_CPLUSPLUS17_H_
