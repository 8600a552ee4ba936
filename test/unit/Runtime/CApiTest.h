/*===- CApiTest.h - Checks of the C interface, compiled as C --------------===*\
|*
|* CApiTest.c and CTextTest.c define the checks; CompiledFileTest.cpp and
|* TextApiTest.cpp write the executables and call them.
|*
\*===----------------------------------------------------------------------===*/

#ifndef LORA_TEST_UNIT_RUNTIME_CAPITEST_H
#define LORA_TEST_UNIT_RUNTIME_CAPITEST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Runs ids 3, 10, 0, 7, 7 on the tiny executable; `expected` has their logits.
 * Returns 0 on success; otherwise prints the condition that failed. */
int run_c_api_test(const char *path, const float *expected, size_t tokens);

/** Runs rows 3, 10 (types 1, 0) and 7, 9, 4 (types 0, 1, 1) on the tiny
 * encoder that classifies tokens; `expected` is [2, 3, 5]. */
int run_c_encoder_test(const char *path, const float *expected);

/** Continues ids 3, 10, 0, 7, 7 of the tiny executable by the five `expected`
 * tokens, and rewinds. The first of them is an end of sequence. */
int run_c_generate_test(const char *path, const int32_t *expected);

/** Opens the tiny executable from memory and by a descriptor; removes the file.
 * `expected` has the logits of ids 3, 10. */
int run_c_open_test(const char *path, const float *expected);

/** Passes structures of other versions, and structures without a size. */
int run_c_options_test(const char *path);

/** Texts to ids and back on the tiny executable with text. */
int run_c_tokenize_test(const char *path);

/** Generates texts with it, and writes the file `state`. */
int run_c_generate_text_test(const char *path, const char *state);

/** Passes what is wrong; `other_file` is no saved state. */
int run_c_text_errors_test(const char *path, const char *other_file);

/** Calls functions on texts with a file that has none. */
int run_c_no_text_test(const char *path);

/** Runs "w3", and the pair of "w7 w9 w4 w8 w5 w1 w6" and "w2", on the tiny
 * encoder: vectors [2, 12] and scores [2, 5]. */
int run_c_text_encoder_test(const char *path, const float *vectors,
                            const float *scores);

/** Fills the masks of "w3 w9 w4" and "w9 w9" on the tiny masked model. */
int run_c_masks_test(const char *path, const char *expected);

/** Tags "\u00e9 w9" and "w4 w1 w4" on the tiny encoder that classifies tokens:
 * each token, or groups without the label O. */
int run_c_tags_test(const char *path, const char *expected,
                    const char *grouped);

#ifdef __cplusplus
}
#endif

#endif /* LORA_TEST_UNIT_RUNTIME_CAPITEST_H */
