/*===- CApiTest.h ---------------------------------------------------------===*/

#ifndef LORA_TEST_UNIT_RUNTIME_CAPITEST_H
#define LORA_TEST_UNIT_RUNTIME_CAPITEST_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Runs ids 3, 10, 0, 7, 7 on the tiny module; `expected` has their logits.
 * Gives 0 on success and otherwise prints the condition that failed. */
int run_c_api_test(const char *path, const float *expected, size_t tokens);

/** Runs rows 3, 10 (types 1, 0) and 7, 9, 4 (types 0, 1, 1) on the tiny
 * encoder that classifies tokens; `expected` is [2, 3, 5]. */
int run_c_encoder_test(const char *path, const float *expected);

#ifdef __cplusplus
}
#endif

#endif /* LORA_TEST_UNIT_RUNTIME_CAPITEST_H */
