#include "examples/interpreter_farm/operators.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "c10/util/python_stub.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/fixed_slots.h"
#include "multislot/interpreter.h"
#include "multislot/side_table.h"
#include "multislot/single_slot.h"

namespace interpreter_farm {
namespace {

// A cache that remembers nothing.
class NoCache {
 public:
  template <typename SlowAccessor>
  PyObject* ptr_or(multislot::Interpreter*,
                   const SlowAccessor& slow_accessor) const {
    return slow_accessor();
  }
};

// This is how a C++ object uses a handle cache: as a member, and nothing else.
template <typename Cache>
class Operator {
 public:
  explicit Operator(const Callable& callable) : callable_(callable) {}

  PyObject* Get(Visitor* visitor) const {
    return cache_.ptr_or(visitor->interpreter, [this, visitor] {
      ++visitor->slow_accesses;
      return visitor->slow_accessor(callable_);
    });
  }

 private:
  const Callable& callable_;
  Cache cache_;
};

// A step that visits each of `size` operators before it visits one twice, near
// the golden section of them.
std::size_t StrideFor(std::size_t size) {
  std::size_t stride = size * 618 / 1000;
  while (stride > 1 && std::gcd(stride, size) != 1) --stride;
  return stride < 1 ? 1 : stride;
}

template <typename Cache>
class OperatorsWith final : public Operators {
 public:
  explicit OperatorsWith(const std::vector<Callable>& callables)
      : operators_(callables.begin(), callables.end()),
        stride_(StrideFor(callables.size())) {}

  void LookUp(std::uint64_t count, Visitor* visitor) const override {
    PyObject* const* const expected = visitor->expected->data();
    const std::size_t size = operators_.size();
    std::size_t position = visitor->position;
    std::uint64_t wrong = 0;
    for (; count > 0; --count) {
      if (operators_[position].Get(visitor) != expected[position]) ++wrong;
      position += stride_;
      if (position >= size) position -= size;
    }
    visitor->position = position;
    visitor->wrong += wrong;
  }

 private:
  const std::vector<Operator<Cache>> operators_;
  const std::size_t stride_;
};

using Maker = std::unique_ptr<Operators> (*)(const std::vector<Callable>&);

template <typename Policy>
std::unique_ptr<Operators> MakeCached(const std::vector<Callable>& callables) {
  return std::make_unique<OperatorsWith<multislot::BasicPyHandleCache<Policy>>>(
      callables);
}

template <std::size_t... kIndices>
constexpr std::array<Maker, sizeof...(kIndices)> FixedMakers(
    std::index_sequence<kIndices...>) {
  return {&MakeCached<multislot::FixedSlots<kIndices + 1>>...};
}

}  // namespace

std::unique_ptr<Operators> Operators::Make(
    Policy policy, int slots, const std::vector<Callable>& callables) {
  // The number of slots is a compile-time choice, so there is one of each.
  static constexpr std::array<Maker, kMaxSlots> kFixedMakers =
      FixedMakers(std::make_index_sequence<kMaxSlots>());
  switch (policy) {
    case Policy::kSingle:
      return MakeCached<multislot::SingleSlot>(callables);
    case Policy::kFixed:
      return kFixedMakers.at(static_cast<std::size_t>(slots) - 1)(callables);
    case Policy::kTable:
      return MakeCached<multislot::SideTable>(callables);
    case Policy::kNone:
      break;
  }
  return std::make_unique<OperatorsWith<NoCache>>(callables);
}

}  // namespace interpreter_farm
