#ifndef TESTS_FUZZ_MODEL_H_
#define TESTS_FUZZ_MODEL_H_

#include <cstddef>
#include <map>

#include "multislot/internal/py_object.h"
#include "multislot/slot_policy.h"

namespace multislot {
namespace fuzz {

// One interpreter, from its registration to its end. The next interpreter at
// its address is another life. A bare interpreter has no known end.
struct Life {
  int number;
  bool is_bare;
  bool is_over;
};

// What a call on a cache must return.
struct Expected {
  PyObject* handle;
  bool throws_c10_error;
};

// What a cache must remember, as simply as possible. For one thread only: then
// the contract determines every result.
class Model {
 public:
  virtual ~Model() = default;

  // Whether a lookup hits, without calling the accessor, and with which handle.
  // A null life means a null interpreter.
  virtual bool IsHit(const Life* life, PyObject** handle) const = 0;

  // What a lookup that missed returns if its accessor returned `made`.
  virtual Expected AfterAccessor(const Life* life, PyObject* made) = 0;

  virtual PyObject* Peek(const Life* life) const = 0;
  virtual std::size_t Occupancy() const = 0;
  virtual std::size_t Capacity() const = 0;
  virtual void Clear() = 0;
};

// Caches with slots for `capacity` interpreters.
class SlotsModel : public Model {
 public:
  explicit SlotsModel(std::size_t capacity) : capacity_(capacity) {}

  bool IsHit(const Life* life, PyObject** handle) const override {
    *handle = Peek(life);
    return *handle != nullptr;
  }

  Expected AfterAccessor(const Life* life, PyObject* made) override {
    if (made == nullptr || life == nullptr || life->is_over) {
      return {made, false};
    }
    PyObject* first = Peek(life);
    if (first != nullptr) return {first, false};
    if (MayFill()) handles_[life] = made;
    return {made, false};
  }

  PyObject* Peek(const Life* life) const override {
    if (life == nullptr || life->is_over) return nullptr;
    const auto found = handles_.find(life);
    return found == handles_.end() ? nullptr : found->second;
  }

  std::size_t Occupancy() const override {
    std::size_t count = 0;
    for (const auto& [life, handle] : handles_) count += life->is_over ? 0 : 1;
    return count;
  }

  std::size_t Capacity() const override { return capacity_; }

  void Clear() override { handles_.clear(); }

 protected:
  // Whether another interpreter gets a slot.
  virtual bool MayFill() { return Occupancy() < capacity_; }

 private:
  const std::size_t capacity_;
  std::map<const Life*, PyObject*> handles_;
};

// SideTable: the first fill takes an index, if one is left.
class TableModel : public SlotsModel {
 public:
  explicit TableModel(const bool* indices_ran_out)
      : SlotsModel(kUnlimited), indices_ran_out_(indices_ran_out) {}

  void Clear() override {
    SlotsModel::Clear();
    has_index_ = false;
  }

 private:
  bool MayFill() override {
    if (!*indices_ran_out_) has_index_ = true;
    return has_index_;
  }

  const bool* const indices_ran_out_;
  bool has_index_ = false;
};

// SingleSlot and c10::PyHandleCache: the first interpreter has the slot for
// ever. single_slot.h lists other differences.
class SingleModel : public Model {
 public:
  bool IsHit(const Life* life, PyObject** handle) const override {
    if (life == nullptr) {
      *handle = nullptr;
      return !is_filled_;
    }
    *handle = handle_;
    return is_filled_ && life == owner_ && !life->is_over;
  }

  Expected AfterAccessor(const Life* life, PyObject* made) override {
    if (life == nullptr || life->is_over) return {made, false};
    // The lookup missed, so another call filled the slot during the accessor.
    if (is_filled_ && life == owner_) return {nullptr, true};
    if (!is_filled_) {
      is_filled_ = true;
      owner_ = life;
      handle_ = made;
    }
    return {made, false};
  }

  PyObject* Peek(const Life* life) const override {
    PyObject* handle;
    return life != nullptr && IsHit(life, &handle) ? handle : nullptr;
  }

  std::size_t Occupancy() const override {
    return is_filled_ && !owner_->is_over ? 1 : 0;
  }

  std::size_t Capacity() const override { return 1; }

  void Clear() override { is_filled_ = false; }

 private:
  bool is_filled_ = false;
  const Life* owner_ = nullptr;
  PyObject* handle_ = nullptr;
};

}  // namespace fuzz
}  // namespace multislot

#endif  // TESTS_FUZZ_MODEL_H_
