#include "c10/core/impl/PyInterpreter.h"

#include <string>

#include "c10/macros/Macros.h"

namespace c10 {
inline namespace C10_STAND_IN_ {
namespace impl {
namespace {

class DisarmedVTable final : public PyInterpreterVTable {
 public:
  std::string name() const override { return "<disarmed interpreter>"; }
  void decref(PyObject*) const override {}
};

}  // namespace

void PyInterpreter::disarm() noexcept {
  // Never destroyed: an interpreter may be asked while the process exits.
  static const DisarmedVTable* const disarmed = new DisarmedVTable;
  vtable_ = disarmed;
}

}  // namespace impl
}  // namespace C10_STAND_IN_
}  // namespace c10
