#ifndef MULTISLOT_INTERNAL_INTERPRETER_TRAITS_H_
#define MULTISLOT_INTERNAL_INTERPRETER_TRAITS_H_

#include "multislot/internal/cplusplus17.h"

namespace multislot {
namespace internal {

// What a slot policy needs to know about its type of interpreter.
// Specialisations (interpreter.h, bare_interpreter.h) have these static
// members:
//
//   TagOf(interpreter)    its tag in a slot; never kEmptyTag or kBusyTag
//   HomeOffsetOf<Capacity>(tag)
//                         where to look first: the slot's offset in bytes
//   IsLive(tag)           whether the tag's interpreter has not retired; see
//                         multislot::internal::IsLive()
//   Retirements()         how many have retired; see
//                         multislot::internal::Retirements()
template <typename InterpreterType>
struct InterpreterTraits;

}  // namespace internal
}  // namespace multislot

#endif  // MULTISLOT_INTERNAL_INTERPRETER_TRAITS_H_
