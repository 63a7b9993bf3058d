#ifndef C10_MACROS_MACROS_H_
#define C10_MACROS_MACROS_H_

// The macros of PyTorch's header of this name that headers like
// PyHandleCache.h use.

// This stand-in and PyTorch's c10 may be in one program. So all of it is in an
// inline namespace: sources use the same names, but the symbols differ. No file
// may include headers of both.
#define C10_STAND_IN_ multislot_stand_in

// C10_LIKELY(condition), C10_UNLIKELY(condition): the condition, with a hint to
// the compiler about its usual value.
#if defined(__GNUC__) || defined(__clang__)
#define C10_LIKELY(condition) \
  (__builtin_expect(static_cast<bool>(condition), 1))
#define C10_UNLIKELY(condition) \
  (__builtin_expect(static_cast<bool>(condition), 0))
#else
#define C10_LIKELY(condition) (condition)
#define C10_UNLIKELY(condition) (condition)
#endif

// Before a class or function. C10_API exports it from c10; ours is linked
// statically, so on Windows there is nothing to import.
#if defined(_WIN32)
#define C10_EXPORT __declspec(dllexport)
#define C10_IMPORT __declspec(dllimport)
#define C10_HIDDEN
#define C10_API
#elif defined(__GNUC__) || defined(__clang__)
#define C10_EXPORT __attribute__((__visibility__("default")))
#define C10_IMPORT C10_EXPORT
#define C10_HIDDEN __attribute__((__visibility__("hidden")))
#define C10_API C10_EXPORT
#else
#define C10_EXPORT
#define C10_IMPORT
#define C10_HIDDEN
#define C10_API
#endif

#if defined(_MSC_VER)
#define C10_NOINLINE __declspec(noinline)
#define C10_ALWAYS_INLINE __forceinline
#elif defined(__GNUC__) || defined(__clang__)
#define C10_NOINLINE __attribute__((__noinline__))
#define C10_ALWAYS_INLINE inline __attribute__((__always_inline__))
#else
#define C10_NOINLINE
#define C10_ALWAYS_INLINE inline
#endif

#define C10_NODISCARD [[nodiscard]]
#define C10_UNUSED [[maybe_unused]]

// In a class.
#define C10_DISABLE_COPY_AND_ASSIGN(classname) \
  classname(const classname&) = delete;        \
  classname& operator=(const classname&) = delete

#endif  // C10_MACROS_MACROS_H_
