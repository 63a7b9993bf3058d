#ifndef TESTS_CPYTHON_SUBJECT_H_
#define TESTS_CPYTHON_SUBJECT_H_

// The cache under test: HandleCache or, if VALUES is defined, PerInterpreter
// behind HandleCache's interface.

#include <Python.h>

#include <memory>
#include <utility>

#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/per_interpreter.h"
#include "multislot/interpreter.h"

namespace multislot {
namespace cpython {

#ifdef VALUES

// Each interpreter's value owns a reference.
template <typename Policy, typename Current = AskCPython>
class Subject {
 public:
  template <typename Make>
  [[nodiscard]] PyObject* get_or_create(Make&& make) const {
    return ObjectOf(values_.get_or_create(
        [&make] { return New(std::forward<Make>(make)()); }));
  }
  template <typename Make>
  [[nodiscard]] PyObject* get_or_create(Interpreter* current,
                                        Make&& make) const {
    return ObjectOf(values_.get_or_create(
        current, [&make] { return New(std::forward<Make>(make)()); }));
  }
  [[nodiscard]] PyObject* peek() const { return ObjectOf(values_.peek()); }
  void clear_for_test() const { values_.clear_for_test(); }

 private:
  struct Value {
    // Daemon threads may be unwound out of it by pthread_exit().
    ~Value() noexcept(false) { Py_DECREF(object); }
    PyObject* object;
  };
  static std::unique_ptr<Value> New(PyObject* object) {
    if (object == nullptr) return nullptr;
    return std::unique_ptr<Value>(new Value{object});
  }
  static PyObject* ObjectOf(const Value* value) {
    return value == nullptr ? nullptr : value->object;
  }

  PerInterpreter<Value, Policy, Current> values_;
};

#else

template <typename Policy, typename Current = AskCPython>
using Subject = HandleCache<Policy, Current>;

#endif

}  // namespace cpython
}  // namespace multislot

#endif  // TESTS_CPYTHON_SUBJECT_H_
