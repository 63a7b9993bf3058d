#ifndef EXAMPLES_INTERPRETER_FARM_OPERATORS_H_
#define EXAMPLES_INTERPRETER_FARM_OPERATORS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "c10/util/python_stub.h"
#include "multislot/interpreter.h"

namespace interpreter_farm {

// Where an operator's Python callable is found.
struct Callable {
  std::string module;
  std::string name;
};

// What an operator does to remember its callable.
enum class Policy {
  kNone,    // nothing: asks the slow accessor each time
  kSingle,  // multislot::SingleSlot
  kFixed,   // multislot::FixedSlots
  kTable,   // multislot::SideTable
};

constexpr int kMaxSlots = 64;

// One interpreter, as it goes round the operators.
struct Visitor {
  multislot::Interpreter* interpreter;
  PyObject* (*slow_accessor)(const Callable& callable);
  // What this interpreter has to get from each operator.
  const std::vector<PyObject*>* expected;
  // The operator that comes next.
  std::size_t position = 0;

  std::uint64_t slow_accesses = 0;
  // Lookups that returned anything else than expected.
  std::uint64_t wrong = 0;
};

// C++ objects that all interpreters share, each of which stands for a callable
// that every interpreter has an object of its own for.
class Operators {
 public:
  // The callables must outlive what is returned. `slots`, from 1 to kMaxSlots,
  // counts under Policy::kFixed only.
  static std::unique_ptr<Operators> Make(
      Policy policy, int slots, const std::vector<Callable>& callables);

  virtual ~Operators() = default;
  Operators(const Operators&) = delete;
  Operators& operator=(const Operators&) = delete;

  // Looks up the next `count` operators for the visitor. As many lookups as
  // there are operators visit each of them once, neighbours far apart.
  virtual void LookUp(std::uint64_t count, Visitor* visitor) const = 0;

 protected:
  Operators() = default;
};

}  // namespace interpreter_farm

#endif  // EXAMPLES_INTERPRETER_FARM_OPERATORS_H_
