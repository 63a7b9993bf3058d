#ifndef TESTS_SHARED_OBJECTS_MODULE_H_
#define TESTS_SHARED_OBJECTS_MODULE_H_

// What TheModule() returns, a C function of each shared object.
struct Module {
  void* (*new_interpreter)();
  void (*delete_interpreter)(void* interpreter);
  const void* (*address_of_register)();

  // Null where there are interpreters only. The cache is in an inline function
  // of a class that is exported.
  void* (*look_up)(void* interpreter, void* handle);
  const void* (*address_of_cache)();
};

#endif  // TESTS_SHARED_OBJECTS_MODULE_H_
