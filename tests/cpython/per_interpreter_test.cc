// What only PerInterpreter has: what make() may return, and values of all
// kinds. HandleCache's scenarios are run on it too (subject.h).

#include "multislot/cpython/per_interpreter.h"

#include <Python.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "multislot/cpython/current_interpreter.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/import_attr.h"
#include "multislot/cpython/multislot.h"
#include "multislot/fixed_slots.h"
#include "multislot/side_table.h"
#include "tests/cpython/embedded.h"

namespace multislot {
namespace cpython {
namespace {

static_assert(sizeof(PerInterpreter<std::string, SideTable>) == sizeof(void*),
              "");
static_assert(sizeof(PerInterpreter<int, FixedSlots<3>>) == 7 * sizeof(void*),
              "");
static_assert(std::is_trivially_destructible<PerInterpreter<int>>::value, "");
static_assert(!std::is_copy_constructible<PerInterpreter<int>>::value, "");
[[maybe_unused]] constexpr PerInterpreter<std::string> kConstantInitialised;

// The class of a value may be incomplete where the cache is declared.
struct Later;
struct HasLater {
  PerInterpreter<Later> later;
};
struct Later {
  int number = 5;
};

// The values that were born, and negated those that died, in order.
std::vector<int> g_events;
std::function<void()> g_as_one_dies;

// A value that cannot be moved. It knows its interpreter and records events.
class Told {
 public:
  explicit Told(int number)
      : number_(number), interpreter_(PyInterpreterState_Get()) {
    g_events.push_back(number);
  }
  virtual ~Told() {
    EXPECT_EQ(interpreter_, PyInterpreterState_Get());
    g_events.push_back(-number_);
    if (g_as_one_dies != nullptr) g_as_one_dies();
  }
  Told(const Told&) = delete;
  Told& operator=(const Told&) = delete;

  int number() const { return number_; }
  PyInterpreterState* interpreter() const { return interpreter_; }

 private:
  const int number_;
  PyInterpreterState* const interpreter_;
};

class PerInterpreterTest : public ::testing::Test {
 protected:
  PerInterpreterTest() { g_events.clear(); }
  ~PerInterpreterTest() override { g_as_one_dies = nullptr; }
};
using Events = std::vector<int>;

template <typename Policy>
class EachPolicyTest : public PerInterpreterTest {};
using Policies = ::testing::Types<SideTable, FixedSlots<8>, FixedSlots<1>>;
TYPED_TEST_SUITE(EachPolicyTest, Policies);

TYPED_TEST(EachPolicyTest, EachInterpreterHasItsOwn) {
  {
    Runtime runtime;
    const PerInterpreter<Told, TypeParam> values;
    EXPECT_EQ(values.peek(), nullptr);
    const auto make = [] { return Told(1); };
    Told* main = values.get_or_create(make);
    EXPECT_EQ(main->number(), 1);
    EXPECT_EQ(values.get_or_create(make), main);
    EXPECT_EQ(values.get_or_create(CurrentInterpreter(), make), main);
    EXPECT_EQ(values.peek(), main);
    for (const SubInterpreter::Gil gil :
         {SubInterpreter::kShared, SubInterpreter::kOwn}) {
      SubInterpreter sub(gil);
      {
        In in(sub);
        EXPECT_EQ(values.peek(), nullptr);
        Told* subs =
            values.get_or_create(CurrentInterpreter(), [] { return Told(2); });
        EXPECT_NE(subs, main);
        EXPECT_EQ(subs->number(), 2);
        EXPECT_EQ(subs->interpreter(), sub.interpreter());
        EXPECT_EQ(values.peek(), subs);
      }
      EXPECT_EQ(values.get_or_create(make), main);
    }
    EXPECT_EQ(g_events, (Events{1, 2, -2, 2, -2}));
    values.clear_for_test();
    EXPECT_EQ(values.peek(), nullptr);
    EXPECT_NE(values.get_or_create([] { return Told(3); }), main);
  }
  EXPECT_EQ(g_events, (Events{1, 2, -2, 2, -2, 3, -3, -1}));
}

// make() may return it in any of these ways.
struct Derived : Told {
  using Told::Told;
};
struct DeletesLoudly {
  void operator()(Told* told) const {
    g_events.push_back(1000);
    delete told;
  }
};

TEST_F(PerInterpreterTest, WhatMakeMayReturn) {
  {
    Runtime runtime;
    static const PerInterpreter<Told> in_place;
    static const PerInterpreter<Told> pointer;
    static const PerInterpreter<Told> derived;
    static const PerInterpreter<Told> loud;
    static const PerInterpreter<const std::string> constant;
    static const PerInterpreter<void (*)()> function;
    EXPECT_EQ(in_place.get_or_create([] { return Told(1); })->number(), 1);
    EXPECT_EQ(pointer.get_or_create([] { return std::make_unique<Told>(2); })
                  ->number(),
              2);
    EXPECT_EQ(
        derived.get_or_create([] { return std::make_unique<Derived>(3); })
            ->number(),
        3);
    EXPECT_EQ(loud.get_or_create([] {
                    return std::unique_ptr<Told, DeletesLoudly>(new Told(4));
                  })
                  ->number(),
              4);
    EXPECT_EQ(*constant.get_or_create([] { return std::string("five"); }),
              "five");
    void (*const g)() = [] { g_events.push_back(6); };
    (*function.get_or_create([g] { return g; }))();
    // make() may be a callable that can be called only once.
    struct Make {
      std::unique_ptr<Told> operator()() && { return std::move(made); }
      std::unique_ptr<Told> made;
    };
    static const PerInterpreter<Told> moved;
    EXPECT_EQ(moved.get_or_create(Make{std::make_unique<Told>(7)})->number(),
              7);
    static const HasLater has_later;
    EXPECT_EQ(has_later.later.get_or_create([] { return Later(); })->number, 5);
  }
  EXPECT_EQ(g_events, (Events{1, 2, 3, 4, 6, 7, -7, 1000, -4, -3, -2, -1}));
}

// Values and objects that are made from each other die in the reverse order of
// making, whichever caches they are in.
TEST_F(PerInterpreterTest, AValueGoesBeforeWhatItWasMadeFrom) {
  static const PerInterpreter<Told, SideTable> part;
  static const HandleCache<FixedSlots<1>> object;
  static const PerInterpreter<Told, FixedSlots<1>> whole;
  Runtime runtime;
  for (const bool sub_first : {false, true}) {
    g_events.clear();
    SubInterpreter other;
    if (sub_first) {
      In in(other);
      EXPECT_NE(whole.get_or_create([] { return Told(9); }), nullptr);
    }
    {
      SubInterpreter sub;
      In in(sub);
      EXPECT_NE(whole.get_or_create([] {
        EXPECT_NE(object.get_or_create([] {
          EXPECT_NE(part.get_or_create([] { return Told(1); }), nullptr);
          return PyCapsule_New(&g_events, nullptr,
                               [](PyObject*) { g_events.push_back(-2); });
        }),
                  nullptr);
        return Told(3);
      }),
                nullptr);
    }
    const Events expected =
        sub_first ? Events{9, 1, 3, -3, -2, -1} : Events{1, 3, -3, -2, -1};
    EXPECT_EQ(g_events, expected);
  }
}

// Enough for the table to grow.
TEST_F(PerInterpreterTest, ThousandsOfValues) {
  constexpr int kValues = 3000;
  const auto values =
      std::make_unique<PerInterpreter<Told, SideTable>[]>(kValues);
  Events expected;
  Runtime runtime;
  {
    SubInterpreter sub;
    In in(sub);
    for (int i = 1; i <= kValues; ++i) {
      EXPECT_EQ(values[i - 1].get_or_create([i] { return Told(i); })->number(),
                i);
    }
    for (int i = 1; i <= kValues; ++i) {
      EXPECT_EQ(values[i - 1].peek()->number(), i);
      expected.push_back(i);
    }
  }
  for (int i = kValues; i >= 1; --i) expected.push_back(-i);
  EXPECT_EQ(g_events, expected);
}

// A failure is passed on, leaves nothing behind, and is retried.
TEST_F(PerInterpreterTest, Failures) {
  Runtime runtime;
  static const PerInterpreter<Told> values;
  const auto expect_error = [](PyObject* type) {
    EXPECT_EQ(values.peek(), nullptr);
    EXPECT_TRUE(PyErr_ExceptionMatches(type));
    PyErr_Clear();
  };
  for (int i = 0; i < 2; ++i) {
    g_events.clear();
    EXPECT_EQ(values.get_or_create([]() -> std::unique_ptr<Told> {
      PyErr_SetString(PyExc_KeyError, "none");
      return nullptr;
    }),
              nullptr);
    expect_error(PyExc_KeyError);
    EXPECT_EQ(g_events, Events{});
    // A value that comes with an error is destroyed.
    EXPECT_EQ(values.get_or_create([] {
      PyErr_SetString(PyExc_OSError, "half made");
      return Told(1);
    }),
              nullptr);
    expect_error(PyExc_OSError);
    EXPECT_EQ(values.get_or_create([] {
      PyErr_SetString(PyExc_OSError, "half made");
      return std::make_unique<Told>(2);
    }),
              nullptr);
    expect_error(PyExc_OSError);
    EXPECT_THROW(static_cast<void>(values.get_or_create(
                     []() -> Told { throw std::runtime_error("in place"); })),
                 std::runtime_error);
    EXPECT_THROW(
        static_cast<void>(values.get_or_create([]() -> std::unique_ptr<Told> {
          throw std::runtime_error("pointer");
        })),
        std::runtime_error);
    EXPECT_EQ(g_events, (Events{1, -1, 2, -2}));
  }
  // Null without an error is returned as null.
  EXPECT_EQ(values.get_or_create([] { return std::unique_ptr<Told>(); }),
            nullptr);
  EXPECT_EQ(PyErr_Occurred(), nullptr);
  EXPECT_EQ(values.get_or_create([] { return Told(3); })->number(), 3);
}

// An error that was already pending is not a failure of make().
TEST_F(PerInterpreterTest, AnErrorThatIsPendingBefore) {
  Runtime runtime;
  static const PerInterpreter<Told> values;
  PyErr_SetString(PyExc_KeyError, "from before");
  EXPECT_THROW(static_cast<void>(values.get_or_create([]() -> Told {
                 EXPECT_EQ(PyErr_Occurred(), nullptr);
                 throw std::runtime_error("");
               })),
               std::runtime_error);
  EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_KeyError));
  EXPECT_EQ(values.get_or_create([] { return Told(1); })->number(), 1);
  EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_KeyError));
  EXPECT_EQ(values.get_or_create([] { return Told(2); })->number(), 1);
  EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_KeyError));
  PyErr_Clear();
}

// A T that looks itself up while it is made. The inner T is there first, so it
// is the interpreter's.
struct LooksItselfUp {
  explicit LooksItselfUp(int depth_of_this);
  ~LooksItselfUp();
  const int depth;
};
const PerInterpreter<LooksItselfUp> g_looks_itself_up;
int g_made_late = 0;

LooksItselfUp::LooksItselfUp(int depth_of_this) : depth(depth_of_this) {
  if (depth == 3) return;
  const LooksItselfUp* inner = g_looks_itself_up.get_or_create(
      [this] { return LooksItselfUp(depth + 1); });
  EXPECT_EQ(inner->depth, 3);
}
LooksItselfUp::~LooksItselfUp() {
  g_events.push_back(-depth);
  // A loser finds the winner; the winner finds its interpreter ended.
  const bool is_loser = depth != 3;
  const LooksItselfUp* found = g_looks_itself_up.get_or_create([] {
    ++g_made_late;
    return LooksItselfUp(3);
  });
  EXPECT_EQ(found->depth, 3);
  EXPECT_NE(found, this);
  EXPECT_EQ(g_looks_itself_up.peek() == found, is_loser);
}

TEST_F(PerInterpreterTest, AValueThatLooksItselfUp) {
  Runtime runtime;
  g_made_late = 0;
  for (int life = 1; life <= 3; ++life) {
    g_events.clear();
    {
      SubInterpreter sub;
      In in(sub);
      const LooksItselfUp* value =
          g_looks_itself_up.get_or_create([] { return LooksItselfUp(1); });
      EXPECT_EQ(value->depth, 3);
      EXPECT_EQ(g_events, (Events{-2, -1}));
    }
    EXPECT_EQ(g_events, (Events{-2, -1, -3}));
    EXPECT_EQ(g_made_late, life);
  }
}

// A destructor may run Python code and may leave an error. An error that was
// pending is kept aside meanwhile.
TEST_F(PerInterpreterTest, ADestructorThatRunsPython) {
  Runtime runtime;
  static const PerInterpreter<Told> values;
  ASSERT_EQ(PyRun_SimpleString("import sys\n"
                               "reported = []\n"
                               "sys.unraisablehook = lambda what: "
                               "reported.append(str(what.exc_value))\n"),
            0);
  g_as_one_dies = [] {
    EXPECT_EQ(PyErr_Occurred(), nullptr);
    PyObject* list = Py_BuildValue("[is]", 1, "two");
    PyObject* text = PyObject_Repr(list);
    EXPECT_STREQ(PyUnicode_AsUTF8(text), "[1, 'two']");
    Py_DECREF(text);
    Py_DECREF(list);
    PyErr_SetString(PyExc_ValueError, "left by a destructor");
  };
  PyErr_SetString(PyExc_KeyError, "pending");
  const Told* outer = values.get_or_create([] {
    EXPECT_EQ(values.get_or_create([] { return Told(1); })->number(), 1);
    return Told(2);  // the loser
  });
  EXPECT_EQ(outer->number(), 1);
  EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_KeyError));
  PyErr_Clear();
  EXPECT_EQ(g_events, (Events{1, 2, -2}));
  EXPECT_EQ(PyRun_SimpleString("assert reported == ['left by a destructor'], "
                               "reported\n"),
            0);
  // Also at an interpreter's end.
  {
    SubInterpreter sub;
    In in(sub);
    EXPECT_NE(values.get_or_create([] { return Told(3); }), nullptr);
  }
  EXPECT_EQ(g_events, (Events{1, 2, -2, 3, -3}));
  g_as_one_dies = nullptr;
}

// Over-aligned for both ways of making; and larger than a page.
struct alignas(256) Aligned {
  std::array<char, 5000> bytes = {};
};

TEST_F(PerInterpreterTest, AnOverAlignedType) {
  Runtime runtime;
  static const PerInterpreter<Aligned> values[40];
  for (int i = 0; i < 40; ++i) {
    const Aligned* value =
        i % 2 == 0 ? values[i].get_or_create([] { return Aligned(); })
                   : values[i].get_or_create(
                         [] { return std::make_unique<Aligned>(); });
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(value) % 256, 0u);
    EXPECT_EQ(values[i].peek(), value);
  }
}

// A class with its own operators.
struct Awkward {
  Awkward* operator&() const { return nullptr; }
  static void* operator new(std::size_t) = delete;
  int number = 8;
};

TEST_F(PerInterpreterTest, AClassWithOperatorsOfItsOwn) {
  Runtime runtime;
  static const PerInterpreter<Awkward> values;
  EXPECT_EQ(values.get_or_create([] { return Awkward(); })->number, 8);
  EXPECT_EQ(values.peek()->number, 8);
}

// Across Py_Finalize and Py_Initialize.
TEST_F(PerInterpreterTest, EachRuntimeHasItsOwn) {
  static const PerInterpreter<Told> values;
  for (int life = 1; life <= 10; ++life) {
    {
      Runtime runtime;
      EXPECT_EQ(values.peek(), nullptr);
      EXPECT_EQ(values.get_or_create([life] { return Told(life); })->number(),
                life);
    }
    EXPECT_EQ(g_events.back(), -life);
  }
  EXPECT_EQ(g_events.size(), 20u);
}

// The header's example.
struct Types {
  PyObject* decimal = nullptr;
  PyObject* fraction = nullptr;
  ~Types() {
    Py_XDECREF(decimal);
    Py_XDECREF(fraction);
  }
};

const Types* GetTypes() {
  static const PerInterpreter<Types> types;
  return types.get_or_create([]() -> std::unique_ptr<Types> {
    auto made = std::make_unique<Types>();
    made->decimal = ImportAttr("decimal", "Decimal")();
    if (made->decimal == nullptr) return nullptr;
    made->fraction = ImportAttr("fractions", "Fraction")();
    if (made->fraction == nullptr) return nullptr;
    return made;
  });
}

TEST_F(PerInterpreterTest, AStructOfSeveralObjects) {
  Runtime runtime;
  const Types* main = GetTypes();
  ASSERT_NE(main, nullptr);
  SubInterpreter sub;
  In in(sub);
  const Types* subs = GetTypes();
  ASSERT_NE(subs, nullptr);
  EXPECT_NE(subs->decimal, nullptr);
  EXPECT_NE(subs->fraction, main->fraction);
  EXPECT_EQ(GetTypes(), subs);
}

// The same in C.
std::vector<void*> g_destroyed;
void* MakeInC(void* arg) { return arg; }
void DestroyInC(void* value) {
  EXPECT_NE(PyInterpreterState_Get(), nullptr);
  g_destroyed.push_back(value);
}

TEST_F(PerInterpreterTest, InC) {
  g_destroyed.clear();
  static multislot_value_cache cache = MULTISLOT_CACHE_INIT;
  static multislot_value_cache forgets = MULTISLOT_CACHE_INIT;
  static int first, second, third;
  Runtime runtime;
  {
    SubInterpreter sub;
    In in(sub);
    EXPECT_EQ(multislot_get_value(&cache, MakeInC, DestroyInC, &first), &first);
    EXPECT_EQ(multislot_get_value(&cache, MakeInC, DestroyInC, &second),
              &first);
    EXPECT_EQ(multislot_get_value(&forgets, MakeInC, nullptr, &third), &third);
  }
  EXPECT_EQ(g_destroyed, (std::vector<void*>{&first}));
  g_destroyed.clear();
  // A failure with and without a value, and a loser.
  static multislot_value_cache fails = MULTISLOT_CACHE_INIT;
  const auto fail = [](void* arg) -> void* {
    PyErr_SetString(PyExc_KeyError, "in C");
    return arg;
  };
  for (void* value :
       {static_cast<void*>(nullptr), static_cast<void*>(&first)}) {
    EXPECT_EQ(multislot_get_value(&fails, fail, DestroyInC, value), nullptr);
    EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_KeyError));
    PyErr_Clear();
  }
  EXPECT_EQ(g_destroyed, (std::vector<void*>{&first}));
  EXPECT_EQ(multislot_get_value(
                &fails,
                [](void*) -> void* {
                  EXPECT_EQ(
                      multislot_get_value(&fails, MakeInC, DestroyInC, &second),
                      &second);
                  return &third;
                },
                DestroyInC, nullptr),
            &second);
  EXPECT_EQ(g_destroyed, (std::vector<void*>{&first, &third}));
}

}  // namespace
}  // namespace cpython
}  // namespace multislot
