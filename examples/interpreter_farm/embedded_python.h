#ifndef EXAMPLES_INTERPRETER_FARM_EMBEDDED_PYTHON_H_
#define EXAMPLES_INTERPRETER_FARM_EMBEDDED_PYTHON_H_

#include <Python.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "multislot/interpreter.h"

namespace interpreter_farm {

// CPython, with its main interpreter current in the thread that started it. One
// at a time; that thread also ends it, when all sub-interpreters have ended.
class EmbeddedPython {
 public:
  static absl::StatusOr<std::unique_ptr<EmbeddedPython>> Start();
  ~EmbeddedPython();
  EmbeddedPython(const EmbeddedPython&) = delete;
  EmbeddedPython& operator=(const EmbeddedPython&) = delete;

  static std::string Version();
  // How sub-interpreters share the GIL, in words.
  static std::string Gil();

 private:
  EmbeddedPython() = default;
};

// A sub-interpreter, current in the thread that started it, with its GIL held.
// It has its own GIL from Python 3.12 on. That thread also ends it, and has no
// other dealings with Python.
class SubInterpreter {
 public:
  static absl::StatusOr<std::unique_ptr<SubInterpreter>> Start();
  ~SubInterpreter();
  SubInterpreter(const SubInterpreter&) = delete;
  SubInterpreter& operator=(const SubInterpreter&) = delete;

  // What handle caches know this interpreter by.
  multislot::Interpreter* interpreter() { return &interpreter_; }

 private:
  explicit SubInterpreter(PyThreadState* main) : main_(main) {}

  PyThreadState* const main_;  // this thread's state in the main interpreter
  multislot::Interpreter interpreter_;
};

// Lets go of the current interpreter's GIL for as long as it exists.
class WithoutGil {
 public:
  WithoutGil() : state_(PyEval_SaveThread()) {}
  ~WithoutGil() { PyEval_RestoreThread(state_); }
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  PyThreadState* const state_;
};

}  // namespace interpreter_farm

#endif  // EXAMPLES_INTERPRETER_FARM_EMBEDDED_PYTHON_H_
