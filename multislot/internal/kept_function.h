/* C and C++. */

#ifndef MULTISLOT_INTERNAL_KEPT_FUNCTION_H_
#define MULTISLOT_INTERNAL_KEPT_FUNCTION_H_

/* MULTISLOT_KEPT_FUNCTION(name, function): the file does not link without the
 * function, an empty one without arguments, whatever else it uses.
 *
 * With ELF it is called when the file is loaded: of all that nothing refers to,
 * that is what every linker keeps under --gc-sections. */
#if defined(__ELF__)
#define MULTISLOT_KEPT_FUNCTION(name, function)                             \
  __attribute__((used, section(".init_array"))) static void (*name)(void) = \
      &function
#elif defined(__GNUC__)
#define MULTISLOT_KEPT_FUNCTION(name, function) \
  __attribute__((used)) static void (*const name)(void) = &function
#else
#define MULTISLOT_KEPT_FUNCTION(name, function) \
  typedef int multislot_kept_##name
#endif

#endif /* MULTISLOT_INTERNAL_KEPT_FUNCTION_H_ */
