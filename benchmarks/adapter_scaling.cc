// The lookups of adapter_hit in several threads at the same time, through the
// same caches. Each thread is in its own interpreter with its own GIL (CPython
// 3.12 and up).
//
//   ./bazelw run //benchmarks:adapter_scaling_py312
//
// Read thread_ns: it stays constant if the threads do not slow one another down
// and each has a core.

#include <Python.h>

#include <cstdlib>
#include <mutex>
#include <string>

#include "benchmark/benchmark.h"
#include "benchmarks/adapter_peers.h"
#include "benchmarks/measure.h"
#include "tests/cpython/embedded.h"

namespace benchmarks {
namespace {

// An interpreter for the thread that makes it. That thread must not be
// attached.
class OwnInterpreter {
 public:
  OwnInterpreter() {
    std::lock_guard<std::mutex> lock(OneAtATime());
    PyInterpreterConfig config = {};
    config.check_multi_interp_extensions = 1;
    config.gil = PyInterpreterConfig_OWN_GIL;
    if (PyStatus_Exception(Py_NewInterpreterFromConfig(&state_, &config))) {
      std::abort();
    }
  }
  ~OwnInterpreter() {
    std::lock_guard<std::mutex> lock(OneAtATime());
    Py_EndInterpreter(state_);
  }
  OwnInterpreter(const OwnInterpreter&) = delete;
  OwnInterpreter& operator=(const OwnInterpreter&) = delete;

 private:
  // CPython 3.12 and 3.13 write to a static table when an interpreter starts.
  static std::mutex& OneAtATime() {
    static std::mutex mutex;
    return mutex;
  }

  PyThreadState* state_;
};

void Run(benchmark::State& state, Peer peer) {
  const OwnInterpreter interpreter;
  const Module module;
  peer(module);  // the first lookup does more
  EachThread(state, [&] { Opaque(peer(*Opaque(&module))); });
}

void RegisterAll() {
  for (const auto& [name, peer] : kPeers) {
    // The dict's key belongs to one interpreter; any interpreter may take the
    // slots.
    if (peer == InterpreterDict || peer == NoSlot) continue;
    Register(std::string("threads/") + name,
             [peer = peer](benchmark::State& state) { Run(state, peer); })
        ->ThreadRange(1, kMostThreads)
        ->UseRealTime();
  }
}

}  // namespace
}  // namespace benchmarks

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("python", PY_VERSION);
  benchmarks::RegisterAll();
  multislot::cpython::Runtime runtime;
  PyThreadState* main = PyEval_SaveThread();
  benchmark::RunSpecifiedBenchmarks();
  PyEval_RestoreThread(main);
  benchmark::Shutdown();
  return 0;
}
