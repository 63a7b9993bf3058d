// Caches for gdb to print.

#include <Python.h>

#include "c10/core/impl/PyInterpreter.h"
#include "multislot/cpython/handle_cache.h"
#include "multislot/cpython/per_interpreter.h"
#include "multislot/py_handle_cache.h"
#include "tests/cpython/embedded.h"

namespace {

PyObject* Handle(int number) {
  return reinterpret_cast<PyObject*>(static_cast<unsigned long>(number));
}

}  // namespace

// gdb's breakpoint.
extern "C" __attribute__((noinline)) void Stop(const void*) { asm(""); }

int main() {
  using multislot::BasicPyHandleCache;
  static multislot::Interpreter interpreters[70];
  static c10::impl::PyInterpreter bare(nullptr);

  const BasicPyHandleCache<multislot::FixedSlots<8>> empty;
  const BasicPyHandleCache<multislot::FixedSlots<128>> cache;
  const BasicPyHandleCache<multislot::SingleSlot> single;
  const BasicPyHandleCache<multislot::SingleSlot> single_bare;
  const BasicPyHandleCache<multislot::FixedSlots<2, c10::impl::PyInterpreter>>
      of_bare;
  const multislot::cpython::HandleCache<multislot::FixedSlots<4>>
      empty_handle_cache;
  const multislot::cpython::HandleCache<multislot::FixedSlots<4>> handle_cache;
  const BasicPyHandleCache<multislot::SideTable> empty_table;
  const BasicPyHandleCache<multislot::SideTable> table;
  const multislot::cpython::HandleCache<multislot::SideTable> table_cache;
  for (int i : {0, 1, 69}) {
    static_cast<void>(
        cache.ptr_or(&interpreters[i], [i] { return Handle(0x1000 + i); }));
    static_cast<void>(
        table.ptr_or(&interpreters[i], [i] { return Handle(0x5000 + i); }));
  }
  static_cast<void>(
      single.ptr_or(&interpreters[2], [] { return Handle(0x2000); }));
  static_cast<void>(single_bare.ptr_or(&bare, [] { return Handle(0x3000); }));
  static_cast<void>(of_bare.ptr_or(&bare, [] { return Handle(0x4000); }));
  const multislot::cpython::Runtime runtime;
  const PyObject* const list =
      handle_cache.get_or_create([] { return PyList_New(0); });
  static_cast<void>(table_cache.get_or_create([list] {
    Py_INCREF(const_cast<PyObject*>(list));
    return const_cast<PyObject*>(list);
  }));
  const multislot::cpython::PerInterpreter<int> values;
  const int* const value = values.get_or_create([] { return 42; });
  interpreters[1].retire();

  const void* const all[] = {&empty,        &cache,       &single,
                             &single_bare,  &of_bare,     &empty_handle_cache,
                             &handle_cache, &list,        &empty_table,
                             &table,        &table_cache, &values,
                             &value};
  Stop(all);
  return 0;
}
