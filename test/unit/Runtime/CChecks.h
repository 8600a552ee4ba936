/*===- CChecks.h - Checks in C ---------------------------------------------===*\
|*
|* What the checks of the C interface share: the layout of structures, checked
|* when the file is compiled, and conditions of a function with a lora_error
|* `error` that returns 0 on success.
|*
\*===----------------------------------------------------------------------===*/

#ifndef LORA_TEST_UNIT_RUNTIME_CCHECKS_H
#define LORA_TEST_UNIT_RUNTIME_CCHECKS_H

#include <stddef.h>
#include <stdio.h>

#define SIZE(TYPE, BYTES)                                                      \
  typedef char size_of_##TYPE[sizeof(TYPE) == (BYTES) ? 1 : -1]
#define MEMBER(TYPE, NAME, BYTES)                                              \
  typedef char                                                                 \
      offset_of_##TYPE##_##NAME[offsetof(TYPE, NAME) == (BYTES) ? 1 : -1]

#define CHECK(CONDITION)                                                       \
  do {                                                                         \
    if (!(CONDITION)) {                                                        \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #CONDITION,       \
              error.message);                                                  \
      return 1;                                                                \
    }                                                                          \
  } while (0)

#endif /* LORA_TEST_UNIT_RUNTIME_CCHECKS_H */
