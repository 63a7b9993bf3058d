#ifndef TESTS_LINKING_TWO_ADAPTERS_CODE_H_
#define TESTS_LINKING_TWO_ADAPTERS_CODE_H_

#include <Python.h>

struct multislot_cache;

/* The current interpreter's lists, borrowed: of a cache in C++ and of one in C,
 * each in code for the full API and in code for the limited one. */
#ifdef __cplusplus
extern "C" {
#endif
PyObject* full_list(void);
PyObject* full_list_in_c(void);
PyObject* limited_list(void);
PyObject* limited_list_in_c(void);

/* What multislot_get and multislot_import_attr are in that code. */
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
