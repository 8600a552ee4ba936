/*===- CTextTest.c - Texts through the C interface, from C ----------------===*\
|*
|* Compiled as C99 with warnings as errors. The tiny models have a tokenizer of
|* eleven words here: "w0" to "w9", and "[S]", id 10, which it puts before each
|* text by itself.
|*
\*===----------------------------------------------------------------------===*/

#include "CApiTest.h"
#include "CChecks.h"

#include "lora-runtime/lora_runtime.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SIZE(lora_text_options, 88);
MEMBER(lora_text_options, json, 12);
MEMBER(lora_text_options, conversation, 32);
MEMBER(lora_text_options, generation, 56);
MEMBER(lora_text_options, piece, 64);
MEMBER(lora_text_options, user, 80);
SIZE(lora_text_result, 48);
MEMBER(lora_text_result, finish, 4);
MEMBER(lora_text_result, new_tokens, 24);
SIZE(lora_texts, 56);
MEMBER(lora_texts, count, 8);
MEMBER(lora_texts, pairs, 32);
MEMBER(lora_texts, prompt, 48);

/** A call that fails with a status, and says something. */
#define REFUSED(CALL, STATUS, PART)                                            \
  do {                                                                         \
    error.message[0] = '\0';                                                   \
    CHECK((CALL) == (STATUS));                                                 \
    CHECK(strstr(error.message, PART) != NULL);                                \
  } while (0)

/* What the model says to "w3 w1" if no token may occur twice. The end of the
   sequence, "w2", follows. */
static const char *const answer = "w6 w9 w5 w8 w4 w0";
static const char *const varied = "{\"no_repeat_ngram\": 1}";

static int has_text(const char *text, size_t size, const char *expected) {
  return text && size == strlen(expected) && strcmp(text, expected) == 0;
}

int run_c_tokenize_test(const char *path) {
  lora_error error = {.struct_size = sizeof(error)};
  lora_module *module = NULL;
  CHECK(lora_module_open(path, NULL, &module, &error) == LORA_OK);
  lora_module_info info = {.struct_size = sizeof(info)};
  CHECK(lora_module_get_info(module, &info) == LORA_OK);
  CHECK(info.has_text && info.has_chat_template && info.embedding_width == 6);
  CHECK(info.labels == NULL && info.label_count == 0);

  int32_t *ids = NULL;
  size_t count = 77, size = 77;
  CHECK(lora_module_tokenize(module, "w3 w7 w5", 8, 1, &ids, &count, &error) ==
        LORA_OK);
  const int32_t all[] = {10, 3, 7, 5};
  CHECK(count == 4 && memcmp(ids, all, sizeof(all)) == 0);

  char *text = NULL;
  CHECK(lora_module_detokenize(module, ids, 4, 0, &text, &size, &error) ==
        LORA_OK);
  CHECK(has_text(text, size, "[S] w3 w7 w5"));
  lora_free(text);
  CHECK(lora_module_detokenize(module, ids, 4, 1, &text, NULL, &error) ==
        LORA_OK);
  CHECK(strcmp(text, "w3 w7 w5") == 0);
  lora_free(text);
  lora_free(ids);

  /* Only `size` bytes are read, and a NUL is one of them. */
  CHECK(lora_module_tokenize(module, "w3 w7 w5", 5, 0, &ids, &count, &error) ==
        LORA_OK);
  CHECK(count == 2 && ids[0] == 3 && ids[1] == 7);
  lora_free(ids);
  CHECK(lora_module_tokenize(module, "w3 w7\0 w5", 9, 0, &ids, &count,
                             &error) == LORA_OK);
  CHECK(count == 3 && ids[0] == 3 && ids[1] == 0 && ids[2] == 5);
  lora_free(ids);
  /* Nothing is a result, too. */
  CHECK(lora_module_tokenize(module, "", 0, 0, &ids, &count, &error) ==
        LORA_OK);
  CHECK(ids != NULL && count == 0);
  lora_free(ids);
  CHECK(lora_module_detokenize(module, NULL, 0, 0, &text, &size, &error) ==
        LORA_OK);
  CHECK(has_text(text, size, ""));
  lora_free(text);
  lora_free(NULL);

  const char *conversation =
      "{\"messages\": [{\"role\": \"user\", \"content\": \"w3\"}], "
      "\"add_generation_prompt\": true}";
  CHECK(lora_module_render(module, conversation, &text, &size, &error) ==
        LORA_OK);
  CHECK(has_text(text, size, "w3 w1"));
  lora_free(text);

  const int32_t bad[] = {3, 11}, negative[] = {-1};
  text = (char *)path;
  REFUSED(lora_module_detokenize(module, bad, 2, 0, &text, &size, &error),
          LORA_INVALID_ARGUMENT,
          "the id 11 is not one of the model, whose "
          "ids are 0 to 10");
  CHECK(text == NULL);
  REFUSED(lora_module_detokenize(module, negative, 1, 0, &text, &size, &error),
          LORA_INVALID_ARGUMENT, "the id -1 is not one");
  REFUSED(lora_module_detokenize(module, NULL, 1, 0, &text, &size, &error),
          LORA_INVALID_ARGUMENT, "ids is NULL");
  REFUSED(lora_module_detokenize(module, bad, 1, 0, NULL, &size, &error),
          LORA_INVALID_ARGUMENT, "text is NULL");
  REFUSED(lora_module_tokenize(module, NULL, 0, 0, &ids, &count, &error),
          LORA_INVALID_ARGUMENT, "text is NULL");
  CHECK(ids == NULL && count == 0);
  REFUSED(lora_module_tokenize(module, "w3", 2, 0, NULL, &count, &error),
          LORA_INVALID_ARGUMENT, "ids is NULL");
  REFUSED(lora_module_tokenize(module, "w3", 2, 0, &ids, NULL, &error),
          LORA_INVALID_ARGUMENT, "count is NULL");
  REFUSED(lora_module_tokenize(NULL, "w3", 2, 0, &ids, &count, &error),
          LORA_INVALID_ARGUMENT, "module is NULL");
  REFUSED(lora_module_render(module, "{\"messages\": [}", &text, &size, &error),
          LORA_INVALID_ARGUMENT, "the conversation: not valid JSON");
  CHECK(text == NULL);
  REFUSED(lora_module_render(module, NULL, &text, &size, &error),
          LORA_INVALID_ARGUMENT, "conversation is NULL");
  REFUSED(lora_module_render(NULL, conversation, &text, &size, &error),
          LORA_INVALID_ARGUMENT, "module is NULL");
  lora_module_close(module);
  return 0;
}

/** The data of the callbacks: what they get, and the results of their calls. */
struct stream {
  lora_module *module;
  lora_session *session;
  char text[64];
  size_t size;
  int pieces, refusals, answers;
  int stop_at; /* the number of pieces after which it stops */
  size_t done, total;
  int reads, read_at_most;
};

static int32_t take_piece(const char *piece, size_t size, void *user) {
  struct stream *stream = user;
  lora_error error = {.struct_size = sizeof(error)};
  float row[11];
  int32_t id = 3, *ids = NULL;
  size_t count;
  if (strlen(piece) != size || stream->size + size >= sizeof(stream->text))
    return 0;
  memcpy(stream->text + stream->size, piece, size + 1);
  stream->size += size;
  /* The session is in use, but the executable is not. */
  lora_text_options options = {
      .struct_size = sizeof(options), .prompt = "w3", .prompt_size = 2};
  stream->refusals +=
      lora_session_feed(stream->session, &id, 1, NULL, &error) ==
          LORA_INVALID_ARGUMENT &&
      strstr(error.message, "is generating") != NULL &&
      lora_session_last(stream->session, row, NULL) == LORA_INVALID_ARGUMENT &&
      lora_session_generate_text(stream->session, &options, NULL, NULL, NULL,
                                 NULL) == LORA_INVALID_ARGUMENT &&
      lora_session_save(stream->session, "/nowhere", NULL) ==
          LORA_INVALID_ARGUMENT &&
      lora_session_load(stream->session, "/nowhere", NULL) ==
          LORA_INVALID_ARGUMENT &&
      lora_session_embed(stream->session, NULL, row, 11, NULL) ==
          LORA_INVALID_ARGUMENT;
  lora_session_reset(stream->session); /* It must have no effect. */
  stream->answers += lora_session_position(stream->session) > 0 &&
                     lora_module_tokenize(stream->module, piece, size, 0, &ids,
                                          &count, NULL) == LORA_OK &&
                     count == 1;
  lora_free(ids);
  return ++stream->pieces != stream->stop_at;
}

static int32_t take_progress(size_t done, size_t total, void *user) {
  struct stream *stream = user;
  stream->done = done;
  stream->total = total;
  return ++stream->reads <= stream->read_at_most;
}

int run_c_generate_text_test(const char *path, const char *state) {
  lora_error error = {.struct_size = sizeof(error)};
  lora_module *module = NULL;
  lora_session *session = NULL, *other = NULL;
  char *text = NULL;
  size_t size = 0;
  CHECK(lora_module_open(path, NULL, &module, &error) == LORA_OK);
  CHECK(lora_session_create(module, NULL, &session, &error) == LORA_OK);

  struct stream stream = {
      .module = module, .session = session, .read_at_most = 9};
  lora_text_options options = {.struct_size = sizeof(options),
                               .prompt = "w3 w1 w8",
                               .prompt_size = 5,
                               .generation = varied,
                               .piece = take_piece,
                               .progress = take_progress,
                               .user = &stream};
  lora_text_result result = {.struct_size = sizeof(result)};
  CHECK(lora_session_generate_text(session, &options, &result, &text, &size,
                                   &error) == LORA_OK);
  CHECK(has_text(text, size, answer));
  CHECK(has_text(stream.text, stream.size, answer));
  CHECK(stream.pieces == 6 && stream.refusals == 6 && stream.answers == 6);
  CHECK(result.finish == LORA_FINISH_STOP && result.prompt_tokens == 3);
  CHECK(result.new_tokens == 7 && result.reused_tokens == 0);
  CHECK(stream.reads == 1 && stream.done == 0 && stream.total == 3);
  lora_free(text);
  /* All but the end of the sequence was fed. */
  CHECK(lora_session_position(session) == 9);

  /* The next turn begins with what was fed; and the session outlives the
     caller's executable. */
  stream.module = NULL;
  lora_module_close(module);
  stream.size = 0;
  stream.pieces = stream.answers = 0;
  options.prompt = "w3 w1 w6 w9 w5";
  options.prompt_size = strlen(options.prompt);
  CHECK(lora_session_generate_text(session, &options, &result, NULL, NULL,
                                   &error) == LORA_OK);
  CHECK(strcmp(stream.text, "w8 w4 w0") == 0 && stream.answers == 0);
  CHECK(result.prompt_tokens == 6 && result.reused_tokens == 6);

  /* The session in a file, and the same prompt as ids. */
  CHECK(lora_session_save(session, state, &error) == LORA_OK);
  CHECK(lora_module_open(path, NULL, &module, &error) == LORA_OK);
  CHECK(lora_session_create(module, NULL, &other, &error) == LORA_OK);
  CHECK(lora_session_load(other, state, &error) == LORA_OK);
  CHECK(lora_session_position(other) == 9);
  const int32_t ids[] = {10, 3, 1, 6, 9, 5};
  lora_text_options by_ids = {.struct_size = sizeof(by_ids),
                              .json = 1,
                              .prompt_ids = ids,
                              .prompt_id_count = 6,
                              .generation = varied};
  CHECK(lora_session_generate_text(other, &by_ids, &result, &text, NULL,
                                   &error) == LORA_OK);
  CHECK(strcmp(text, "{\"text\":\"w8 w4 w0\",\"ids\":[8,4,0,2],\"prompt_"
                     "tokens\":6,\"finish_reason\":\"stop\"}") == 0);
  CHECK(result.reused_tokens == 6 && result.new_tokens == 4);
  lora_free(text);

  /* A conversation: the template says "w3 w1", and adds no "[S]". */
  lora_text_options talk = {
      .struct_size = sizeof(talk),
      .conversation =
          "{\"messages\": [{\"role\": \"user\", \"content\": \"w3\"}]}",
      .generation = "{\"no_repeat_ngram\": 1, \"max_tokens\": 3}"};
  CHECK(lora_session_generate_text(other, &talk, &result, &text, &size,
                                   &error) == LORA_OK);
  CHECK(has_text(text, size, "w6 w0")); /* Between them is a "[S]". */
  CHECK(result.prompt_tokens == 2 && result.new_tokens == 3);
  CHECK(result.finish == LORA_FINISH_LENGTH);
  lora_free(text);
  lora_session_destroy(other);

  /* Options of the generation, and a callback that wants no more. */
  options.prompt = "w3 w1";
  options.prompt_size = 5;
  options.generation = "{\"no_repeat_ngram\": 1, \"stop\": [\" w5\"]}";
  CHECK(lora_session_generate_text(session, &options, &result, &text, &size,
                                   &error) == LORA_OK);
  CHECK(has_text(text, size, "w6 w9") && result.finish == LORA_FINISH_STOP);
  lora_free(text);
  options.generation = varied;
  stream.pieces = 0;
  stream.stop_at = 4;
  CHECK(lora_session_generate_text(session, &options, &result, &text, &size,
                                   &error) == LORA_OK);
  CHECK(has_text(text, size, "w6 w9 w5 w8"));
  CHECK(result.finish == LORA_FINISH_STOPPED && result.new_tokens == 4);
  lora_free(text);

  /* The prompt is not read to its end. */
  stream.reads = 0;
  stream.read_at_most = 1;
  options.prompt = "w3 w1 w2 w2 w2 w2 w2 w2 w2";
  options.prompt_size = strlen(options.prompt);
  CHECK(lora_session_generate_text(session, &options, &result, &text, &size,
                                   &error) == LORA_OK);
  CHECK(has_text(text, size, "") && result.finish == LORA_FINISH_STOPPED);
  CHECK(result.prompt_tokens == 10 && result.new_tokens == 0);
  CHECK(stream.reads == 2 && stream.done > 3 && stream.total == 10);
  CHECK(lora_session_position(session) == 3);
  lora_free(text);
  /* The callbacks of a call are not called by others. */
  int32_t id = 4;
  CHECK(lora_session_feed(session, &id, 1, NULL, &error) == LORA_OK);
  CHECK(stream.reads == 2);

  /* Lookup gives the same text. */
  lora_text_options repeated = {.struct_size = sizeof(repeated),
                                .lookup = 1,
                                .prompt = "w6 w6 w6 w6",
                                .prompt_size = 11,
                                .generation = "{\"max_tokens\": 5}"};
  CHECK(lora_session_generate_text(session, &repeated, &result, &text, &size,
                                   &error) == LORA_OK);
  CHECK(has_text(text, size, "w6 w6 w6 w6 w6"));
  CHECK(result.proposed_tokens > 0 && result.accepted_tokens > 0);
  lora_free(text);
  lora_session_destroy(session);
  lora_module_close(module);
  return 0;
}

int run_c_text_errors_test(const char *path, const char *other_file) {
  lora_error error = {.struct_size = sizeof(error)};
  lora_module *module = NULL;
  lora_session *session = NULL;
  lora_session_options small = {.struct_size = sizeof(small), .context = 9};
  char *text = (char *)path;
  size_t size = 0;
  lora_text_options options = {.struct_size = sizeof(options),
                               .prompt = "w3 w1",
                               .prompt_size = 5,
                               .generation = varied};
  CHECK(lora_module_open(path, NULL, &module, &error) == LORA_OK);
  CHECK(lora_session_create(module, &small, &session, &error) == LORA_OK);
#define GENERATE(STATUS, PART)                                                 \
  REFUSED(lora_session_generate_text(session, &options, NULL, &text, &size,    \
                                     &error),                                  \
          STATUS, PART);                                                       \
  CHECK(text == NULL)
  options.generation = "{\"max_token\": 1}";
  GENERATE(LORA_INVALID_ARGUMENT, "generation: unknown key 'max_token': did "
                                  "you mean 'max_tokens'?");
  options.generation = "{\"max_tokens\": \"1\"}";
  GENERATE(LORA_INVALID_ARGUMENT, "generation: expected a whole number");
  options.generation = "{\"temperature\": -1}";
  GENERATE(LORA_INVALID_ARGUMENT, "temperature");
  options.generation = "{";
  GENERATE(LORA_INVALID_ARGUMENT, "generation: not valid JSON");
  options.generation = NULL;
  options.conversation = "{\"messages\": []}";
  GENERATE(LORA_INVALID_ARGUMENT,
           "set exactly one of prompt, conversation and prompt_ids");
  options.prompt = NULL;
  options.conversation = NULL;
  GENERATE(LORA_INVALID_ARGUMENT,
           "set exactly one of prompt, conversation and prompt_ids");
  options.conversation = "[";
  GENERATE(LORA_INVALID_ARGUMENT, "the conversation: not valid JSON");
  options.conversation = "[]";
  GENERATE(LORA_INVALID_ARGUMENT, "the conversation: ");
  options.conversation = NULL;
  const int32_t ids[] = {3, 11};
  options.prompt_ids = ids;
  GENERATE(LORA_INVALID_ARGUMENT, "the prompt is empty");
  options.prompt_id_count = 2;
  GENERATE(LORA_INVALID_ARGUMENT, "token id 11 is outside the vocabulary");
  options.prompt_ids = NULL;

  options.prompt = "w1 w2 w3 w4 w5 w6 w7 w8 w9";
  options.prompt_size = strlen(options.prompt);
  GENERATE(LORA_INVALID_ARGUMENT,
           "the prompt has 10 tokens, but the context holds 9");
  options.truncate = 1;
  options.generation = "{\"max_tokens\": 3, \"no_repeat_ngram\": 1}";
  lora_text_result result = {.struct_size = sizeof(result)};
  CHECK(lora_session_generate_text(session, &options, &result, &text, &size,
                                   &error) == LORA_OK);
  CHECK(result.prompt_tokens == 7);
  lora_free(text);

  /* Structures of other versions, and none. */
  lora_text_result old = {.struct_size =
                              offsetof(lora_text_result, reused_tokens)};
  old.reused_tokens = 77;
  CHECK(lora_session_generate_text(session, &options, &old, NULL, NULL,
                                   &error) == LORA_OK);
  CHECK(old.prompt_tokens == 7 && old.reused_tokens == 77);
  old.struct_size = 0;
  REFUSED(
      lora_session_generate_text(session, &options, &old, NULL, NULL, &error),
      LORA_INVALID_ARGUMENT,
      "lora_text_result: struct_size is 0; set it to "
      "sizeof(lora_text_result)");
  options.struct_size = 0;
  GENERATE(LORA_INVALID_ARGUMENT, "lora_text_options: struct_size is 0");
  REFUSED(lora_session_generate_text(session, NULL, NULL, &text, &size, &error),
          LORA_INVALID_ARGUMENT, "options is NULL");
  REFUSED(
      lora_session_generate_text(NULL, &options, NULL, &text, &size, &error),
      LORA_INVALID_ARGUMENT, "session is NULL");

  /* Files of other things. */
  REFUSED(lora_session_load(session, other_file, &error), LORA_INVALID_FILE,
          other_file);
  CHECK(lora_session_position(session) == 0);
  REFUSED(lora_session_load(session, NULL, &error), LORA_INVALID_ARGUMENT,
          "path is NULL");
  REFUSED(lora_session_save(session, other_file, &error), LORA_INVALID_ARGUMENT,
          "no token was fed");
  REFUSED(lora_session_save(session, NULL, &error), LORA_INVALID_ARGUMENT,
          "path is NULL");
  REFUSED(lora_session_save(NULL, other_file, &error), LORA_INVALID_ARGUMENT,
          "session is NULL");

  /* A causal model classifies no texts, but makes vectors. */
  const char *texts[] = {"w3 w1"};
  lora_texts one = {.struct_size = sizeof(one), .count = 1, .texts = texts};
  float values[6];
  REFUSED(lora_session_classify(session, &one, values, 6, &error),
          LORA_UNSUPPORTED, "has no head for sequence classification");
  CHECK(lora_session_embed(session, &one, values, 6, &error) == LORA_OK);
  lora_session_destroy(session);
  lora_module_close(module);
  return 0;
#undef GENERATE
}

int run_c_no_text_test(const char *path) {
  lora_error error = {.struct_size = sizeof(error)};
  lora_module *module = NULL;
  lora_session *session = NULL;
  lora_module_info info = {.struct_size = sizeof(info)};
  lora_text_options options = {
      .struct_size = sizeof(options), .prompt = "w3", .prompt_size = 2};
  const char *texts[] = {"w3"};
  lora_texts one = {.struct_size = sizeof(one), .count = 1, .texts = texts};
  const int32_t id = 3;
  int32_t *ids = NULL;
  char *text = NULL;
  size_t count = 0;
  float values[6];
  CHECK(lora_module_open(path, NULL, &module, &error) == LORA_OK);
  CHECK(lora_module_get_info(module, &info) == LORA_OK);
  CHECK(!info.has_text && !info.has_chat_template && !info.embedding_width);
  CHECK(info.labels == NULL && info.label_count == 0);
  CHECK(lora_session_create(module, NULL, &session, &error) == LORA_OK);
#define NO_TEXT(CALL)                                                          \
  REFUSED(CALL, LORA_UNSUPPORTED, path);                                       \
  CHECK(strstr(error.message, "has no tokenizer") != NULL)
  NO_TEXT(lora_module_tokenize(module, "w3", 2, 0, &ids, &count, &error));
  NO_TEXT(lora_module_detokenize(module, &id, 1, 0, &text, &count, &error));
  NO_TEXT(lora_module_render(module, "{}", &text, &count, &error));
  NO_TEXT(lora_session_generate_text(session, &options, NULL, &text, &count,
                                     &error));
  NO_TEXT(lora_session_embed(session, &one, values, 6, &error));
  NO_TEXT(lora_session_classify(session, &one, values, 6, &error));
  NO_TEXT(lora_session_fill_mask(session, &one, 1, &text, NULL, &error));
  NO_TEXT(lora_session_tag(session, &one, 0, 0, &text, NULL, &error));
#undef NO_TEXT
  lora_session_destroy(session);
  lora_module_close(module);
  return 0;
}

int run_c_text_encoder_test(const char *path, const float *vectors,
                            const float *scores) {
  lora_error error = {.struct_size = sizeof(error)};
  lora_module *module = NULL;
  lora_session *session = NULL;
  lora_module_info info = {.struct_size = sizeof(info)};
  CHECK(lora_module_open(path, NULL, &module, &error) == LORA_OK);
  CHECK(lora_module_get_info(module, &info) == LORA_OK);
  CHECK(info.has_text && !info.has_chat_template && info.embedding_width == 12);
  CHECK(info.label_count == 5 && strcmp(info.labels[0], "good") == 0);
  CHECK(strcmp(info.labels[4], "odd") == 0);
  CHECK(lora_session_create(module, NULL, &session, &error) == LORA_OK);
  lora_module_close(module);

  /* The second text has a pair, and is cut. */
  const char *texts[] = {"w3", "w7 w9 w4 w8 w5 w1 w6"}, *pairs[] = {NULL, "w2"};
  lora_texts both = {.struct_size = sizeof(both),
                     .truncate = 1,
                     .count = 2,
                     .texts = texts,
                     .pairs = pairs};
  float results[24];
  CHECK(lora_session_embed(session, &both, results, 24, &error) == LORA_OK);
  CHECK(memcmp(results, vectors, sizeof(results)) == 0);
  CHECK(lora_session_classify(session, &both, results, 10, &error) == LORA_OK);
  CHECK(memcmp(results, scores, 10 * sizeof(float)) == 0);
  /* Texts with sizes. */
  const char *longer[] = {"w3 w4", "w7 w9 w4 w8 w5 w1 w6"},
             *pair[] = {"w4", "w2"};
  const size_t sizes[] = {2, 20}, pair_sizes[] = {0, 2};
  both.texts = longer;
  both.sizes = sizes;
  both.pairs = pair;
  both.pair_sizes = pair_sizes;
  CHECK(lora_session_classify(session, &both, results, 10, &error) == LORA_OK);
  CHECK(memcmp(results + 5, scores + 5, 5 * sizeof(float)) == 0);
  pair[0] = NULL;
  CHECK(lora_session_classify(session, &both, results, 10, &error) == LORA_OK);
  CHECK(memcmp(results, scores, 10 * sizeof(float)) == 0);
  both.count = 0;
  CHECK(lora_session_embed(session, &both, NULL, 0, &error) == LORA_OK);
  both.count = 2;

  REFUSED(lora_session_embed(session, &both, results, 23, &error),
          LORA_INVALID_ARGUMENT,
          "2 texts have 12 values each, but there is "
          "space for 23");
  REFUSED(lora_session_classify(session, &both, results, 9, &error),
          LORA_INVALID_ARGUMENT,
          "2 texts have 5 values each, but there is "
          "space for 9");
  REFUSED(lora_session_embed(session, &both, NULL, 24, &error),
          LORA_INVALID_ARGUMENT, "the buffer is NULL");
  REFUSED(lora_session_classify(session, NULL, results, 10, &error),
          LORA_INVALID_ARGUMENT, "texts is NULL");
  both.truncate = 0;
  REFUSED(lora_session_embed(session, &both, results, 24, &error),
          LORA_INVALID_ARGUMENT,
          "text 2 of 2: the text has 9 tokens, but the "
          "model takes at most 8");
  both.prompt = "query";
  REFUSED(lora_session_embed(session, &both, results, 24, &error),
          LORA_INVALID_ARGUMENT, "the model has no prompt 'query'");
  REFUSED(lora_session_classify(session, &both, results, 10, &error),
          LORA_INVALID_ARGUMENT, "prompt is for lora_session_embed");
  longer[1] = NULL;
  REFUSED(lora_session_embed(session, &both, results, 24, &error),
          LORA_INVALID_ARGUMENT, "text 2 of 2 is NULL");
  both.texts = NULL;
  REFUSED(lora_session_embed(session, &both, results, 24, &error),
          LORA_INVALID_ARGUMENT, "the list of texts is NULL");
  both.struct_size = 3;
  REFUSED(lora_session_embed(session, &both, results, 24, &error),
          LORA_INVALID_ARGUMENT, "lora_texts: struct_size is 3");

  lora_text_options options = {
      .struct_size = sizeof(options), .prompt = "w3", .prompt_size = 2};
  char *text = NULL;
  REFUSED(
      lora_session_generate_text(session, &options, NULL, &text, NULL, &error),
      LORA_UNSUPPORTED, "is no causal language model");
  REFUSED(lora_session_save(session, "/nowhere", &error), LORA_INVALID_ARGUMENT,
          "there is nothing to save");
  lora_session_destroy(session);
  return 0;
}

int run_c_masks_test(const char *path, const char *expected) {
  lora_error error = {.struct_size = sizeof(error)};
  lora_module *module = NULL;
  lora_session *session = NULL;
  const char *texts[] = {"w3 w9 w4", "w9 w9"};
  lora_texts both = {.struct_size = sizeof(both), .count = 2, .texts = texts};
  char *json = NULL;
  size_t size = 0;
  CHECK(lora_module_open(path, NULL, &module, &error) == LORA_OK);
  CHECK(lora_session_create(module, NULL, &session, &error) == LORA_OK);
  lora_module_close(module);
  CHECK(lora_session_fill_mask(session, &both, 2, &json, &size, &error) ==
        LORA_OK);
  CHECK(has_text(json, size, expected));
  lora_free(json);
  REFUSED(lora_session_fill_mask(session, &both, 12, &json, &size, &error),
          LORA_INVALID_ARGUMENT, "expected 1 to 11 tokens for a masked place");
  CHECK(json == NULL);
  texts[1] = "w3";
  REFUSED(lora_session_fill_mask(session, &both, 2, &json, NULL, &error),
          LORA_INVALID_ARGUMENT, "text 2 of 2: the text has no w9");
  REFUSED(lora_session_fill_mask(session, &both, 2, NULL, NULL, &error),
          LORA_INVALID_ARGUMENT, "json is NULL");
  REFUSED(lora_session_fill_mask(session, NULL, 2, &json, NULL, &error),
          LORA_INVALID_ARGUMENT, "texts is NULL");
  REFUSED(lora_session_tag(session, &both, 0, 0, &json, NULL, &error),
          LORA_UNSUPPORTED, "has no head for token classification");
  lora_session_destroy(session);
  return 0;
}

int run_c_tags_test(const char *path, const char *expected,
                    const char *grouped) {
  lora_error error = {.struct_size = sizeof(error)};
  lora_module *module = NULL;
  lora_session *session = NULL;
  const char *texts[] = {"\xc3\xa9 w9", "w4 w1 w4"};
  lora_texts both = {.struct_size = sizeof(both), .count = 2, .texts = texts};
  char *json = NULL;
  size_t size = 0;
  CHECK(lora_module_open(path, NULL, &module, &error) == LORA_OK);
  CHECK(lora_session_create(module, NULL, &session, &error) == LORA_OK);
  lora_module_close(module);
  CHECK(lora_session_tag(session, &both, 0, 1, &json, NULL, &error) == LORA_OK);
  CHECK(strcmp(json, expected) == 0);
  lora_free(json);
  CHECK(lora_session_tag(session, &both, 1, 0, &json, &size, &error) ==
        LORA_OK);
  CHECK(has_text(json, size, grouped));
  lora_free(json);
  both.count = 0;
  CHECK(lora_session_tag(session, &both, 1, 0, &json, &size, &error) ==
        LORA_OK);
  CHECK(has_text(json, size, "[]"));
  lora_free(json);
  both.prompt = "query";
  REFUSED(lora_session_tag(session, &both, 1, 0, &json, NULL, &error),
          LORA_INVALID_ARGUMENT, "prompt is for lora_session_embed");
  CHECK(json == NULL);
  REFUSED(lora_session_tag(session, &both, 1, 0, NULL, NULL, &error),
          LORA_INVALID_ARGUMENT, "json is NULL");
  REFUSED(lora_session_fill_mask(session, &both, 2, &json, NULL, &error),
          LORA_INVALID_ARGUMENT, "prompt is for lora_session_embed");
  lora_session_destroy(session);
  return 0;
}
