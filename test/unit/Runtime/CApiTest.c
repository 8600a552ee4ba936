/*===- CApiTest.c - The C interface as a C program sees it ----------------===*\
|*
|* Compiled as C99 with warnings as errors. Checks the layout of structures that
|* existing programs were compiled with: members may only be added at the end.
|*
\*===----------------------------------------------------------------------===*/

#define _POSIX_C_SOURCE 200112L

#include "CApiTest.h"
#include "CChecks.h"

#include "lora-runtime/backend.h"
#include "lora-runtime/compiled_code.h"
#include "lora-runtime/lora_runtime.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

SIZE(lora_error, 1032);
SIZE(lora_module_options, 32);
MEMBER(lora_module_options, verify, 8);
MEMBER(lora_module_options, warn, 16);
SIZE(lora_module_info, 144);
MEMBER(lora_module_info, family, 8);
MEMBER(lora_module_info, parameter_bytes, 48);
MEMBER(lora_module_info, head, 64);
MEMBER(lora_module_info, pad_token_id, 88);
MEMBER(lora_module_info, eos_token_ids, 96);
MEMBER(lora_module_info, has_text, 112);
MEMBER(lora_module_info, embedding_width, 120);
MEMBER(lora_module_info, label_count, 136);
SIZE(lora_session_options, 16);
SIZE(lora_batch, 40);
MEMBER(lora_batch, token_types, 32);
SIZE(lora_memory_report, 40);
MEMBER(lora_memory_report, workspace, 32);
SIZE(lora_generate_options, 32);
MEMBER(lora_generate_options, count, 8);
MEMBER(lora_generate_options, token, 16);

int run_c_api_test(const char *path, const float *expected, size_t tokens) {
  lora_error error = {.struct_size = sizeof(error)};
  lora_module *module = NULL;
  lora_session *session = NULL;
  CHECK(lora_runtime_api_version() == LORA_RUNTIME_API_VERSION);
  CHECK(lora_module_open("/nowhere", NULL, &module, &error) ==
        LORA_INVALID_FILE);
  CHECK(strstr(error.message, "/nowhere") != NULL);
  CHECK(lora_module_open(NULL, NULL, &module, NULL) == LORA_INVALID_ARGUMENT);
  CHECK(lora_module_open(path, NULL, &module, &error) == LORA_OK);

  lora_module_info info = {.struct_size = sizeof(info)};
  CHECK(lora_module_get_info(module, &info) == LORA_OK);
  CHECK(info.vocab_size == 11 && info.hidden_size == 6 && info.has_head);
  CHECK(info.head == LORA_HEAD_LANGUAGE_MODEL && info.outputs == 11);
  CHECK(info.pad_token_id == -1 && !info.is_bidirectional && !info.token_types);
  CHECK(info.eos_token_count == 2);
  CHECK(info.eos_token_ids[0] == 2 && info.eos_token_ids[1] == 7);
  /* A caller of an older version has fewer members. */
  lora_module_info old = {.struct_size =
                              offsetof(lora_module_info, vocab_size)};
  CHECK(lora_module_get_info(module, &old) == LORA_OK);
  CHECK(old.threads == info.threads && old.vocab_size == 0);
  CHECK(old.eos_token_ids == NULL);

  lora_session_options options = {sizeof(options), 0, 9};
  CHECK(lora_session_create(module, &options, &session, &error) == LORA_OK);
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
  /* No sequence has these sizes; some are negative as int64_t. The arrays must
     not be read to these sizes. */
  const size_t many[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 2 + 1,
                         (size_t)1 << 40};
  for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); ++i) {
    count = 77;
    CHECK(lora_session_generate(session, many[i], 0, next, &count, &error) ==
          LORA_INVALID_ARGUMENT);
    CHECK(count == 0 && strstr(error.message, "do not fit") != NULL);
    CHECK(lora_session_feed(session, ids, many[i], NULL, &error) ==
          LORA_INVALID_ARGUMENT);
    const int32_t *text = ids;
    lora_batch large = {sizeof(large), 0, 1, &many[i], &text, NULL};
    CHECK(lora_session_run(session, &large, LORA_OUTPUT_LOGITS, rows, SIZE_MAX,
                           &error) == LORA_INVALID_ARGUMENT);
    lora_session_options vast = {sizeof(vast), 0, (int64_t)many[i]};
    lora_session *none = NULL;
    CHECK(lora_session_create(module, &vast, &none, &error) ==
          LORA_INVALID_ARGUMENT);
  }
  lora_module_options crowd = {.struct_size = sizeof(crowd),
                               .threads = UINT32_MAX};
  lora_module *other = NULL;
  CHECK(lora_module_open(path, &crowd, &other, &error) ==
        LORA_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "threads") != NULL);
  lora_module_close(module); /* The session keeps the model open. */
  int32_t bad[] = {11};
  CHECK(lora_session_feed(session, bad, 1, NULL, &error) ==
        LORA_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "vocabulary") != NULL);

  lora_session_reset(session);
  float hidden[6];
  CHECK(lora_session_feed_hidden(session, ids, 1, hidden, &error) == LORA_OK);

  lora_memory_report memory = {.struct_size = sizeof(memory)};
  CHECK(lora_session_get_memory(session, &memory) == LORA_OK);
  CHECK(memory.states == 10 * 6 * 4 && memory.parameters == 11 * 6 * 4);

  /* run computes whole rows, and discards the tokens that were fed. */
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
  CHECK(lora_session_run(session, &batch, LORA_OUTPUT_POOLED, results[0],
                         2 * 5 * 11, &error) == LORA_UNSUPPORTED);
  CHECK(strstr(error.message, "has no output of a pooler") != NULL);
  CHECK(lora_session_run(session, &batch, (lora_output)3, results[0],
                         2 * 5 * 11, &error) == LORA_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "expected a lora_output, but got 3") != NULL);
  CHECK(lora_session_position(session) == 0);
  CHECK(lora_session_context(session) == 9);
  lengths[1] = (size_t)-1;
  CHECK(lora_session_run(session, &batch, LORA_OUTPUT_LOGITS, results[0], 110,
                         &error) == LORA_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "row 2 of 2") != NULL);
  batch.rows = 0;
  CHECK(lora_session_run(session, &batch, LORA_OUTPUT_LOGITS, results[0], 1,
                         &error) == LORA_INVALID_ARGUMENT);
  CHECK(lora_session_run(session, NULL, LORA_OUTPUT_LOGITS, results[0], 1,
                         &error) == LORA_INVALID_ARGUMENT);
  lora_session_destroy(session);
  lora_session_destroy(NULL);
  return 0;
}

/** The data of the callback: what it gets, and the results of its calls. */
struct stream {
  lora_session *session;
  int32_t ids[9];
  size_t count;
  size_t stop_at; /* the number of tokens after which it stops */
  int refusals;
};

static int32_t take_token(int32_t id, void *user) {
  struct stream *stream = user;
  lora_error error = {.struct_size = sizeof(error)};
  size_t count;
  stream->ids[stream->count++] = id;
  /* The session is in use. */
  stream->refusals +=
      lora_session_feed(stream->session, &id, 1, NULL, &error) ==
          LORA_INVALID_ARGUMENT &&
      strstr(error.message, "is generating") != NULL &&
      lora_session_rewind(stream->session, 0, NULL) == LORA_INVALID_ARGUMENT &&
      lora_session_generate(stream->session, 1, 0, &id, &count, NULL) ==
          LORA_INVALID_ARGUMENT;
  lora_session_reset(stream->session); /* It must have no effect. */
  return stream->count != stream->stop_at;
}

int run_c_generate_test(const char *path, const int32_t *expected) {
  const int32_t ids[] = {3, 10, 0, 7, 7};
  lora_error error = {.struct_size = sizeof(error)};
  lora_module *module = NULL;
  lora_session *session = NULL;
  lora_session_options small = {.struct_size = sizeof(small), .context = 9};
  float before[11], after[11];
  size_t count = 7;
  CHECK(lora_module_open(path, NULL, &module, &error) == LORA_OK);
  CHECK(lora_session_create(module, &small, &session, &error) == LORA_OK);
  CHECK(lora_session_feed(session, ids, 5, NULL, &error) == LORA_OK);
  CHECK(lora_session_last(session, before, &error) == LORA_OK);

  struct stream stream = {.session = session, .stop_at = 2};
  lora_generate_options options = {
      .struct_size = sizeof(options), .token = take_token, .user = &stream};
  CHECK(lora_session_generate_with(session, &options, &count, &error) ==
        LORA_OK);
  CHECK(count == 2 && stream.count == 2 && stream.refusals == 2);
  CHECK(memcmp(stream.ids, expected, 2 * sizeof(int32_t)) == 0);
  /* The last token was not fed. */
  CHECK(lora_session_position(session) == 6);

  /* After a rewind, the same tokens are generated, up to the context limit. */
  CHECK(lora_session_rewind(session, 5, &error) == LORA_OK);
  CHECK(lora_session_position(session) == 5);
  CHECK(lora_session_last(session, after, &error) == LORA_OK);
  CHECK(memcmp(before, after, sizeof(after)) == 0);
  stream.count = stream.stop_at = 0;
  CHECK(lora_session_generate_with(session, &options, NULL, &error) == LORA_OK);
  CHECK(stream.count == 5 && lora_session_position(session) == 9);
  CHECK(memcmp(stream.ids, expected, 5 * sizeof(int32_t)) == 0);

  /* The continuation ends at an end of sequence, or after a number. */
  CHECK(lora_session_rewind(session, 5, &error) == LORA_OK);
  stream.count = 0;
  options.stop_at_eos = 1;
  CHECK(lora_session_generate_with(session, &options, &count, &error) ==
        LORA_OK);
  CHECK(count == 1 && stream.ids[0] == 7);
  options.stop_at_eos = 0;
  options.count = 4;
  stream.count = 0;
  CHECK(lora_session_generate_with(session, &options, &count, &error) ==
        LORA_OK);
  CHECK(count == 4);
  options.count = 6;
  CHECK(lora_session_generate_with(session, &options, &count, &error) ==
        LORA_INVALID_ARGUMENT);
  CHECK(count == 0 && strstr(error.message, "do not fit the context") != NULL);

  CHECK(lora_session_rewind(session, 9, &error) == LORA_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "cannot go back to 9 tokens: the session was "
                              "fed 8") != NULL);
  CHECK(lora_session_rewind(session, -1, &error) == LORA_INVALID_ARGUMENT);
  options.token = NULL;
  CHECK(lora_session_generate_with(session, &options, &count, &error) ==
        LORA_INVALID_ARGUMENT);
  CHECK(lora_session_generate_with(session, NULL, &count, &error) ==
        LORA_INVALID_ARGUMENT);
  lora_session_destroy(session);
  lora_module_close(module);
  return 0;
}

/** Feeds two tokens; returns whether their logits are `expected`. */
static int computes(lora_module *module, const float *expected) {
  const int32_t ids[] = {3, 10};
  float rows[2 * 11];
  lora_session *session = NULL;
  int is_equal = lora_session_create(module, NULL, &session, NULL) == LORA_OK &&
                 lora_session_feed(session, ids, 2, rows, NULL) == LORA_OK &&
                 memcmp(rows, expected, sizeof(rows)) == 0;
  lora_session_destroy(session);
  return is_equal;
}

int run_c_open_test(const char *path, const float *expected) {
  lora_error error = {.struct_size = sizeof(error)};
  lora_module *module = NULL;
  void *bytes = NULL;
  long size;
  int fd;
  FILE *file = fopen(path, "rb");
  CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0);
  size = ftell(file);
  CHECK(size > 0 && posix_memalign(&bytes, 64, (size_t)size + 64) == 0);
  rewind(file);
  CHECK(fread((char *)bytes + 1, 1, (size_t)size, file) == (size_t)size);
  CHECK(lora_module_open_memory((char *)bytes + 1, (size_t)size, NULL, &module,
                                &error) == LORA_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "begins at a multiple of 64") != NULL);
  memmove(bytes, (char *)bytes + 1, (size_t)size);
  CHECK(lora_module_open_memory(bytes, (size_t)size, NULL, &module, &error) ==
        LORA_OK);
  CHECK(computes(module, expected));
  lora_module_close(module);
  CHECK(lora_module_open_memory(bytes, (size_t)size / 2, NULL, &module,
                                &error) == LORA_INVALID_FILE);
  CHECK(strstr(error.message, "the model in memory: ") == error.message);
  CHECK(lora_module_open_memory(bytes, 0, NULL, &module, &error) ==
        LORA_INVALID_FILE);
  CHECK(lora_module_open_memory(NULL, 9, NULL, &module, &error) ==
        LORA_INVALID_ARGUMENT);
  free(bytes);

  /* An unlinked file, whose descriptor is not at the start. */
  fd = open(path, O_RDONLY);
  CHECK(fd >= 0 && unlink(path) == 0 && lseek(fd, 100, SEEK_SET) == 100);
  CHECK(lora_module_open_fd(fd, NULL, &module, &error) == LORA_OK);
  CHECK(close(fd) == 0);
  CHECK(computes(module, expected));
  lora_module_close(module);
  CHECK(lora_module_open_fd(fd, NULL, &module, &error) ==
        LORA_INVALID_ARGUMENT);
  CHECK(lora_module_open_fd(-1, NULL, &module, &error) ==
        LORA_INVALID_ARGUMENT);
  fclose(file);
  return 0;
}

int run_c_options_test(const char *path) {
  /* A later version has more members after the options of this one. */
  struct {
    lora_module_options options;
    uint64_t later;
  } larger = {{.struct_size = sizeof(larger)}, 0};
  lora_error error = {.struct_size = sizeof(error)};
  lora_module *module = NULL;
  lora_session *session = NULL;
  lora_module_options none = {.threads = 1};
  lora_module_options first = {.struct_size = 8, .threads = 1, .verify = 1};
  lora_session_options session_options = {.context = 4};
  CHECK(lora_module_open(path, &none, &module, &error) ==
        LORA_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "lora_module_options: struct_size is 0; set it "
                              "to sizeof(lora_module_options)") != NULL);
  CHECK(lora_module_open(path, &first, &module, &error) == LORA_OK);
  CHECK(lora_session_create(module, &session_options, &session, &error) ==
        LORA_INVALID_ARGUMENT);
  session_options.struct_size = UINT32_MAX;
  CHECK(lora_session_create(module, &session_options, &session, &error) ==
        LORA_INVALID_ARGUMENT);
  lora_module_close(module);
  CHECK(lora_module_open(path, &larger.options, &module, &error) == LORA_OK);
  lora_module_close(module);
  larger.later = 1;
  CHECK(lora_module_open(path, &larger.options, &module, &error) ==
        LORA_UNSUPPORTED);
  CHECK(strstr(error.message, "which this version of liblora_runtime does not "
                              "know") != NULL);
  return 0;
}

int run_c_encoder_test(const char *path, const float *expected) {
  lora_error error = {.struct_size = sizeof(error)};
  lora_module *module = NULL;
  lora_session *session = NULL;
  CHECK(lora_module_open(path, NULL, &module, &error) == LORA_OK);
  lora_module_info info = {.struct_size = sizeof(info)};
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
  CHECK(lora_session_rewind(session, 1, &error) == LORA_INVALID_ARGUMENT);
  CHECK(lora_session_rewind(session, 0, &error) == LORA_OK);
  lora_session_destroy(session);
  return 0;
}
