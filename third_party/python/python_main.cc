// Runs a script in the CPython that this is built for:
//
//   python_main SCRIPT [MODULE...]
//
// The folders of the MODULEs are on sys.path.
//
// Runs the real python3, unless this is built with a sanitizer: an instrumented
// extension needs a process that started with the sanitizer's runtime. Then
// this executable itself starts the same Python.

#include <Python.h>

#include <string>
#include <vector>

#include "multislot_python.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RUN_HERE 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RUN_HERE 1
#endif

#if !defined(RUN_HERE)
#include <unistd.h>

#include <cstdio>
#endif

namespace {

// -B: do not write into the script's folder.
constexpr char kStart[] =
    "import os, runpy, sys\n"
    "sys.argv = sys.argv[1:]\n"
    "folders = {os.path.dirname(os.path.abspath(m)): 0 for m in sys.argv[1:]}\n"
    "sys.path[:0] = folders\n"
    "runpy.run_path(sys.argv[0], run_name='__main__')\n";

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words = {MULTISLOT_PYTHON_EXECUTABLE,
                                    "-I",
                                    "-B",
                                    "-X",
                                    "faulthandler",
                                    "-c",
                                    kStart};
  words.insert(words.end(), argv + 1, argv + argc);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(&word[0]);
  arguments.push_back(nullptr);
#if defined(RUN_HERE)
  return Py_BytesMain(static_cast<int>(words.size()), arguments.data());
#else
  execv(arguments[0], arguments.data());
  std::perror(arguments[0]);
  return 127;
#endif
}
