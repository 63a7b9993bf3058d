#ifndef MULTISLOT_INTERNAL_ASSUME_H_
#define MULTISLOT_INTERNAL_ASSUME_H_

// MULTISLOT_ASSUME(condition): lets the compiler rely on the condition, which
// must have no side effects. (Abseil's name for it depends on the version.)
#if defined(__GNUC__) || defined(__clang__)
#define MULTISLOT_ASSUME(condition) \
  ((condition) ? static_cast<void>(0) : __builtin_unreachable())
#elif defined(_MSC_VER)
#define MULTISLOT_ASSUME(condition) __assume(condition)
#else
#define MULTISLOT_ASSUME(condition) static_cast<void>(0)
#endif

#endif  // MULTISLOT_INTERNAL_ASSUME_H_
