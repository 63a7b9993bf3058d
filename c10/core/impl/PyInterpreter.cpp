#include "c10/core/impl/PyInterpreter.h"

#include <string>

namespace c10 {
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
}  // namespace c10
