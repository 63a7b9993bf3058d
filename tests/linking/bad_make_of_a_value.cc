// A make that returns a plain pointer, which does not say who deletes it.

#include <string>

#include "multislot/cpython/per_interpreter.h"

std::string* LookUp() {
  static const multislot::cpython::PerInterpreter<std::string> values;
  return values.get_or_create([] { return new std::string("text"); });
}
