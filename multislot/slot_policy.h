#ifndef MULTISLOT_SLOT_POLICY_H_
#define MULTISLOT_SLOT_POLICY_H_

#include <cstddef>

#include "c10/util/python_stub.h"

namespace multislot {

// A capacity without limit.
constexpr std::size_t kUnlimited = static_cast<std::size_t>(-1);

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
//     // How many interpreters can have a slot.
//     static constexpr std::size_t capacity() noexcept;
//
//     // The interpreter's handle, or null.
//     PyObject* find(const interpreter_type* interpreter) const noexcept;
//
//     // The same, as far as it can be had without a call, a lock or a loop;
//     // null says nothing. It is inlined into every hit.
//     PyObject* find_fast(const interpreter_type* interpreter) const noexcept;
//
//     // Puts the handle into the interpreter's slot unless there is one
//     // already, and returns what the slot holds then: of several calls for
//     // one interpreter one fills, and all return its handle. Null if it has
//     // no slot: an overflow, or a retired interpreter.
//     PyObject* publish(const interpreter_type* interpreter,
//                       PyObject* handle) const noexcept;
//
//     // How many live interpreters have a slot.
//     std::size_t occupancy() const noexcept;
//   };
//
// All of it may be called from any thread at any time. Interpreters and handles
// passed in are not null; interpreters may be retired. //tests/conformance
// checks a policy.

}  // namespace multislot

#endif  // MULTISLOT_SLOT_POLICY_H_
