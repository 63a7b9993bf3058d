/* C and C++. */

#ifndef MULTISLOT_INTERNAL_KEPT_FUNCTION_H_
#define MULTISLOT_INTERNAL_KEPT_FUNCTION_H_

/* MULTISLOT_KEPT_FUNCTION(name, function): makes the file need this function
 * when it is linked, even if nothing calls it. The function is empty and takes
 * no arguments.
 *
 * With ELF the reference is in .init_array, which every linker keeps even under
 * --gc-sections. So the function is called when the file is loaded. */
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
