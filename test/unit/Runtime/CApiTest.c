/*===- CApiTest.c - The C interface as a C program sees it ----------------===*/

#include "CApiTest.h"

#include "lora-runtime/lora_runtime.h"

#include <stdio.h>
#include <string.h>

#define CHECK(CONDITION)                                                       \
  do {                                                                         \
    if (!(CONDITION)) {                                                        \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #CONDITION,       \
              error.message);                                                  \
      return 1;                                                                \
    }                                                                          \
  } while (0)

int run_c_api_test(const char *path, const float *expected, size_t tokens) {
  lora_error error = {sizeof(error), 0, ""};
  lora_module *module = NULL;
  lora_session *session = NULL;
  CHECK(lora_runtime_api_version() == LORA_RUNTIME_API_VERSION);
  CHECK(lora_module_open("/nowhere", NULL, &module, &error) ==
        LORA_INVALID_FILE);
  CHECK(strstr(error.message, "/nowhere") != NULL);
  CHECK(lora_module_open(NULL, NULL, &module, NULL) == LORA_INVALID_ARGUMENT);
  CHECK(lora_module_open(path, NULL, &module, &error) == LORA_OK);

  lora_module_info info = {sizeof(info)};
  CHECK(lora_module_get_info(module, &info) == LORA_OK);
  CHECK(info.vocab_size == 11 && info.hidden_size == 6 && info.has_head);
  CHECK(info.head == LORA_HEAD_LANGUAGE_MODEL && info.outputs == 11);
  CHECK(info.pad_token_id == -1 && !info.is_bidirectional && !info.token_types);
  /* An older caller knows fewer members. */
  lora_module_info old = {offsetof(lora_module_info, vocab_size)};
  CHECK(lora_module_get_info(module, &old) == LORA_OK);
  CHECK(old.threads == info.threads && old.vocab_size == 0);

  lora_session_options options = {sizeof(options), 0, 9};
  CHECK(lora_session_create(module, &options, &session, &error) == LORA_OK);
  lora_module_close(module); /* The session keeps it. */
  CHECK(lora_session_row_size(session) == 11);

  int32_t ids[] = {3, 10, 0, 7, 7};
  float rows[5 * 11], row[11];
  CHECK(tokens == 5);
  CHECK(lora_session_feed(session, ids, 2, rows, &error) == LORA_OK);
  CHECK(lora_session_feed(session, ids + 2, 3, rows + 22, &error) == LORA_OK);
  CHECK(memcmp(rows, expected, sizeof(rows)) == 0);
  CHECK(lora_session_last(session, row, &error) == LORA_OK);
  CHECK(memcmp(row, expected + 44, sizeof(row)) == 0);
  CHECK(lora_session_position(session) == 5);

  int32_t next[3];
  size_t count = 0;
  CHECK(lora_session_generate(session, 3, 0, next, &count, &error) == LORA_OK);
  CHECK(count == 3);
  CHECK(lora_session_generate(session, 4, 0, next, &count, &error) ==
        LORA_INVALID_ARGUMENT);
  int32_t bad[] = {11};
  CHECK(lora_session_feed(session, bad, 1, NULL, &error) ==
        LORA_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "vocabulary") != NULL);

  lora_session_reset(session);
  float hidden[6];
  CHECK(lora_session_feed_hidden(session, ids, 1, hidden, &error) == LORA_OK);

  lora_memory_report memory = {sizeof(memory)};
  CHECK(lora_session_get_memory(session, &memory) == LORA_OK);
  CHECK(memory.states == 10 * 6 * 4 && memory.parameters == 11 * 6 * 4);

  /* Whole rows; what was fed is forgotten. */
  const int32_t *texts[] = {ids, ids};
  size_t lengths[] = {1, 5};
  lora_batch batch = {sizeof(batch), 0, 2, lengths, texts, NULL};
  float results[2][5 * 11];
  CHECK(lora_session_run(session, &batch, LORA_OUTPUT_LOGITS, results[0],
                         2 * 5 * 11 - 1, &error) == LORA_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "2 rows have 55 values each") != NULL);
  CHECK(lora_session_run(session, &batch, LORA_OUTPUT_LOGITS, results[0],
                         2 * 5 * 11, &error) == LORA_OK);
  CHECK(memcmp(results[0], expected, 11 * sizeof(float)) == 0);
  CHECK(results[0][11] == 0 && results[0][54] == 0);
  CHECK(memcmp(results[1], expected, sizeof(results[1])) == 0);
  CHECK(lora_session_position(session) == 0);
  CHECK(lora_session_context(session) == 9);
  batch.rows = 0;
  CHECK(lora_session_run(session, &batch, LORA_OUTPUT_LOGITS, results[0], 1,
                         &error) == LORA_INVALID_ARGUMENT);
  CHECK(lora_session_run(session, NULL, LORA_OUTPUT_LOGITS, results[0], 1,
                         &error) == LORA_INVALID_ARGUMENT);
  lora_session_destroy(session);
  lora_session_destroy(NULL);
  return 0;
}

int run_c_encoder_test(const char *path, const float *expected) {
  lora_error error = {sizeof(error), 0, ""};
  lora_module *module = NULL;
  lora_session *session = NULL;
  CHECK(lora_module_open(path, NULL, &module, &error) == LORA_OK);
  lora_module_info info = {sizeof(info)};
  CHECK(lora_module_get_info(module, &info) == LORA_OK);
  CHECK(info.is_bidirectional && info.token_types == 2 && info.outputs == 5);
  CHECK(info.head == LORA_HEAD_TOKEN_CLASSIFICATION);
  CHECK(lora_session_create(module, NULL, &session, &error) == LORA_OK);
  lora_module_close(module);
  CHECK(lora_session_context(session) == 8);

  const int32_t first[] = {3, 10}, second[] = {7, 9, 4};
  const int32_t first_types[] = {1, 0}, second_types[] = {0, 1, 1};
  const int32_t *ids[] = {first, second},
                *types[] = {first_types, second_types};
  const size_t lengths[] = {2, 3};
  lora_batch batch = {sizeof(batch), 0, 2, lengths, ids, types};
  float results[2 * 3 * 5];
  CHECK(lora_session_run(session, &batch, LORA_OUTPUT_LOGITS, results,
                         2 * 3 * 5, &error) == LORA_OK);
  CHECK(memcmp(results, expected, sizeof(results)) == 0);
  int32_t next;
  CHECK(lora_session_feed(session, first, 2, NULL, &error) == LORA_UNSUPPORTED);
  CHECK(lora_session_generate(session, 1, 0, &next, NULL, &error) ==
        LORA_UNSUPPORTED);
  CHECK(strstr(error.message, "token_classification") != NULL);
  lora_session_destroy(session);
  return 0;
}
