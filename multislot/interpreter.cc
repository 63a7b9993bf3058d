#include "multislot/interpreter.h"

#include <atomic>

#include "c10/core/impl/PyInterpreter.h"
#include "multislot/internal/registry.h"

namespace multislot {

Interpreter::Interpreter(const c10::impl::PyInterpreterVTable* vtable) noexcept
    : Interpreter(vtable, internal::RegisterTag()) {}

Interpreter::Interpreter(const c10::impl::PyInterpreterVTable* vtable,
                         internal::Tag tag) noexcept
    : c10::impl::PyInterpreter(vtable),
      tag_(tag),
      id_(tag == internal::kRetiredTag ? 0 : tag) {}

void Interpreter::retire() noexcept {
  internal::RetireTag(
      tag_.exchange(internal::kRetiredTag, std::memory_order_relaxed));
}

bool Interpreter::retired() const noexcept {
  return tag_.load(std::memory_order_relaxed) == internal::kRetiredTag;
}

}  // namespace multislot
