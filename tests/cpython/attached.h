#ifndef TESTS_CPYTHON_ATTACHED_H_
#define TESTS_CPYTHON_ATTACHED_H_

#include <Python.h>

#include <cstddef>
#include <thread>
#include <vector>

namespace multislot {
namespace cpython {

// Calls function(i) for each i < threads, each on its own thread, attached to
// the interpreter by its own thread state. The caller must not be attached.
template <typename Function>
void RunThreadsIn(PyInterpreterState* interpreter, std::size_t threads,
                  const Function& function) {
  std::vector<std::thread> running;
  for (std::size_t i = 0; i < threads; ++i) {
    running.emplace_back([&function, interpreter, i] {
      PyThreadState* state = PyThreadState_New(interpreter);
      PyEval_RestoreThread(state);
      function(i);
      PyThreadState_Clear(state);
      PyThreadState_DeleteCurrent();
    });
  }
  for (std::thread& thread : running) thread.join();
}

// The same for an attached caller, which detaches meanwhile.
template <typename Function>
void RunAttached(PyInterpreterState* interpreter, std::size_t threads,
                 const Function& function) {
  PyThreadState* before = PyEval_SaveThread();
  RunThreadsIn(interpreter, threads, function);
  PyEval_RestoreThread(before);
}

}  // namespace cpython
}  // namespace multislot

#endif  // TESTS_CPYTHON_ATTACHED_H_
