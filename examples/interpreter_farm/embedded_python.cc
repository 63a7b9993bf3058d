#include "examples/interpreter_farm/embedded_python.h"

#include <Python.h>

#include <memory>
#include <string>

#include "absl/base/attributes.h"
#include "absl/base/const_init.h"
#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "multislot_python.h"

namespace interpreter_farm {
namespace {

constexpr bool kOwnGil = PY_VERSION_HEX >= 0x030C0000;

absl::Status Failed(const char* what, PyStatus status) {
  return absl::InternalError(absl::StrCat(
      what, ": ",
      status.err_msg == nullptr ? "no reason given" : status.err_msg));
}

absl::Status Initialise(PyConfig* config) {
  // Both: from the one Python finds its standard library, whatever the other
  // programs on the PATH are.
  PyStatus status = PyConfig_SetBytesString(config, &config->program_name,
                                            MULTISLOT_PYTHON_EXECUTABLE);
  if (!PyStatus_Exception(status)) {
    status = PyConfig_SetBytesString(config, &config->executable,
                                     MULTISLOT_PYTHON_EXECUTABLE);
  }
  if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(config);
  return PyStatus_Exception(status) ? Failed("Python does not start", status)
                                    : absl::OkStatus();
}

// Makes a new interpreter current in place of the one that is.
absl::Status StartInterpreter() {
#if PY_VERSION_HEX >= 0x030C0000
  PyInterpreterConfig config = {};
  config.allow_threads = 1;
  config.check_multi_interp_extensions = 1;
  config.gil = PyInterpreterConfig_OWN_GIL;
  PyThreadState* state = nullptr;
  const PyStatus status = Py_NewInterpreterFromConfig(&state, &config);
  return PyStatus_Exception(status)
             ? Failed("an interpreter does not start", status)
             : absl::OkStatus();
#else
  return Py_NewInterpreter() == nullptr
             ? absl::InternalError("an interpreter does not start")
             : absl::OkStatus();
#endif
}

void EndCurrentThreadState() {
  PyThreadState_Clear(PyThreadState_Get());
  PyThreadState_DeleteCurrent();
}

}  // namespace

absl::StatusOr<std::unique_ptr<EmbeddedPython>> EmbeddedPython::Start() {
  PyConfig config;
  PyConfig_InitIsolatedConfig(&config);
  config.site_import = 0;  // the standard library and nothing else
  const absl::Status status = Initialise(&config);
  PyConfig_Clear(&config);
  if (!status.ok()) return status;
  return absl::WrapUnique(new EmbeddedPython);
}

EmbeddedPython::~EmbeddedPython() { Py_FinalizeEx(); }

std::string EmbeddedPython::Version() {
  const std::string version = Py_GetVersion();
  return version.substr(0, version.find(' '));
}

std::string EmbeddedPython::Gil() {
#ifdef Py_GIL_DISABLED
  return "no GIL";
#else
  return kOwnGil ? "own GIL" : "shared GIL";
#endif
}

absl::StatusOr<std::unique_ptr<SubInterpreter>> SubInterpreter::Start() {
  // One at a time: CPython (3.13.0 for one) sorts static tables as each
  // interpreter starts, setup_confname_table() in posixmodule.c, and no GIL is
  // common to them.
  ABSL_CONST_INIT static absl::Mutex mutex(absl::kConstInit);
  absl::MutexLock lock(&mutex);
  PyThreadState* const main = PyThreadState_New(PyInterpreterState_Main());
  PyEval_RestoreThread(main);
  const absl::Status status = StartInterpreter();
  if (!status.ok()) {
    PyThreadState_Swap(main);
    EndCurrentThreadState();
    return status;
  }
  return absl::WrapUnique(new SubInterpreter(main));
}

SubInterpreter::~SubInterpreter() {
  interpreter_.retire();
  Py_EndInterpreter(PyThreadState_Get());
  if (kOwnGil) {
    PyEval_RestoreThread(main_);  // no GIL is held any more
  } else {
    PyThreadState_Swap(main_);  // the GIL is the main interpreter's too
  }
  EndCurrentThreadState();
}

}  // namespace interpreter_farm
