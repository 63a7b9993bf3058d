#ifndef OTHER_C10_CORE_PYHANDLECACHE_H_
#define OTHER_C10_CORE_PYHANDLECACHE_H_

#include <atomic>

#include "c10/core/impl/PyInterpreter.h"
#include "c10/util/python_stub.h"

namespace c10 {

// One slot, under the GIL.
class PyHandleCache {
 public:
  constexpr PyHandleCache() = default;

  template <typename F>
  PyObject* ptr_or(impl::PyInterpreter* self_interpreter,
                   F slow_accessor) const {
    // Acquire: pairs with the release below.
    impl::PyInterpreter* owner = owner_.load(std::memory_order_acquire);
    if (owner == self_interpreter) return handle_;
    PyObject* handle = slow_accessor();
    if (owner == nullptr) {
      handle_ = handle;
      owner_.store(self_interpreter, std::memory_order_release);
    }
    return handle;
  }

 private:
  mutable std::atomic<impl::PyInterpreter*> owner_{nullptr};
  mutable PyObject* handle_{nullptr};
};

}  // namespace c10

#endif  // OTHER_C10_CORE_PYHANDLECACHE_H_
