#ifndef MULTISLOT_SLOT_POLICY_H_
#define MULTISLOT_SLOT_POLICY_H_

#include <cstddef>
#include <type_traits>
#include <utility>

#include "c10/util/python_stub.h"

namespace multislot {

// What came of publishing a handle.
struct Publication {
  // What the interpreter's slot holds now; null if it has none: an overflow, or
  // a retired interpreter.
  PyObject* handle;
  // Whether this call put it there.
  bool filled;
};

// A slot policy says how a cache stores and finds slots. A model of one:
//
//   class Model {
//    public:
//     // What names an interpreter to this cache: multislot::Interpreter or
//     // c10::impl::PyInterpreter.
//     using interpreter_type = ...;
//
//     // An empty cache needs no code to run.
//     constexpr Model() noexcept;
//
//     // How many interpreters it can hold; kUnlimited if it has no limit.
//     static constexpr std::size_t capacity() noexcept;
//
//     // The interpreter's handle, or null. The hit path: no lock, no call, no
//     // write to memory that threads share.
//     PyObject* find(const interpreter_type* interpreter) const noexcept;
//
//     // Puts the handle into the interpreter's slot unless there is one
//     // already, atomically: of several calls for one interpreter one fills,
//     // and all see its handle. For a retired interpreter it does nothing.
//     Publication publish(const interpreter_type* interpreter,
//                         PyObject* handle) const noexcept;
//
//     // How many live interpreters have a slot.
//     std::size_t occupancy() const noexcept;
//   };
//
// All of it can be called from any thread at any time; interpreters and handles
// passed in are not null, and may be retired.
constexpr std::size_t kUnlimited = static_cast<std::size_t>(-1);

namespace internal {

template <typename Policy, typename = void>
struct HasInterpreterType : std::false_type {};
template <typename Policy>
struct HasInterpreterType<Policy,
                          std::void_t<typename Policy::interpreter_type>>
    : std::true_type {};

}  // namespace internal
}  // namespace multislot

#endif  // MULTISLOT_SLOT_POLICY_H_
