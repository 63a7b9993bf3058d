"""Ports MarkupSafe 2.1.2's extension: port_markupsafe.py _speedups.c PORTED.c"""

import sys

from edit import Source

CACHES = r"""#include "multislot/cpython/multislot.h"

static multislot_cache markup_cache = MULTISLOT_CACHE_INIT;
static multislot_cache id_html_cache = MULTISLOT_CACHE_INIT;

static PyObject* make_markup(void* arg) {
  return multislot_import_attr("markupsafe", "Markup");
}
static PyObject* make_id_html(void* arg) {
  return PyUnicode_InternFromString("__html__");
}
static PyObject* call_markup(PyObject* argument) {
  PyObject* markup = multislot_get(&markup_cache, make_markup, NULL);
  if (markup == NULL) return NULL;
  return PyObject_CallFunctionObjArgs(markup, argument, NULL);
}
"""

SLOTS = r"""static PyModuleDef_Slot module_slots[] = {
#ifdef Py_mod_multiple_interpreters
  {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#ifdef Py_mod_gil
  {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
  {0, NULL},
};

"""

source = Source(sys.argv[1])
# Two variables: the first was filled by a function, the second in escape().
source.replace(r"static PyObject\* markup;.*?init_constants.*?\n}\n", CACHES)
source.replace(r"static PyObject \*id_html;", "PyObject *id_html = multislot_get(&id_html_cache, make_id_html, NULL);")
source.replace(r"id_html = PyUnicode_\w+\([^)]*\);\s*if \(id_html == NULL\) {\s*return NULL;\s*}", "return NULL;")
source.replace(r"PyObject_CallFunctionObjArgs\(markup, (\(PyObject\*\)s|text), NULL\)", r"call_markup(\1)", times=3)
source.replace(r"PyObject_CallFunctionObjArgs\(markup, NULL\)", "call_markup(NULL)")
# Initialisation in several phases, for any number of interpreters.
source.replace(r"(?=static struct PyModuleDef )", SLOTS)
source.replace(r"-1,(\s*)module_methods,(\s*)NULL,", r"0,\1module_methods,\2module_slots,")
source.replace(r"if \(!init_constants\(\)\).*?PyModule_Create\(", "return PyModuleDef_Init(")
source.write(sys.argv[2])
