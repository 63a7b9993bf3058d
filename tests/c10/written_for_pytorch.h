#ifndef TESTS_C10_WRITTEN_FOR_PYTORCH_H_
#define TESTS_C10_WRITTEN_FOR_PYTORCH_H_

// A header as PyTorch's users write it: it uses PyTorch's headers and macros,
// and does not know multislot. It must compile against our c10 unchanged.

#include <c10/core/impl/PyInterpreter.h>
#include <c10/macros/Macros.h>
#include <c10/util/Exception.h>
#include <c10/util/python_stub.h>

#include <atomic>
#include <string>

namespace user {

// Remembers one object, for the first interpreter that asks.
class C10_API LastObject {
 public:
  LastObject() = default;
  C10_DISABLE_COPY_AND_ASSIGN(LastObject);

  template <typename F>
  C10_NODISCARD PyObject* get(c10::impl::PyInterpreter* self, F find) const {
    TORCH_INTERNAL_ASSERT(self);
    c10::impl::PyInterpreter* owner = owner_.load(std::memory_order_acquire);
    if (C10_LIKELY(owner == self)) return object_;
    TORCH_CHECK(owner == nullptr, "object of ", owner, " wanted by ", self,
                ", after ", lookups_, " lookups");
    ++lookups_;
    object_ = find();
    owner_.store(self, std::memory_order_release);
    TORCH_INTERNAL_ASSERT(object_ != nullptr, "nothing found");
    TORCH_INTERNAL_ASSERT_DEBUG_ONLY(lookups_ == 1, lookups_);
    return object_;
  }

 private:
  mutable std::atomic<c10::impl::PyInterpreter*> owner_{nullptr};
  mutable PyObject* object_ = nullptr;
  mutable int lookups_ = 0;
};

C10_ALWAYS_INLINE int half(int number) {
  if (C10_UNLIKELY(number < 0))
    TORCH_CHECK(false);
  else
    TORCH_CHECK(number % 2 == 0, number, std::string(" is "), "odd", '!');
  return number / 2;
}

}  // namespace user

#endif  // TESTS_C10_WRITTEN_FOR_PYTORCH_H_
