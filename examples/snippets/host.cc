// A program that embeds CPython and starts interpreters itself.

#include <Python.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "multislot/py_handle_cache.h"
#include "tests/cpython/embedded.h"

// [host]
// A sub-interpreter. Construct and destroy it while attached to the main one.
class SubInterpreter {
 public:
  SubInterpreter() {
    PyThreadState* main = PyThreadState_Get();
    thread_ = Py_NewInterpreter();
    PyThreadState_Swap(main);
  }
  ~SubInterpreter() {
    registration_.retire();  // before the interpreter's objects go
    PyThreadState* main = PyThreadState_Swap(thread_);
    Py_EndInterpreter(thread_);
    PyThreadState_Swap(main);
  }

  PyThreadState* thread() { return thread_; }
  // What its caches know it by.
  multislot::Interpreter* registration() { return &registration_; }

 private:
  PyThreadState* thread_;
  multislot::Interpreter registration_;
};
// [end host]

namespace {

// The builtin that has this name in the current interpreter, borrowed.
PyObject* Builtin(const char* name) {
  return PyDict_GetItemString(PyEval_GetBuiltins(), name);
}

void Check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::exit(1);
}

}  // namespace

int main() {
  const multislot::cpython::Runtime runtime;
  // [main]
  const multislot::PyHandleCache cache;
  multislot::Interpreter main_registration;  // the main interpreter's
  PyObject* in_main =
      cache.ptr_or(&main_registration, [] { return Builtin("__import__"); });
  {
    SubInterpreter sub;
    PyThreadState* main = PyThreadState_Swap(sub.thread());
    PyObject* in_sub =
        cache.ptr_or(sub.registration(), [] { return Builtin("__import__"); });
    Check(in_sub == Builtin("__import__"), "the sub-interpreter's own");
    Check(in_sub != in_main, "an object for each interpreter");
    PyThreadState_Swap(main);
  }
  Check(cache.peek(&main_registration) == in_main, "the main interpreter's");
  main_registration.retire();  // before Py_FinalizeEx()
  // [end main]
}
