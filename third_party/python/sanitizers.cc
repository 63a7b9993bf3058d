// Suppressions for findings of AddressSanitizer and ThreadSanitizer that are
// not ours. The sanitizers look these functions up by name.

extern "C" {

const char* __lsan_default_suppressions();
const char* __tsan_default_suppressions();

// CPython keeps some of its memory at exit, above all its arenas. Leaks from
// other code are still reported.
const char* __lsan_default_suppressions() { return "leak:libpython\n"; }

// Abseil maps the records of threads that wait for its mutexes, and passes them
// on inside those mutexes, which ThreadSanitizer is told to ignore.
// CPython 3.13 neither joins nor detaches a daemon thread that is ended with
// the process.
const char* __tsan_default_suppressions() {
  return "race:base_internal::LowLevelAlloc::Alloc\n"
         "thread:do_start_joinable_thread\n";
}

}  // extern "C"
