#ifndef TESTS_SHARED_OBJECTS_MODULE_H_
#define TESTS_SHARED_OBJECTS_MODULE_H_

// What each shared object's C function TheModule() returns.
struct Module {
  void* (*new_interpreter)();
  void (*delete_interpreter)(void* interpreter);
  const void* (*address_of_register)();

  // Null in a module that only makes interpreters. The cache is in an inline
  // function of an exported class.
  void* (*look_up)(void* interpreter, void* handle);
  const void* (*address_of_cache)();
};

#endif  // TESTS_SHARED_OBJECTS_MODULE_H_
