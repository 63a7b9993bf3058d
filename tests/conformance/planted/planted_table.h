#ifndef TESTS_CONFORMANCE_PLANTED_PLANTED_TABLE_H_
#define TESTS_CONFORMANCE_PLANTED_PLANTED_TABLE_H_

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "c10/util/python_stub.h"
#include "multislot/interpreter.h"
#include "multislot/slot_policy.h"
#include "tests/conformance/planted/planted_cache.h"
#include "tests/conformance/world.h"

namespace multislot {
namespace conformance {

// A simple cache: an index into the table that each interpreter has. One mutex
// guards everything. Correct unless a bug is planted.
class PlantedTable {
 public:
  using interpreter_type = Interpreter;

  PlantedTable() = default;
  ~PlantedTable() {
    if (g_bug == Bug::kIndexUsedAgain && index_ != 0) {
      std::lock_guard<std::mutex> lock(g_fork_safe_mutex);
      g_free_index = index_;
    }
  }
  PlantedTable(const PlantedTable&) = delete;
  PlantedTable& operator=(const PlantedTable&) = delete;

  template <typename SlowAccessor>
  PyObject* ptr_or(Interpreter* interpreter,
                   SlowAccessor&& slow_accessor) const {
    assert(interpreter != nullptr && "no interpreter");
    if (PyObject* found = peek(interpreter)) return found;
    PyObject* handle = std::forward<SlowAccessor>(slow_accessor)();
    if (handle == nullptr || interpreter == nullptr) return handle;
    std::lock_guard<std::mutex> lock(g_fork_safe_mutex);
    if (interpreter->retired()) return handle;
    if (index_ == 0) index_ = NewIndex();
    Table& table = TableOf(interpreter);
    if (table.size() <= index_) {
      if (g_bug == Bug::kGrowthLosesHandles) table.clear();
      table.resize(2 * index_);
    }
    if (table[index_] == nullptr) table[index_] = handle;
    return table[index_];
  }

  PyObject* peek(const Interpreter* interpreter) const {
    if (interpreter == nullptr) return nullptr;
    std::lock_guard<std::mutex> lock(g_fork_safe_mutex);
    if (interpreter->retired()) return nullptr;
    return At(TableOf(interpreter));
  }

  static constexpr std::size_t capacity() { return kUnlimited; }

  std::size_t occupancy() const {
    std::lock_guard<std::mutex> lock(g_fork_safe_mutex);
    std::size_t count = 0;
    for (const auto& [id, table] : Tables()) {
      if (Interpreter::is_live(id) && At(table) != nullptr) ++count;
    }
    return count;
  }

 private:
  using Table = std::vector<PyObject*>;

  static std::map<std::uint64_t, Table>& Tables() {
    static auto* const tables = new std::map<std::uint64_t, Table>;
    return *tables;
  }

  // A new interpreter takes over the table of one that has ended.
  static Table& TableOf(const Interpreter* interpreter) {
    const auto own = Tables().find(interpreter->id());
    if (own != Tables().end()) return own->second;
    Table table;
    for (auto other = Tables().begin(); other != Tables().end(); ++other) {
      if (Interpreter::is_live(other->first)) continue;
      table = std::move(other->second);
      if (g_bug != Bug::kTableNotEmptied) table.clear();
      Tables().erase(other);
      break;
    }
    return Tables()[interpreter->id()] = std::move(table);
  }

  static std::size_t NewIndex() {
    return g_free_index != 0 ? std::exchange(g_free_index, 0) : ++g_last_index;
  }

  PyObject* At(const Table& table) const {
    return index_ < table.size() ? table[index_] : nullptr;
  }

  static inline std::size_t g_last_index = 0;
  static inline std::size_t g_free_index = 0;

  mutable std::size_t index_ = 0;
};

}  // namespace conformance
}  // namespace multislot

#endif  // TESTS_CONFORMANCE_PLANTED_PLANTED_TABLE_H_
