#ifndef MULTISLOT_INTERPRETER_H_
#define MULTISLOT_INTERPRETER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "multislot/internal/interpreter_traits.h"
#include "multislot/internal/registry.h"
#include "multislot/internal/table.h"
#include "multislot/internal/table_fill.h"
#include "multislot/internal/tag.h"

namespace multislot {

// The registration of one Python interpreter: what caches know it by. It
// starts no interpreter and ends none.
//
// Whoever starts a Python interpreter, the main one included, makes one of
// these for it, and retires it before the Python interpreter ends. (With
// multislot/cpython nobody has to: the adapter makes and retires its own.)
//
// Example (examples/snippets/core_headers.cc [interpreter] [retire]):
//
//   multislot::Interpreter interpreter;  // beside each Python interpreter
//   PyObject* handle = cache.ptr_or(&interpreter, FindOperator);
//
//   interpreter.retire();  // before Py_EndInterpreter(), or Py_Finalize()
//
// It has
//   - an id that no other interpreter of this process has, had or will have,
//     even one at the same address;
//   - a home index: the smallest number that no live interpreter had when it
//     registered. No other live one has it.
//
// Ownership: it owns no Python object. Once it has retired its slots are free,
// and it may still be passed to a cache until it is destroyed: it then has no
// hits and fills no slots.
// Errors: none. See the constructor for running out of numbers or memory.
// Threads: any member but the destructor may be called from any thread at any
// time. A lookup that overlaps retire() gets this interpreter's handle or takes
// the slow path.
// Cost: constant time, but for what retire() says.
//
// Use an Interpreter only with caches of the shared object that made it, and
// with those that this shared object shares with others. Two shared objects
// that embed this library may each have a registry of their own.
class Interpreter {
 public:
  // Registers. With 1,048,576 alive (4,096 where pointers have 32 bits), or
  // without memory, it is born retired: slow, but right. Constant time.
  Interpreter() noexcept {
    const internal::Tag tag =
        internal::RegisterTag(internal::g_register, &tables_);
    tag_.store(tag, std::memory_order_relaxed);
    if (tag != internal::kRetiredTag) id_ = tag;
  }
  ~Interpreter() { retire(); }

  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  // From here on no lookup hits or fills for this interpreter; its slots, its
  // table and its home index go to others. A second call does nothing. Constant
  // time, and time for each handle that a SideTable holds for it.
  void retire() noexcept {
    internal::FreeTables(internal::g_register, RetireAndTakeTables());
  }
  [[nodiscard]] bool retired() const noexcept {
    return tag_.load(std::memory_order_relaxed) == internal::kRetiredTag;
  }

  // Both outlast retirement. The id of an interpreter that was born retired
  // is 0, and nobody else's.
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  [[nodiscard]] std::size_t home_index() const noexcept {
    return internal::HomeIndexOf(static_cast<internal::Tag>(id_));
  }

  // Whether the interpreter with this id has not retired yet; any number may be
  // asked about. For slot policies that reclaim slots: what they do with one,
  // they do under a lock of their own and ask again.
  [[nodiscard]] static bool is_live(std::uint64_t id) noexcept {
    return id <= std::numeric_limits<internal::Tag>::max() &&
           internal::IsLive(static_cast<internal::Tag>(id));
  }

 private:
  friend struct internal::InterpreterTraits<Interpreter>;

  internal::Table* RetireAndTakeTables() noexcept {
    return internal::RetireTag(
        internal::g_register,
        tag_.exchange(internal::kRetiredTag, std::memory_order_relaxed));
  }

  // See internal/table.h. A fill changes it.
  mutable std::atomic<internal::Table*> tables_{&internal::g_empty_table};
  // The tag, or kRetiredTag. Relaxed everywhere: the tag publishes nothing, and
  // what it matches is published by the slot.
  std::atomic<internal::Tag> tag_{internal::kRetiredTag};
  std::uint64_t id_ = 0;  // never changes
};

namespace internal {

template <>
struct InterpreterTraits<Interpreter> {
  static Tag TagOf(const Interpreter* interpreter) noexcept {
    return interpreter->tag_.load(std::memory_order_relaxed);
  }
  static std::atomic<Table*>& TablesOf(
      const Interpreter* interpreter) noexcept {
    return interpreter->tables_;
  }
  // For who has something to do with the tables before FreeTables().
  static Table* RetireAndTakeTables(Interpreter* interpreter) noexcept {
    return interpreter->RetireAndTakeTables();
  }
  template <std::size_t Capacity>
  static std::size_t HomeOffsetOf(Tag tag) noexcept {
    return internal::HomeOffsetOf<Capacity>(tag);
  }
  static bool IsLive(Tag tag) noexcept { return internal::IsLive(tag); }
  static std::uintptr_t Retirements() noexcept {
    return internal::Retirements();
  }
};

}  // namespace internal

}  // namespace multislot

#endif  // MULTISLOT_INTERPRETER_H_
