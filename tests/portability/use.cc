// What a user compiles of multislot. CPLUSPLUS is the dialect that the compiler
// was asked for.

#include <cstddef>

#include "multislot/interpreter.h"
#include "multislot/py_handle_cache.h"

static_assert(__cplusplus >= CPLUSPLUS,
              "compiled in an older dialect than asked for");
#if defined(NO_EXCEPTIONS) && (defined(__cpp_exceptions) || defined(__cpp_rtti))
#error "with exceptions or RTTI"
#endif

namespace {

char g_object;

PyObject* Make() { return reinterpret_cast<PyObject*>(&g_object); }

template <typename Cache>
bool Works() {
  static const Cache cache;
  static multislot::Interpreter interpreter;
  return cache.ptr_or(&interpreter, Make) == Make() &&
         cache.peek(&interpreter) == Make() && cache.occupancy() == 1;
}

}  // namespace

int main() {
  return Works<multislot::PyHandleCache>() &&
                 Works<multislot::BasicPyHandleCache<
                     multislot::FixedSlots<3>>>() &&
                 Works<multislot::BasicPyHandleCache<multislot::SideTable>>() &&
                 Works<multislot::BasicPyHandleCache<multislot::SingleSlot>>()
             ? 0
             : 1;
}
