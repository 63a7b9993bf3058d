#ifndef C10_CORE_PYHANDLECACHE_H_
#define C10_CORE_PYHANDLECACHE_H_

#include <atomic>

#include "c10/core/impl/PyInterpreter.h"
#include "c10/macros/Macros.h"
#include "c10/util/Exception.h"
#include "c10/util/python_stub.h"

namespace c10 {
inline namespace C10_STAND_IN_ {

// One slot that remembers, for the first interpreter that asks, the PyObject*
// that stands for a C++ object. Interface and behaviour are those of PyTorch's
// class of this name, its limits included. Every interpreter after the first
// takes the slow path for ever; multislot::PyHandleCache has a slot for each.
//
// Example (examples/snippets/core_headers.cc [c10]):
//
//   PyObject* OperatorInC10(c10::impl::PyInterpreter* interpreter) {
//     static const c10::PyHandleCache cache;
//     return cache.ptr_or(interpreter, [] { return FindOperator(); });
//   }
//
// Ownership: the cache owns no reference. The slow accessor must return a
// borrowed reference to an object that lives as long as its interpreter.
// Errors: it is a c10::Error if the slot is filled while the slow accessor
// runs, because it released the GIL or used this same cache.
// Threads: threads of different interpreters may call at the same time. Threads
// of one interpreter must hold that interpreter's GIL: the tag is published
// before the handle, so without a GIL a reader can find the one without the
// other.
// Cost: a hit takes constant time and writes nothing. Two words.
class PyHandleCache {
 public:
  constexpr PyHandleCache() noexcept : tag_(nullptr), handle_(nullptr) {}

  // The handle for this interpreter, a borrowed reference: from the slot if it
  // is this interpreter's, else from slow_accessor, a callable that returns a
  // borrowed reference. If the slot is empty, it is filled with what the
  // accessor returned, even if that is null. If the accessor throws, nothing is
  // filled. A null interpreter equals the tag of an empty slot, and gets its
  // null. Constant time.
  template <typename F>
  PyObject* ptr_or(impl::PyInterpreter* self_interpreter,
                   F slow_accessor) const {
    // Pairs with (17), which does not publish the handle: between threads of
    // one interpreter the GIL does that.
    impl::PyInterpreter* tag = tag_.load(std::memory_order_acquire);  // (16)
    if (C10_LIKELY(tag == self_interpreter)) return handle_;
    if (tag != nullptr) return slow_accessor();

    PyObject* handle = slow_accessor();
    // One interpreter gets the slot. Pairs with (16).
    if (tag_.compare_exchange_strong(tag, self_interpreter,
                                     std::memory_order_acq_rel)) {  // (17)
      handle_ = handle;
    }
    TORCH_INTERNAL_ASSERT(tag != self_interpreter,
                          "another call for the same interpreter filled the "
                          "slot while the slow accessor ran");
    return handle;
  }

 private:
  mutable std::atomic<impl::PyInterpreter*> tag_;
  mutable PyObject* handle_;
};

}  // namespace C10_STAND_IN_
}  // namespace c10

#endif  // C10_CORE_PYHANDLECACHE_H_
