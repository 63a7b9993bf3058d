#ifndef BENCHMARKS_CORE_PEERS_H_
#define BENCHMARKS_CORE_PEERS_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/synchronization/mutex.h"
#include "c10/util/python_stub.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/fixed_slots.h"
#include "multislot/interpreter.h"
#include "multislot/side_table.h"
#include "multislot/single_slot.h"
#include "multislot/slot_policy.h"

// Ways to keep a handle for each interpreter, with the part of
// BasicPyHandleCache's interface that the benchmarks need. Each rival is as
// fast as its idea allows; its comment says what it gets wrong.

namespace benchmarks {

using multislot::BasicPyHandleCache;
using multislot::FixedSlots;
using multislot::Interpreter;
using multislot::kUnlimited;
using multislot::SideTable;
using multislot::SingleSlot;

// Something for a handle to point to; never read.
inline PyObject* Handle() {
  static char object;
  return reinterpret_cast<PyObject*>(&object);
}

// Has one handle, and cannot miss.
class Floor {
 public:
  using interpreter_type = Interpreter;
  static constexpr std::size_t capacity() { return 1; }

  template <typename SlowAccessor>
  PyObject* ptr_or(Interpreter*, const SlowAccessor&) const {
    return handle_.load(std::memory_order_acquire);
  }

 private:
  std::atomic<PyObject*> handle_{Handle()};
};

// A static that is made once. All interpreters get the first one's handle.
class CallOnce {
 public:
  using interpreter_type = Interpreter;
  static constexpr std::size_t capacity() { return 1; }

  template <typename SlowAccessor>
  PyObject* ptr_or(Interpreter*, const SlowAccessor& slow_accessor) const {
    std::call_once(once_, [&] { handle_ = slow_accessor(); });
    return handle_;
  }

 private:
  mutable std::once_flag once_;
  mutable PyObject* handle_ = nullptr;
};

// A map for each thread. Every thread makes its own handle, and entries outlive
// the cache and the interpreter.
class ThreadLocalMap {
 public:
  using interpreter_type = Interpreter;
  static constexpr std::size_t capacity() { return kUnlimited; }

  template <typename SlowAccessor>
  PyObject* ptr_or(Interpreter* interpreter,
                   const SlowAccessor& slow_accessor) const {
    const Key key(this, interpreter);
    const auto found = Handles().find(key);
    if (found != Handles().end()) return found->second;
    PyObject* handle = slow_accessor();
    Handles().emplace(key, handle);
    return handle;
  }

  static void Clear() { Handles().clear(); }

 private:
  using Key = std::pair<const ThreadLocalMap*, const Interpreter*>;
  using Map = std::unordered_map<Key, PyObject*, absl::Hash<Key>>;
  static Map& Handles() {
    thread_local Map handles;
    return handles;
  }
};

// A map for each cache, under a reader-writer lock of the standard library.
class SharedMutexMap {
 public:
  using interpreter_type = Interpreter;
  static constexpr std::size_t capacity() { return kUnlimited; }

  template <typename SlowAccessor>
  PyObject* ptr_or(Interpreter* interpreter,
                   const SlowAccessor& slow_accessor) const {
    {
      std::shared_lock<std::shared_mutex> lock(mutex_);
      const auto found = handles_.find(interpreter);
      if (found != handles_.end()) return found->second;
    }
    PyObject* handle = slow_accessor();
    std::unique_lock<std::shared_mutex> lock(mutex_);
    return handles_.emplace(interpreter, handle).first->second;
  }

 private:
  mutable std::shared_mutex mutex_;
  mutable std::unordered_map<const Interpreter*, PyObject*> handles_;
};

// The same with Abseil's mutex and map.
class MutexFlatMap {
 public:
  using interpreter_type = Interpreter;
  static constexpr std::size_t capacity() { return kUnlimited; }

  template <typename SlowAccessor>
  PyObject* ptr_or(Interpreter* interpreter,
                   const SlowAccessor& slow_accessor) const {
    {
      absl::ReaderMutexLock lock(&mutex_);
      const auto found = handles_.find(interpreter);
      if (found != handles_.end()) return found->second;
    }
    PyObject* handle = slow_accessor();
    absl::MutexLock lock(&mutex_);
    return handles_.emplace(interpreter, handle).first->second;
  }

 private:
  mutable absl::Mutex mutex_;
  mutable absl::flat_hash_map<const Interpreter*, PyObject*> handles_
      ABSL_GUARDED_BY(mutex_);
};

// A map for each interpreter, under its GIL: wrong without one.
class MapPerInterpreter {
 public:
  struct interpreter_type {
    absl::flat_hash_map<const MapPerInterpreter*, PyObject*> handles;
  };
  static constexpr std::size_t capacity() { return kUnlimited; }

  template <typename SlowAccessor>
  PyObject* ptr_or(interpreter_type* interpreter,
                   const SlowAccessor& slow_accessor) const {
    const auto found = interpreter->handles.find(this);
    if (found != interpreter->handles.end()) return found->second;
    PyObject* handle = slow_accessor();
    interpreter->handles.emplace(this, handle);
    return handle;
  }
};

template <typename CacheType>
struct Peer {
  using Cache = CacheType;
  const char* name;
};

using Single = BasicPyHandleCache<SingleSlot>;
template <std::size_t Slots>
using Fixed = BasicPyHandleCache<FixedSlots<Slots>>;
using Table = BasicPyHandleCache<SideTable>;

// Calls visit() with the Peer of each FixedSlots that is measured.
template <typename Visit>
void ForEachFixed(Visit visit) {
  visit(Peer<Fixed<1>>{"fixed_1"});
  visit(Peer<Fixed<2>>{"fixed_2"});
  visit(Peer<Fixed<4>>{"fixed_4"});
  visit(Peer<Fixed<8>>{"fixed_8"});
  visit(Peer<Fixed<16>>{"fixed_16"});
  visit(Peer<Fixed<32>>{"fixed_32"});
  visit(Peer<Fixed<64>>{"fixed_64"});
}

// The same for each rival.
template <typename Visit>
void ForEachRival(Visit visit) {
  visit(Peer<CallOnce>{"call_once"});
  visit(Peer<ThreadLocalMap>{"thread_local_map"});
  visit(Peer<SharedMutexMap>{"shared_mutex_map"});
  visit(Peer<MutexFlatMap>{"mutex_flat_map"});
  visit(Peer<MapPerInterpreter>{"map_per_interpreter"});
}

// The interpreter type to look up with. (Single slots use only its base.)
template <typename Cache>
using InterpreterOf = std::conditional_t<
    std::is_base_of<typename Cache::interpreter_type, Interpreter>::value,
    Interpreter, typename Cache::interpreter_type>;

// The number of interpreters that a cache is measured with: its capacity, or
// eight if it has no limit.
template <typename Cache>
constexpr std::size_t kInterpreters = Cache::capacity() == kUnlimited
                                          ? 8
                                          : Cache::capacity();

// A cache, and the interpreters that have filled it.
template <typename Cache>
class Full {
 public:
  explicit Full(std::size_t interpreters = kInterpreters<Cache>) {
    for (std::size_t i = 0; i < interpreters; ++i) {
      interpreters_.push_back(std::make_unique<InterpreterOf<Cache>>());
      static_cast<void>(cache_->ptr_or(interpreters_.back().get(), Handle));
    }
  }
  const Cache* cache() const { return cache_.get(); }
  InterpreterOf<Cache>* interpreter(std::size_t position) const {
    return interpreters_[position].get();
  }

 private:
  // Each in its own cache line, so that all are aligned alike.
  struct alignas(64) Aligned : Cache {};
  std::unique_ptr<Aligned> cache_ = std::make_unique<Aligned>();
  std::vector<std::unique_ptr<InterpreterOf<Cache>>> interpreters_;
};

constexpr std::size_t kMostCaches = 100000;

// Caches that no live interpreter has filled. With a SideTable they are the
// same each time, because each new cache would use up an index.
template <typename Cache>
std::shared_ptr<const Cache[]> Caches(std::size_t count) {
  if constexpr (std::is_same_v<Cache, Table>) {
    static const Table caches[kMostCaches];
    return std::shared_ptr<const Table[]>(caches, [](const Table*) {});
  } else {
    return std::shared_ptr<const Cache[]>(new Cache[count]);
  }
}

}  // namespace benchmarks

#endif  // BENCHMARKS_CORE_PEERS_H_
