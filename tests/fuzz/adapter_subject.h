#ifndef TESTS_FUZZ_ADAPTER_SUBJECT_H_
#define TESTS_FUZZ_ADAPTER_SUBJECT_H_

// The adapter's caches behind one interface, and the objects in them.

#include <Python.h>

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/per_interpreter.h"
#include "multislot/interpreter.h"
#include "tests/fuzz/last_acts.h"

namespace multislot {
namespace fuzz {

class Subject;
struct Object;

// One interpreter, from its start to its end.
struct Life {
  struct Owned {
    Object* object;
    // Objects with the same number were filled by overlapping threads, in any
    // order. 0: in this order.
    int overlap;
  };

  int number;
  Interpreter* interpreter = nullptr;  // once a lookup has found it
  std::vector<Owned> owned = {};  // to be released in reverse order at its end
  int in_use = 0;                 // lookups that have not returned
  bool is_shared = false;         // several threads may look up there
  bool is_ending = false;
  bool is_retired = false;           // its objects are being released
  bool is_past_its_end = false;      // lookups no longer find it
  std::vector<Object*> deaths = {};  // since its end began
};

// What caches hold: a capsule or a Value. Records what became of it, and
// outlives it.
struct Object {
  int number;
  Life* owner;  // whose caches have it, or would have it
  const Subject* subject;
  const LastAct* last_act;  // null for none
  void* address = nullptr;  // of the capsule or the Value
  bool is_dead = false;
  bool lives_for_ever = false;  // made too late to be owned by anybody
};

// The object is born or dies; the thread is attached to an interpreter.
void BeBorn(Object* object, void* address);
void Die(Object* object);

inline PyObject* NewCapsule(Object* object) {
  PyObject* capsule = PyCapsule_New(object, nullptr, [](PyObject* self) {
    Die(static_cast<Object*>(PyCapsule_GetPointer(self, nullptr)));
  });
  BeBorn(object, capsule);
  return capsule;
}

// Can be neither copied nor moved.
class Value {
 public:
  explicit Value(Object* object) : object_(object) { BeBorn(object, this); }
  ~Value() { Die(object_); }
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;

 private:
  Object* const object_;
};

// Returns null with a Python error set if it fails, or throws.
using Make = std::function<Object*()>;

// A cache of any class, and each life's expected object.
class Subject {
 public:
  explicit Subject(const char* name) : name_(name) {}
  virtual ~Subject() = default;

  const char* name() const { return name_; }

  // For the current interpreter. `given` is null, or what the caller passes as
  // the current interpreter.
  virtual void* GetOrCreate(Interpreter* given, const Make& make) const = 0;
  virtual void* Peek() const = 0;
  virtual void Clear() const = 0;
  // Whether the object that was found has one reference.
  virtual bool HasOneReference(void*) const { return true; }
  // Whether a make that fails still returns an object.
  virtual bool MakesAlways() const { return false; }

  std::map<const Life*, Object*> objects;
  int in_use = 0;

 private:
  const char* const name_;
};

template <typename Cache, typename MakeOf>
auto* Get(const Cache& cache, Interpreter* given, const MakeOf& make) {
  return given == nullptr ? cache.get_or_create(make)
                          : cache.get_or_create(given, make);
}

template <typename Policy, typename Current>
class OfHandles : public Subject {
 public:
  using Subject::Subject;

  void* GetOrCreate(Interpreter* given, const Make& make) const override {
    return Get(cache_, given, [&make]() -> PyObject* {
      Object* made = make();
      return made == nullptr ? nullptr : NewCapsule(made);
    });
  }
  void* Peek() const override { return cache_.peek(); }
  void Clear() const override { cache_.clear_for_test(); }
  bool HasOneReference(void* found) const override {
    return Py_REFCNT(static_cast<PyObject*>(found)) == 1;
  }

 private:
  cpython::HandleCache<Policy, Current> cache_;
};

// make returns a std::unique_ptr.
template <typename Policy>
class OfPointers : public Subject {
 public:
  using Subject::Subject;

  void* GetOrCreate(Interpreter* given, const Make& make) const override {
    return Get(cache_, given, [&make]() -> std::unique_ptr<Value> {
      Object* made = make();
      return made == nullptr ? nullptr : std::make_unique<Value>(made);
    });
  }
  void* Peek() const override { return cache_.peek(); }
  void Clear() const override { cache_.clear_for_test(); }

 private:
  cpython::PerInterpreter<Value, Policy> cache_;
};

// make returns a Value.
template <typename Policy>
class OfValues : public Subject {
 public:
  using Subject::Subject;

  void* GetOrCreate(Interpreter* given, const Make& make) const override {
    return Get(cache_, given, [&make] { return Value(make()); });
  }
  void* Peek() const override { return cache_.peek(); }
  void Clear() const override { cache_.clear_for_test(); }
  bool MakesAlways() const override { return true; }

 private:
  cpython::PerInterpreter<Value, Policy> cache_;
};

}  // namespace fuzz
}  // namespace multislot

#endif  // TESTS_FUZZ_ADAPTER_SUBJECT_H_
