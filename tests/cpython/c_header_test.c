// Tests the C header from C. The first failed CHECK ends the program.

#include <Python.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "multislot/cpython/multislot.h"
#include "multislot_python.h"

#define CHECK(condition)                                                      \
  do {                                                                        \
    if (!(condition)) {                                                       \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                                \
    }                                                                         \
  } while (0)

static multislot_cache g_sqrt = MULTISLOT_CACHE_INIT;
static multislot_cache g_missing = MULTISLOT_CACHE_INIT;
static multislot_cache g_counter;  // all zero is a valid initial value
static int g_calls;

static multislot_cache g_original = MULTISLOT_CACHE_INIT;
static multislot_cache g_copy = MULTISLOT_CACHE_INIT;

static PyObject* make_sqrt(void* arg) {
  (void)arg;
  return multislot_import_attr("math", "sqrt");
}

static PyObject* make_missing(void* arg) {
  return multislot_import_attr("math", (const char*)arg);
}

static PyObject* make_list(void* arg) {
  ++*(int*)arg;
  return PyList_New(0);
}

static void check_copies(void) {
  int calls = 0;
  PyObject* original = multislot_get(&g_original, make_list, &calls);
  g_copy = g_original;
  PyObject* copy = multislot_get(&g_copy, make_list, &calls);
  CHECK(calls == 2 && copy != NULL && copy != original);
  CHECK(multislot_get(&g_copy, make_list, &calls) == copy);
  CHECK(multislot_get(&g_original, make_list, &calls) == original);

  // A cache that is copied elsewhere and back starts empty each time.
  multislot_cache moved;
  memcpy(&moved, &g_original, sizeof(moved));
  CHECK(multislot_get(&moved, make_list, &calls) != original && calls == 3);
  g_original = moved;
  CHECK(multislot_get(&g_original, make_list, &calls) != original);
  CHECK(calls == 4);
}

static void use(PyObject* before[2]) {
  PyObject* sqrt = multislot_get(&g_sqrt, make_sqrt, NULL);
  CHECK(sqrt != NULL && PyCallable_Check(sqrt));
  CHECK(multislot_get(&g_sqrt, make_sqrt, NULL) == sqrt);

  for (int i = 0; i < 2; ++i) {
    CHECK(multislot_get(&g_missing, make_missing, "no_such_thing") == NULL);
    CHECK(PyErr_ExceptionMatches(PyExc_AttributeError));
    PyErr_Clear();
  }

  const int calls = g_calls;
  PyObject* list = multislot_get(&g_counter, make_list, &g_calls);
  CHECK(list != NULL && PyList_Check(list) && Py_REFCNT(list) == 1);
  CHECK(multislot_get(&g_counter, make_list, &g_calls) == list);
  CHECK(g_calls == calls + 1);
  CHECK(list != before[0] && list != before[1]);
  before[before[0] == NULL ? 0 : 1] = list;
}

int main(void) {
  PyConfig config;
  PyConfig_InitIsolatedConfig(&config);
  config.site_import = 0;
  PyConfig_SetBytesString(&config, &config.program_name,
                          MULTISLOT_PYTHON_EXECUTABLE);
  CHECK(!PyStatus_Exception(Py_InitializeFromConfig(&config)));
  PyConfig_Clear(&config);

  check_copies();
  PyObject* lists[2] = {NULL, NULL};
  use(lists);
  PyThreadState* main_state = PyThreadState_Get();
  PyThreadState* sub = Py_NewInterpreter();
  CHECK(sub != NULL);
  use(lists);
  Py_EndInterpreter(sub);
  PyThreadState_Swap(main_state);
  CHECK(multislot_get(&g_counter, make_list, &g_calls) == lists[0]);
  CHECK(Py_FinalizeEx() == 0);
  return 0;
}
