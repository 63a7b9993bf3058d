#ifndef TESTS_CPYTHON_EMBEDDED_H_
#define TESTS_CPYTHON_EMBEDDED_H_

#include <Python.h>

#include <cstdio>
#include <cstdlib>

#include "multislot_python.h"

namespace multislot {
namespace cpython {

// Runs CPython in this process from construction to destruction. The
// constructing thread is attached to the main interpreter.
class Runtime {
 public:
  Runtime() {
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    Check(PyConfig_SetBytesString(&config, &config.program_name,
                                  MULTISLOT_PYTHON_EXECUTABLE));
    Check(Py_InitializeFromConfig(&config));
    PyConfig_Clear(&config);
  }
  ~Runtime() {
    if (Py_FinalizeEx() != 0) std::abort();
  }
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

 private:
  static void Check(PyStatus status) {
    if (!PyStatus_Exception(status)) return;
    std::fprintf(stderr, "no Python: %s\n", status.err_msg);
    std::abort();
  }
};

// A sub-interpreter; with kOwn it has its own GIL if CPython supports that.
// Construct and destroy it on one thread, attached to another interpreter.
// Enter it with In.
class SubInterpreter {
 public:
  enum Gil { kShared, kOwn };

  explicit SubInterpreter(Gil gil = kShared) {
    PyThreadState* before = PyThreadState_Get();
#if PY_VERSION_HEX >= 0x030C0000
    if (gil == kOwn) {
      PyInterpreterConfig config = {};
      config.allow_threads = 1;
      config.check_multi_interp_extensions = 1;
      config.gil = PyInterpreterConfig_OWN_GIL;
      const PyStatus status = Py_NewInterpreterFromConfig(&state_, &config);
      if (PyStatus_Exception(status)) std::abort();
    } else {
      state_ = Py_NewInterpreter();
    }
#else
    static_cast<void>(gil);
    state_ = Py_NewInterpreter();
#endif
    if (state_ == nullptr) std::abort();
    PyThreadState_Swap(before);
  }
  ~SubInterpreter() {
    if (state_ != nullptr) End();
  }
  void End() {
    PyThreadState* before = PyThreadState_Swap(state_);
    Py_EndInterpreter(state_);
    PyThreadState_Swap(before);
    state_ = nullptr;
  }
  SubInterpreter(const SubInterpreter&) = delete;
  SubInterpreter& operator=(const SubInterpreter&) = delete;

  PyThreadState* state() const { return state_; }
  PyInterpreterState* interpreter() const {
    return PyThreadState_GetInterpreter(state_);
  }

 private:
  PyThreadState* state_ = nullptr;
};

// While it lives, this thread is attached to this interpreter instead.
class In {
 public:
  explicit In(const SubInterpreter& interpreter)
      : before_(PyThreadState_Swap(interpreter.state())) {}
  ~In() { PyThreadState_Swap(before_); }
  In(const In&) = delete;
  In& operator=(const In&) = delete;

 private:
  PyThreadState* before_;
};

}  // namespace cpython
}  // namespace multislot

#endif  // TESTS_CPYTHON_EMBEDDED_H_
