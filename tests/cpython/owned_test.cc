// What an interpreter's table owns: the order in which it is released, and
// lookups that find no slot or nothing yet.

#include <Python.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "multislot/basic_py_handle_cache.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/fixed_slots.h"
#include "multislot/interpreter.h"
#include "multislot/side_table.h"
#include "tests/cpython/embedded.h"
#include "tests/cpython/subject.h"

namespace multislot {
namespace cpython {
namespace {

static_assert(sizeof(HandleCache<SideTable>) == sizeof(void*), "");
static_assert(sizeof(HandleCache<>) <= 2 * sizeof(void*), "");
static_assert(sizeof(HandleCache<FixedSlots<3>>) == 7 * sizeof(void*), "");

// Numbered objects that record their deaths.
std::vector<std::intptr_t> g_died;
void (*g_as_it_dies)() = nullptr;
PyObject* NewObject(std::intptr_t number) {
  return PyCapsule_New(reinterpret_cast<void*>(number), nullptr,
                       [](PyObject* self) {
                         g_died.push_back(reinterpret_cast<std::intptr_t>(
                             PyCapsule_GetPointer(self, nullptr)));
                         if (g_as_it_dies != nullptr) g_as_it_dies();
                       });
}
std::intptr_t NumberOf(PyObject* object) {
  return reinterpret_cast<std::intptr_t>(PyCapsule_GetPointer(object, nullptr));
}

class OwnedTest : public ::testing::Test {
 protected:
  OwnedTest() {
    g_died.clear();
    g_as_it_dies = nullptr;
  }
};

// Each interpreter's order of fills counts, not the order of the caches.
TEST_F(OwnedTest, TheLastOneIsReleasedFirst) {
  Runtime runtime;
  const Subject<SideTable> tables[40];  // so that the table grows
  const Subject<FixedSlots<1>> slots[40];
  for (const int step : {7, 23}) {
    g_died.clear();
    std::vector<std::intptr_t> expected;
    {
      SubInterpreter sub;
      In in(sub);
      for (int i = 0; i < 40; ++i) {
        const int which = i * step % 40;
        for (std::intptr_t number : {100 + which, 200 + which}) {
          PyObject* object = number < 200 ? tables[which].get_or_create([=] {
            return NewObject(number);
          })
                                          : slots[which].get_or_create([=] {
                                              return NewObject(number);
                                            });
          EXPECT_EQ(NumberOf(object), number);
          expected.insert(expected.begin(), number);
        }
      }
      EXPECT_EQ(g_died.size(), 0u);
    }
    EXPECT_EQ(g_died, expected);
  }
}

// An object that was made from another cached object dies before it.
TEST_F(OwnedTest, AnObjectGoesBeforeWhatItWasMadeFrom) {
  Runtime runtime;
  {
    SubInterpreter sub;
    In in(sub);
    static const Subject<SideTable> part;
    static const Subject<SideTable> whole;
    static_cast<void>(whole.get_or_create([] {
      static_cast<void>(part.get_or_create([] { return NewObject(1); }));
      return NewObject(2);
    }));
  }
  EXPECT_EQ(g_died, (std::vector<std::intptr_t>{2, 1}));
}

// Objects that look up as they are released find the interpreter ended. So do
// the objects released after them: nothing is filled any more.
TEST_F(OwnedTest, WhatIsReleasedFindsTheInterpreterEnded) {
  Runtime runtime;
  static const Subject<SideTable> caches[3];
  static const Subject<FixedSlots<1>> fixed;
  static int made_late;
  made_late = 0;
  static Interpreter* interpreter;  // a kept pointer finds it ended too
  for (int life = 0; life < 3; ++life) {
    g_died.clear();
    g_as_it_dies = nullptr;
    {
      SubInterpreter sub;
      In in(sub);
      for (int i = 0; i < 2; ++i) {
        static_cast<void>(
            caches[i].get_or_create([i] { return NewObject(i + 1); }));
      }
      static_cast<void>(fixed.get_or_create([] { return NewObject(3); }));
      interpreter = CurrentInterpreter();
      g_as_it_dies = [] {
        EXPECT_EQ(CurrentInterpreter(), nullptr);
        EXPECT_TRUE(interpreter->retired());
        for (const auto& cache : caches) {
          PyObject* object = cache.get_or_create([] {
            ++made_late;
            return NewObject(-1);
          });
          EXPECT_EQ(NumberOf(object), -1);
        }
        EXPECT_EQ(NumberOf(fixed.get_or_create([] { return NewObject(-1); })),
                  -1);
      };
    }
    g_as_it_dies = nullptr;
    EXPECT_EQ(g_died, (std::vector<std::intptr_t>{3, 2, 1}));
  }
  EXPECT_EQ(made_late, 3 * 3 * 3);
}

// The interpreter has no record as the lookup begins, since user code took
// sys.modules away. make() brings it back, and looks up.
TEST_F(OwnedTest, MakeGivesTheInterpreterItsRecord) {
  Runtime runtime;
  const Subject<SideTable> cache;
  {
    SubInterpreter sub;
    In in(sub);
    PyObject* modules = PySys_GetObject("modules");
    Py_INCREF(modules);
    ASSERT_EQ(PySys_SetObject("modules", nullptr), 0);
    EXPECT_EQ(CurrentInterpreter(), nullptr);
    PyObject* object = cache.get_or_create([=] {
      EXPECT_EQ(PySys_SetObject("modules", modules), 0);
      EXPECT_NE(CurrentInterpreter(), nullptr);
      return NewObject(7);
    });
    Py_DECREF(modules);
    EXPECT_EQ(cache.peek(), object);
  }
  EXPECT_EQ(g_died, std::vector<std::intptr_t>{7});
}

// A PyHandleCache keeps borrowed references in the same table. They are not
// released.
TEST_F(OwnedTest, BorrowedHandlesAreNotReleased) {
  Runtime runtime;
  PyObject* object = NewObject(7);
  const Py_ssize_t references = Py_REFCNT(object);
  const BasicPyHandleCache<SideTable> borrows;
  const Subject<SideTable> owns;
  {
    SubInterpreter sub;
    In in(sub);
    PyObject* borrowed =
        borrows.ptr_or(CurrentInterpreter(), [=] { return object; });
    EXPECT_EQ(borrowed, object);
    PyObject* owned = owns.get_or_create([=] {
      Py_INCREF(object);
      return object;
    });
    EXPECT_EQ(owned, object);
    EXPECT_EQ(Py_REFCNT(object), references + 1);
  }
  EXPECT_EQ(Py_REFCNT(object), references);
  EXPECT_EQ(g_died.size(), 0u);
  Py_DECREF(object);
}

// (S4) Two calls make the same object; one reference is kept.
TEST_F(OwnedTest, ALoserThatMadeTheSameObject) {
  Runtime runtime;
  PyObject* object = NewObject(7);
  const Py_ssize_t references = Py_REFCNT(object);
  static const Subject<SideTable> cache;
  const auto make = [=] {
    Py_INCREF(object);
    return object;
  };
  {
    SubInterpreter sub;
    In in(sub);
    PyObject* outer = cache.get_or_create([&] {
      EXPECT_EQ(cache.get_or_create(make), object);
      return make();
    });
    EXPECT_EQ(outer, object);
    EXPECT_EQ(Py_REFCNT(object), references + 1);
  }
  EXPECT_EQ(Py_REFCNT(object), references);
  Py_DECREF(object);
}

// Counts Python's allocations.
class Allocations {
 public:
  Allocations() {
    for (PyMemAllocatorDomain domain : kDomains) {
      PyMem_GetAllocator(domain, &g_before[domain]);
      PyMemAllocatorEx hook = {&g_before[domain], Malloc, Calloc, Realloc,
                               Free};
      PyMem_SetAllocator(domain, &hook);
    }
  }
  ~Allocations() {
    for (PyMemAllocatorDomain domain : kDomains) {
      PyMem_SetAllocator(domain, &g_before[domain]);
    }
  }
  Allocations(const Allocations&) = delete;
  Allocations& operator=(const Allocations&) = delete;

  static int calls;

 private:
  static constexpr PyMemAllocatorDomain kDomains[] = {PYMEM_DOMAIN_MEM,
                                                      PYMEM_DOMAIN_OBJ};
  static PyMemAllocatorEx* Before(void* context) {
    ++calls;
    return static_cast<PyMemAllocatorEx*>(context);
  }
  static void* Malloc(void* context, std::size_t size) {
    PyMemAllocatorEx* before = Before(context);
    return before->malloc(before->ctx, size);
  }
  static void* Calloc(void* context, std::size_t count, std::size_t size) {
    PyMemAllocatorEx* before = Before(context);
    return before->calloc(before->ctx, count, size);
  }
  static void* Realloc(void* context, void* block, std::size_t size) {
    PyMemAllocatorEx* before = Before(context);
    return before->realloc(before->ctx, block, size);
  }
  static void Free(void* context, void* block) {
    PyMemAllocatorEx* before = Before(context);
    before->free(before->ctx, block);
  }

  static PyMemAllocatorEx g_before[3];
};
int Allocations::calls = 0;
PyMemAllocatorEx Allocations::g_before[3];

// A cache's first lookup, except for its make(), and a lookup without a slot
// use nothing of Python.
TEST_F(OwnedTest, LookupsTakeNoPython) {
  Runtime runtime;
  static PyObject* object;
  object = NewObject(7);
  const auto make = [] {
    Py_INCREF(object);
    return object;
  };
  const Subject<FixedSlots<1>> tight;
  static_cast<void>(tight.get_or_create(make));
  SubInterpreter sub;
  In in(sub);
  const Subject<SideTable> first;  // the interpreter's own
  static_cast<void>(first.get_or_create(make));
  const auto caches = std::make_unique<Subject<SideTable>[]>(100);
  {
    Allocations allocations;
    Allocations::calls = 0;
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(caches[i].get_or_create(make), object);
    }
    for (int i = 0; i < 100; ++i) EXPECT_EQ(tight.get_or_create(make), object);
    EXPECT_EQ(Allocations::calls, 0);
    // The control.
    PyObject* number = PyLong_FromLong(123456789);
    Py_DECREF(number);
    PyObject* list = PyList_New(3);
    Py_DECREF(list);
    EXPECT_GT(Allocations::calls, 0);
  }
  Py_DECREF(object);
}

}  // namespace
}  // namespace cpython
}  // namespace multislot
