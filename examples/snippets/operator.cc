// A C++ object that remembers its Python object for each interpreter. A test
// stands for Python.

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>

struct _object;  // as Python.h declares it
typedef struct _object PyObject;

// Slow. Returns a borrowed reference to an object that lives until its
// interpreter ends.
PyObject* FindInPython(const std::string& name);

// [operator]
#include "multislot/py_handle_cache.h"

class Operator {
 public:
  explicit Operator(std::string name) : name_(std::move(name)) {}
  PyObject* python_object(multislot::Interpreter* interpreter) const {
    // FindInPython() returns a borrowed reference, and so does ptr_or().
    return cache_.ptr_or(interpreter, [this] { return FindInPython(name_); });
  }

 private:
  std::string name_;
  multislot::PyHandleCache cache_;
};
// [end operator]

namespace {

multislot::Interpreter* g_current;
std::map<std::pair<multislot::Interpreter*, std::string>, char> g_objects;
int g_slow_accesses = 0;

void Check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::exit(1);
}

}  // namespace

PyObject* FindInPython(const std::string& name) {
  ++g_slow_accesses;
  return reinterpret_cast<PyObject*>(&g_objects[{g_current, name}]);
}

int main() {
  multislot::Interpreter interpreters[2];
  const Operator add("add");
  PyObject* found[2];
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 2; ++i) {
      g_current = &interpreters[i];
      PyObject* object = add.python_object(g_current);
      Check(round == 0 || found[i] == object, "the same in the second round");
      found[i] = object;
    }
  }
  Check(found[0] != found[1], "an object for each interpreter");
  if (multislot::PyHandleCache::capacity() >= 2) {
    Check(g_slow_accesses == 2, "one slow access for each interpreter");
  }
}
