#ifndef C10_MACROS_MACROS_H_
#define C10_MACROS_MACROS_H_

// C10_LIKELY(condition), C10_UNLIKELY(condition): the condition, with a hint to
// the compiler how it mostly turns out.
#if defined(__GNUC__) || defined(__clang__)
#define C10_LIKELY(condition) \
  (__builtin_expect(static_cast<bool>(condition), 1))
#define C10_UNLIKELY(condition) \
  (__builtin_expect(static_cast<bool>(condition), 0))
#else
#define C10_LIKELY(condition) (condition)
#define C10_UNLIKELY(condition) (condition)
#endif

#endif  // C10_MACROS_MACROS_H_
