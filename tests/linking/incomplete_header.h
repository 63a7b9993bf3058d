#ifndef TESTS_LINKING_INCOMPLETE_HEADER_H_
#define TESTS_LINKING_INCOMPLETE_HEADER_H_

// Must not be built, where Bazel parses headers: it does not include what has
// std::size_t.
inline std::size_t Nothing() { return 0; }

#endif  // TESTS_LINKING_INCOMPLETE_HEADER_H_
