// What AddressSanitizer and ThreadSanitizer find here that is not ours; they
// look these functions up by name.

extern "C" {

const char* __lsan_default_suppressions();
const char* __tsan_default_suppressions();

// CPython keeps some of its memory at exit, its arenas above all. What others
// leak is still a finding.
const char* __lsan_default_suppressions() { return "leak:libpython\n"; }

// Abseil maps the records of threads that wait for its mutexes, and hands them
// over inside those mutexes, where it has ThreadSanitizer look away. CPython
// 3.13 neither joins nor detaches a daemon thread that the process's end ends.
const char* __tsan_default_suppressions() {
  return "race:base_internal::LowLevelAlloc::Alloc\n"
         "thread:do_start_joinable_thread\n";
}

}  // extern "C"
