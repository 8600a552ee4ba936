/* Runs a compiled model:
 *
 *   embed MODEL TEXT          on a text
 *   embed MODEL COUNT ID...   on token ids, which needs no tokenizer
 *
 * A model that continues texts prints the new text piece by piece; or COUNT
 * tokens, each when it is generated, and after a rewind to the prompt the first
 * one again. A classifier prints the scores of a text, and any other model its
 * vector; for ids, both print their first row of results.
 */
#include <lora-runtime/lora_runtime.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Called with each piece of a new text. Returns 0 to end it. */
static int32_t print_piece(const char *piece, size_t size, void *user) {
  (void)user;
  return fwrite(piece, 1, size, stdout) == size && fflush(stdout) == 0;
}

static lora_status continue_text(lora_session *session, const char *text,
                                 lora_error *error) {
  lora_text_options options = {.struct_size = sizeof options,
                               .prompt = text,
                               .prompt_size = strlen(text),
                               .generation = "{\"max_tokens\": 64}",
                               .piece = print_piece};
  lora_text_result result = {.struct_size = sizeof result};
  lora_status status =
      lora_session_generate_text(session, &options, &result, NULL, NULL, error);
  if (status == LORA_OK) {
    printf("\n");
    fprintf(stderr, "%d tokens of the prompt, %d new ones\n",
            (int)result.prompt_tokens, (int)result.new_tokens);
  }
  return status;
}

/* The classes of a text, or its vector. */
static lora_status describe_text(lora_session *session,
                                 const lora_module_info *info, const char *text,
                                 lora_error *error) {
  lora_texts texts = {.struct_size = sizeof texts, .count = 1, .texts = &text};
  int classifies = info->head == LORA_HEAD_SEQUENCE_CLASSIFICATION;
  size_t size = classifies ? info->label_count : (size_t)info->embedding_width;
  float *values = calloc(size + 1, sizeof *values);
  lora_status status = LORA_SYSTEM_ERROR;
  size_t i;
  if (values)
    status = classifies
                 ? lora_session_classify(session, &texts, values, size, error)
                 : lora_session_embed(session, &texts, values, size, error);
  for (i = 0; status == LORA_OK && i < size; ++i)
    if (classifies)
      printf("%s %.6f\n", info->labels[i], values[i]);
    else
      printf("%.9g%s", values[i], i + 1 < size ? "," : "\n");
  free(values);
  return status;
}

/* Called with each token. Returns 0 to end the continuation. */
static int32_t print_token(int32_t id, void *user) {
  int *printed = user;
  printf("%s%d", (*printed)++ ? "," : "", (int)id);
  return fflush(stdout) == 0;
}

static lora_status continue_ids(lora_session *session, const int32_t *ids,
                                size_t length, size_t count,
                                lora_error *error) {
  int printed = 0;
  lora_generate_options options = {.struct_size = sizeof options,
                                   .count = count,
                                   .token = print_token,
                                   .user = &printed};
  int32_t first;
  size_t got;
  lora_status status;
  if ((status = lora_session_feed(session, ids, length, NULL, error)) ||
      (status = lora_session_generate_with(session, &options, NULL, error)))
    return status;
  printf("\n");
  /* Back to the prompt; another turn could begin here. */
  if ((status = lora_session_rewind(session, (int64_t)length, error)) ||
      (status = lora_session_generate(session, 1, 0, &first, &got, error)))
    return status;
  fprintf(stderr, "first token: %d\n", (int)first);
  return LORA_OK;
}

static lora_status print_results(lora_session *session, const int32_t *ids,
                                 size_t length, lora_error *error) {
  lora_batch batch = {
      .struct_size = sizeof batch, .rows = 1, .lengths = &length, .ids = &ids};
  size_t width = (size_t)lora_session_row_size(session), i;
  float *results = calloc(length * width, sizeof *results);
  lora_status status = LORA_SYSTEM_ERROR;
  if (results)
    status = lora_session_run(session, &batch, LORA_OUTPUT_LOGITS, results,
                              length * width, error);
  for (i = 0; status == LORA_OK && i < width; ++i)
    printf("%s%.9g", i ? "," : "", results[i]);
  if (status == LORA_OK)
    printf("\n");
  free(results);
  return status;
}

int main(int argc, char **argv) {
  lora_error error = {.struct_size = sizeof error};
  lora_module_info info = {.struct_size = sizeof info};
  lora_module *module = NULL;
  lora_session *session = NULL;
  size_t length = argc > 3 ? (size_t)argc - 3 : 0, i;
  int32_t *ids = calloc(length + 1, sizeof *ids);
  lora_status status;
  if (argc < 3 || !ids) {
    fprintf(stderr, "usage: %s MODEL TEXT, or %s MODEL COUNT ID...\n", argv[0],
            argv[0]);
    free(ids);
    return EXIT_FAILURE;
  }
  for (i = 0; i < length; ++i)
    ids[i] = (int32_t)strtol(argv[i + 3], NULL, 10);

  if ((status = lora_module_open(argv[1], NULL, &module, &error)) == LORA_OK &&
      (status = lora_module_get_info(module, &info)) == LORA_OK &&
      (status = lora_session_create(module, NULL, &session, &error)) ==
          LORA_OK) {
    int continues =
        info.head == LORA_HEAD_LANGUAGE_MODEL && !info.is_bidirectional;
    fprintf(stderr, "%s: %s, %d outputs", argv[1], info.family,
            (int)info.outputs);
    for (i = 0; i < info.eos_token_count; ++i)
      fprintf(stderr, ", %d ends a sequence", (int)info.eos_token_ids[i]);
    fprintf(stderr, "\n");
    if (argc == 3)
      status = continues ? continue_text(session, argv[2], &error)
                         : describe_text(session, &info, argv[2], &error);
    else if (continues)
      status = continue_ids(session, ids, length, strtoul(argv[2], NULL, 10),
                            &error);
    else
      status = print_results(session, ids, length, &error);
  }
  if (status != LORA_OK)
    fprintf(stderr, "%s: %s\n", argv[0], error.message);
  lora_session_destroy(session);
  lora_module_close(module);
  free(ids);
  return status == LORA_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
