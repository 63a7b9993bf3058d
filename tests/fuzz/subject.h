#ifndef TESTS_FUZZ_SUBJECT_H_
#define TESTS_FUZZ_SUBJECT_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "c10/core/impl/PyInterpreter.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/internal/py_object.h"
#include "multislot/interpreter.h"
#include "multislot/single_slot.h"
#include "tests/conformance/reference_cache.h"
#include "tests/conformance/seed_cache.h"
#include "tests/fuzz/model.h"

namespace multislot {
namespace fuzz {

using Accessor = std::function<PyObject*()>;

// A cache of any policy, and the model that it is compared with.
class Subject {
 public:
  Subject(const char* name, std::unique_ptr<Model> model)
      : name_(name), model_(std::move(model)) {}
  virtual ~Subject() = default;

  const char* name() const { return name_; }
  Model& model() const { return *model_; }

  // Which interpreters it accepts; it must not be called with others.
  virtual bool TakesRegistered() const = 0;
  virtual bool TakesBare() const = 0;
  // Whether it accepts a null interpreter.
  virtual bool TakesNull() const = 0;

  virtual PyObject* Lookup(Interpreter* interpreter,
                           const Accessor& accessor) = 0;
  virtual PyObject* Lookup(c10::impl::PyInterpreter* interpreter,
                           const Accessor& accessor) = 0;
  virtual PyObject* Peek(Interpreter* interpreter) const = 0;
  virtual PyObject* Peek(c10::impl::PyInterpreter* interpreter) const = 0;
  virtual std::size_t Occupancy() const = 0;
  virtual std::size_t Capacity() const = 0;
  // Forgets everything.
  virtual void Clear() = 0;
  // Destroys the cache and makes another one at the same address.
  virtual void Renew() = 0;

  // Lookups in it that have not returned.
  int in_use = 0;

 private:
  const char* const name_;
  const std::unique_ptr<Model> model_;
};

template <typename Cache>
class SubjectOf : public Subject {
  static constexpr bool kIsSingle =
      std::is_same<Cache, BasicPyHandleCache<SingleSlot>>::value;
  static constexpr bool kIsSeed =
      std::is_same<Cache, conformance::SeedCache>::value;
  static constexpr bool kIsReference =
      std::is_same<Cache, conformance::ReferenceCache>::value;

  template <typename InterpreterType>
  static constexpr bool kTakes =
      kIsSingle ||
      std::is_same<typename Cache::interpreter_type, InterpreterType>::value;

 public:
  using Subject::Subject;

  bool TakesRegistered() const override { return kTakes<Interpreter>; }
  bool TakesBare() const override { return kTakes<c10::impl::PyInterpreter>; }
  bool TakesNull() const override {
#ifdef NDEBUG
    return true;
#else
    return kIsSingle || kIsSeed;
#endif
  }

  PyObject* Lookup(Interpreter* interpreter,
                   const Accessor& accessor) override {
    return LookupOf(interpreter, accessor);
  }
  PyObject* Lookup(c10::impl::PyInterpreter* interpreter,
                   const Accessor& accessor) override {
    return LookupOf(interpreter, accessor);
  }
  PyObject* Peek(Interpreter* interpreter) const override {
    return PeekOf(interpreter);
  }
  PyObject* Peek(c10::impl::PyInterpreter* interpreter) const override {
    return PeekOf(interpreter);
  }

  std::size_t Occupancy() const override {
    // The reference cache would read interpreters that are gone.
    if constexpr (kIsReference) {
      return model().Occupancy();
    } else {
      return cache_->occupancy();
    }
  }
  std::size_t Capacity() const override { return Cache::capacity(); }

  void Clear() override {
    if constexpr (kIsReference || kIsSeed) {
      Renew();
    } else {
      cache_->clear_for_test();
    }
  }
  void Renew() override { cache_.emplace(); }

 private:
  template <typename InterpreterType>
  PyObject* LookupOf(InterpreterType* interpreter, const Accessor& accessor) {
    if constexpr (kTakes<InterpreterType>) {
      // Alternately an accessor that fits into registers and one that does not.
      passed_in_registers_ = !passed_in_registers_;
      if (!passed_in_registers_) return cache_->ptr_or(interpreter, accessor);
      return cache_->ptr_or(interpreter, [&accessor] { return accessor(); });
    } else {
      return nullptr;
    }
  }
  template <typename InterpreterType>
  PyObject* PeekOf(InterpreterType* interpreter) const {
    if constexpr (kTakes<InterpreterType>) {
      return cache_->peek(interpreter);
    } else {
      return nullptr;
    }
  }

  std::optional<Cache> cache_{std::in_place};
  bool passed_in_registers_ = false;
};

}  // namespace fuzz
}  // namespace multislot

#endif  // TESTS_FUZZ_SUBJECT_H_
