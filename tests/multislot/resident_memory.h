#ifndef TESTS_MULTISLOT_RESIDENT_MEMORY_H_
#define TESTS_MULTISLOT_RESIDENT_MEMORY_H_

#if defined(_WIN32)
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
// Needs windows.h first.
#include <psapi.h>
#else
#include <unistd.h>

#include <fstream>
#endif

#include <cstdint>

namespace multislot {

// The process's resident memory, in bytes.
inline std::int64_t ResidentMemory() {
#if defined(_WIN32)
  PROCESS_MEMORY_COUNTERS counters = {};
  GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof(counters));
  return static_cast<std::int64_t>(counters.WorkingSetSize);
#else
  std::int64_t all = 0;
  std::int64_t resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * getpagesize();
#endif
}

}  // namespace multislot

#endif  // TESTS_MULTISLOT_RESIDENT_MEMORY_H_
