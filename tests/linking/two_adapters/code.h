#ifndef TESTS_LINKING_TWO_ADAPTERS_CODE_H_
#define TESTS_LINKING_TWO_ADAPTERS_CODE_H_

#include <Python.h>

struct multislot_cache;

/* The current interpreter's lists, borrowed: from a C++ and from a C cache, in
 * code for the full API and in code for the limited API. */
#ifdef __cplusplus
extern "C" {
#endif
PyObject* full_list(void);
PyObject* full_list_in_c(void);
PyObject* limited_list(void);
PyObject* limited_list_in_c(void);

/* The functions that multislot_get and multislot_import_attr call there. */
typedef struct c_functions {
  PyObject* (*get)(struct multislot_cache*, PyObject* (*make)(void*), void*);
  PyObject* (*import_attr)(const char*, const char*);
} c_functions;
c_functions full_c_functions(void);
c_functions limited_c_functions(void);
#ifdef __cplusplus
}
#endif

#endif /* TESTS_LINKING_TWO_ADAPTERS_CODE_H_ */
