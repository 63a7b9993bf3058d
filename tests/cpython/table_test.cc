// The table of records with more live interpreters than places.

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
#include "multislot/side_table.h"
#include "tests/cpython/embedded.h"

namespace multislot {
namespace cpython {
namespace {

// An object that knows its interpreter.
PyObject* Make() {
  return PyCapsule_New(PyInterpreterState_Get(), nullptr, nullptr);
}

TEST(TableTest, MoreInterpretersThanPlaces) {
  Runtime runtime;
  const HandleCache<SideTable> cache;
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
