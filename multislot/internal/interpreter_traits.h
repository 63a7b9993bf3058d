#ifndef MULTISLOT_INTERNAL_INTERPRETER_TRAITS_H_
#define MULTISLOT_INTERNAL_INTERPRETER_TRAITS_H_

#include "multislot/internal/cplusplus17.h"

namespace multislot {
namespace internal {

// What a slot policy asks of the kind of interpreter that it serves. A model
// has these members, as those in interpreter.h and bare_interpreter.h do:
//
//   TagOf(interpreter)    what names it in a slot; never kEmptyTag or kBusyTag
//   HomeOffsetOf<Capacity>(tag)
//                         where to look first: the slot's offset in bytes
//   IsLive(tag)           whether what has the tag is its own; see
//                         multislot::internal::IsLive()
//   Retirements()         how many have retired; see
//                         multislot::internal::Retirements()
template <typename InterpreterType>
struct InterpreterTraits;

}  // namespace internal
}  // namespace multislot

#endif  // MULTISLOT_INTERNAL_INTERPRETER_TRAITS_H_
