// Tells the checker what the shipped sources allocate by new (nothrow).

#include <cstddef>
#include <cstdlib>
#include <new>

#include "tests/checker/model.h"

namespace {

void* Allocate(std::size_t size) noexcept {
  void* memory = std::calloc(1, size);
  multislot::checker::Allocated(memory, size);
  return memory;
}
void Free(void* memory) noexcept {
  multislot::checker::Freed(memory);
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return Allocate(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return Allocate(size);
}
void* operator new(std::size_t size) {
  void* memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  return memory;
}
void* operator new[](std::size_t size) { return ::operator new(size); }
void operator delete(void* memory) noexcept { Free(memory); }
void operator delete[](void* memory) noexcept { Free(memory); }
void operator delete(void* memory, std::size_t) noexcept { Free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { Free(memory); }
