#ifndef TESTS_LINKING_INCOMPLETE_HEADER_H_
#define TESTS_LINKING_INCOMPLETE_HEADER_H_

// Must not build where Bazel parses headers: the include for std::size_t is
// missing.
inline std::size_t Nothing() { return 0; }

#endif  // TESTS_LINKING_INCOMPLETE_HEADER_H_
