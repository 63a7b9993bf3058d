// The table of records: lookups after a switch of interpreters, and more live
// interpreters than it has places. (Sn) is the number of the scenario in
// docs/scenarios.md.

#include <Python.h>

#include <cstddef>
#include <cstdio>
#include <memory>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/internal/records.h"
#include "multislot/fixed_slots.h"
#include "tests/cpython/embedded.h"

namespace multislot {
namespace cpython {
namespace {

// An object that knows its interpreter.
PyObject* Make() {
  return PyCapsule_New(PyInterpreterState_Get(), nullptr, nullptr);
}

// Counts what CPython allocates.
int g_allocations = 0;
PyMemAllocatorEx g_originals[3];

void CountAllocations() {
  for (PyMemAllocatorDomain domain :
       {PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ}) {
    PyMem_GetAllocator(domain, &g_originals[domain]);
    PyMemAllocatorEx counting = {
        &g_originals[domain],
        [](void* context, std::size_t size) {
          ++g_allocations;
          auto* original = static_cast<PyMemAllocatorEx*>(context);
          return original->malloc(original->ctx, size);
        },
        [](void* context, std::size_t count, std::size_t size) {
          ++g_allocations;
          auto* original = static_cast<PyMemAllocatorEx*>(context);
          return original->calloc(original->ctx, count, size);
        },
        [](void* context, void* block, std::size_t size) {
          ++g_allocations;
          auto* original = static_cast<PyMemAllocatorEx*>(context);
          return original->realloc(original->ctx, block, size);
        },
        [](void* context, void* block) {
          auto* original = static_cast<PyMemAllocatorEx*>(context);
          original->free(original->ctx, block);
        }};
    PyMem_SetAllocator(domain, &counting);
  }
}

void StopCounting() {
  for (PyMemAllocatorDomain domain :
       {PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ}) {
    PyMem_SetAllocator(domain, &g_originals[domain]);
  }
}

// (S39) A hit after a switch is a hit: it runs no Python code, which would
// allocate something.
TEST(TableTest, ASwitchOfInterpretersCostsNothing) {
  Runtime runtime;
  const HandleCache<FixedSlots<8>> cache;
  SubInterpreter sub;
  PyObject* mains = cache.get_or_create(Make);
  PyObject* subs;
  {
    In in(sub);
    subs = cache.get_or_create(Make);
  }
  CountAllocations();
  int wrong = 0;
  for (int i = 0; i < 100; ++i) {
    wrong += cache.get_or_create(Make) != mains;
    PyThreadState* before = PyThreadState_Swap(sub.state());
    wrong += cache.get_or_create(Make) != subs;
    PyThreadState_Swap(before);
  }
  const int allocations = g_allocations;
  StopCounting();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(allocations, 0);
}

TEST(TableTest, MoreInterpretersThanPlaces) {
  Runtime runtime;
  const HandleCache<FixedSlots<8>> cache;
  std::vector<std::unique_ptr<SubInterpreter>> subs;
  std::set<PyObject*> handles = {cache.get_or_create(Make)};
  while (subs.size() <= internal::kPlaces) {
    subs.push_back(std::make_unique<SubInterpreter>());
    In in(*subs.back());
    handles.insert(cache.get_or_create(Make));
  }
  EXPECT_EQ(handles.size(), subs.size() + 1);
  std::size_t first_in_their_place = 0;
  for (const auto& sub : subs) {
    In in(*sub);
    PyInterpreterState* state = sub->interpreter();
    PyObject* handle = cache.get_or_create(Make);
    EXPECT_EQ(PyCapsule_GetPointer(handle, nullptr), state);
    EXPECT_EQ(handles.count(handle), 1u);
    EXPECT_EQ(&internal::FindInPlace(state, 0)->interpreter,
              CurrentInterpreter());
    if (internal::FindFirst(state) != nullptr) ++first_in_their_place;
  }
  std::printf("%zu of %zu are the first in their place\n", first_in_their_place,
              subs.size());
  EXPECT_LT(first_in_their_place, subs.size());
}

}  // namespace
}  // namespace cpython
}  // namespace multislot
