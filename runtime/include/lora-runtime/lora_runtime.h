/*===- lora_runtime.h - Running compiled models from any language ---------===*\
|*
|* An executable (`lora_module`) is a file that lora-compile made: code and
|* weights, which all its sessions share, and a tokenizer, unless the model has
|* none. A session is one sequence of tokens with its cache.
|*
|* Structures begin with struct_size, which the caller sets to sizeof. All
|* other members that the caller does not set must be zero:
|*
|*   lora_error error = {.struct_size = sizeof error};
|*
|* New members are only appended, and the library never accesses memory after a
|* structure. Functions are only added. So a program runs with any later
|* library of the same LORA_RUNTIME_API_VERSION. An earlier library refuses
|* members that it does not know, unless they are zero.
|*
|* Functions return LORA_OK or a status. If they fail and `error` is not NULL,
|* it says what happened and what to do. Nothing throws or ends the process.
|* After a failure, the results are undefined.
|*
|* Results whose size is known before a call go to a buffer of the caller. Other
|* results (texts, lists of ids) are allocated by the library: free them with
|* lora_free. They are NULL after a failure. Texts are UTF-8 and may contain
|* NUL, so they have a size in bytes; those of the library have a NUL after
|* their end as well. JSON and paths end with a NUL.
|*
|* Messages say how the command line names an option (--truncate, --context);
|* members of structures have the same names.
|*
|* Threads: functions may be called from any thread. A session or a structure
|* is used by one thread at a time. Several threads may open executables, and
|* may use sessions of one executable; calls of these run one after the other.
|* Several threads may use one executable's tokenizer at the same time. Sessions
|* of several executables run at the same time. The first executable that a
|* process opens sets GOMP_SPINCOUNT in the environment, unless OMP_WAIT_POLICY
|* or GOMP_SPINCOUNT is set. No other thread may read or change the environment
|* meanwhile.
|*
|* Executables and sessions that were opened before a fork also work in the
|* child process, with one exception: if another thread was in a call during
|* the fork, calls of that executable return LORA_UNSUPPORTED in the child;
|* open the file again. Do not fork while another thread tokenizes. Forks are
|* recognized after the first lora_module_open.
|*
|* The library installs no signal handlers. Weights are mapped from the file.
|* If the file becomes shorter meanwhile, the system sends SIGBUS. To replace a
|* file, use rename(2), which is safe.
|*
|* docs/runtime.md has a program that uses the library, and says how to build
|* it.
|*
\*===----------------------------------------------------------------------===*/

#ifndef LORA_RUNTIME_LORA_RUNTIME_H
#define LORA_RUNTIME_LORA_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LORA_API __attribute__((visibility("default")))
#else
#define LORA_API
#endif

/** Incremented when a function changes its meaning, but not for an addition. */
#define LORA_RUNTIME_API_VERSION 1u

/** The result of a call. */
typedef enum lora_status {
  LORA_OK = 0,
  /** The arguments or the order of calls are wrong. */
  LORA_INVALID_ARGUMENT = 1,
  /** The file is missing, damaged, or not a compiled model. */
  LORA_INVALID_FILE = 2,
  LORA_UNSUPPORTED = 3, /**< This CPU or this library does not support it. */
  /** The operating system or a library reported an error. */
  LORA_SYSTEM_ERROR = 4
} lora_status;

/** What logits are computed for. */
typedef enum lora_head {
  LORA_HEAD_NONE = 0, /**< Results are hidden states. */
  /** Logits of each token, over the vocabulary. */
  LORA_HEAD_LANGUAGE_MODEL = 1,
  /** Logits of one token of a row, over labels. */
  LORA_HEAD_SEQUENCE_CLASSIFICATION = 2,
  LORA_HEAD_TOKEN_CLASSIFICATION = 3 /**< Logits of each token, over labels. */
} lora_head;

/** An executable: a compiled file that was opened. */
typedef struct lora_module lora_module;
/** A sequence of tokens on an executable, with its cache. */
typedef struct lora_session lora_session;

/** The error message in UTF-8; truncated if it does not fit. */
typedef struct lora_error {
  uint32_t struct_size;
  int32_t status; /**< The lora_status of the call. */
  char message[1024];
} lora_error;

/** The options of lora_module_open. */
typedef struct lora_module_options {
  uint32_t struct_size;
  /** The number of threads; 0 for the number of cores that the process may use.
   */
  uint32_t threads;
  /** If not 0, compare the checksum of every weight. */
  uint32_t verify;
  uint32_t reserved; /**< Must be 0. */
  /** Called with warnings; if NULL, they go to standard error. `user` is passed
   *  to it. */
  void (*warn)(const char *text, void *user);
  void *user; /**< Passed to `warn`. */
} lora_module_options;

/** The facts of an executable, from lora_module_get_info. */
typedef struct lora_module_info {
  uint32_t struct_size;
  uint32_t threads; /**< The number of threads that calls use. */
  /** The next two are valid as long as the executable. */
  const char *family; /**< The model's family, for example "qwen3". */
  /** A text to print: library, instruction set, threads. */
  const char *engine;
  int64_t vocab_size;      /**< Token ids are at least 0 and less than this. */
  int64_t hidden_size;     /**< The values in a row of hidden states. */
  int64_t max_positions;   /**< The longest sequence that the model supports. */
  int64_t parameter_bytes; /**< The bytes of all parameters in the file. */
  uint32_t has_head;       /**< If 0, results are hidden states, not logits. */
  uint32_t reserved;
  uint32_t head; /**< A value of lora_head. */
  /** Not 0 for an encoder, and for a decoder in which tokens see all tokens of
   *  their row. */
  uint32_t is_bidirectional;
  int64_t outputs; /**< The values in a row of logits; 0 without a head. */
  /** The number of token types; 0 if the model has none. */
  int64_t token_types;
  int64_t pad_token_id; /**< An id, or -1 if the model has none. */
  /** All ids that end a sequence; valid as long as the executable. */
  const int32_t *eos_token_ids;
  size_t eos_token_count; /**< The number of eos_token_ids. */
  /** Not 0 if the file has a tokenizer, which all functions on texts need. */
  uint32_t has_text;
  uint32_t has_chat_template; /**< Not 0 if it takes conversations. */
  /** The values in a vector of lora_session_embed; 0 if it cannot be used. */
  int64_t embedding_width;
  /** The names of the outputs of a head for classification, or NULL; valid as
   *  long as the executable. */
  const char *const *labels;
  size_t label_count; /**< The number of labels. */
} lora_module_info;

/** The options of lora_session_create. */
typedef struct lora_session_options {
  uint32_t struct_size;
  uint32_t reserved;
  /** The number of tokens that the cache holds; 0 for the model's limit, but at
   *  most 4096. An encoder has no cache, and accepts only 0. */
  int64_t context;
} lora_session_options;

/** Rows of tokens without padding. They may have different lengths. */
typedef struct lora_batch {
  uint32_t struct_size;
  uint32_t reserved;
  size_t rows;               /**< The number of rows. */
  const size_t *lengths;     /**< The number of tokens in each row. */
  const int32_t *const *ids; /**< An array of ids for each row. */
  /** The types of the tokens, an array for each row; NULL if all are of type 0.
   */
  const int32_t *const *token_types;
} lora_batch;

/** Called with each token when it is generated. Returns 0 to end the
 *  continuation, and any other value to continue. `user` is passed to it. It
 *  may query the session (position, last, memory). Functions that change the
 *  session fail, and it must not destroy the session or throw. */
typedef int32_t (*lora_token_fn)(int32_t id, void *user);

/** The options of lora_session_generate_with. */
typedef struct lora_generate_options {
  uint32_t struct_size;
  /** If not 0, the continuation ends after an id of eos_token_ids. */
  uint32_t stop_at_eos;
  /** The most tokens; 0 for as many as the context holds. */
  size_t count;
  lora_token_fn token; /**< Called with each token. */
  void *user;          /**< Passed to `token`. */
} lora_generate_options;

/** The results of lora_session_run. */
typedef enum lora_output {
  /** Logits; hidden states if the model has no head. */
  LORA_OUTPUT_LOGITS = 0,
  LORA_OUTPUT_HIDDEN = 1, /**< The final hidden states. */
  /** The output of the pooler: one row of hidden_size values for each row of
   *  the batch. Only an encoder without a head may have it. */
  LORA_OUTPUT_POOLED = 2
} lora_output;

/** Sizes in bytes. They are known before the first token. */
typedef struct lora_memory_report {
  uint32_t struct_size;
  uint32_t reserved;
  /** Mapped from the file, and shared between processes. */
  uint64_t parameters;
  uint64_t repacked;  /**< Weights whose layout was changed for this machine. */
  uint64_t states;    /**< The KV cache. */
  uint64_t workspace; /**< Intermediate results of calls. */
} lora_memory_report;

/** Called with each piece of a new text: whole characters, with a NUL after
 *  them. Returns 0 to end the text, and any other value to continue. `user` is
 *  passed to it. It may query the session's position and memory, and use the
 *  executable. Other functions of the session fail, and it must not destroy the
 *  session or throw. */
typedef int32_t (*lora_piece_fn)(const char *piece, size_t size, void *user);

/** Called before each part of a prompt is read: `done` of `total` tokens are.
 *  Returns 0 to end the call. What holds for lora_piece_fn holds for it, too.
 */
typedef int32_t (*lora_progress_fn)(size_t done, size_t total, void *user);

/** The options of lora_session_generate_text. Exactly one of `prompt`,
 *  `conversation` and `prompt_ids` is set. */
typedef struct lora_text_options {
  uint32_t struct_size;
  /** If not 0, tokens are proposed from the text so far, and several are
   *  verified in one call. The text is the same. */
  uint32_t lookup;
  /** If not 0, a prompt that does not fit the context loses its beginning. */
  uint32_t truncate;
  /** If not 0, the result is a JSON object, as with --json. */
  uint32_t json;
  const char *prompt; /**< The text to continue. */
  size_t prompt_size; /**< Its size in bytes. */
  /** JSON: an object with "messages", as for lora_module_render. By default,
   *  the template adds what begins an answer. */
  const char *conversation;
  const int32_t *prompt_ids; /**< The tokens to continue. */
  size_t prompt_id_count;    /**< The number of prompt_ids. */
  /** JSON: an object with the keys of a line of --input ("max_tokens", "stop",
   *  "temperature", ...), or NULL. What it does not have is the model's
   *  default. */
  const char *generation;
  lora_piece_fn piece;       /**< Called with each piece, or NULL. */
  lora_progress_fn progress; /**< Called while the prompt is read, or NULL. */
  void *user;                /**< Passed to both. */
} lora_text_options;

/** Why a text ended. */
typedef enum lora_finish {
  LORA_FINISH_STOP = 0, /**< The end of the sequence, or a stop text. */
  /** As many tokens as permitted, or the context is full. */
  LORA_FINISH_LENGTH = 1,
  LORA_FINISH_STOPPED = 2 /**< A callback returned 0. */
} lora_finish;

/** How a text was generated, from lora_session_generate_text. */
typedef struct lora_text_result {
  uint32_t struct_size;
  uint32_t finish;      /**< A value of lora_finish. */
  size_t prompt_tokens; /**< The tokens of the prompt. */
  size_t reused_tokens; /**< Those that the session had already. */
  /** The new tokens, with the end of the sequence. */
  size_t new_tokens;
  size_t proposed_tokens; /**< Those that lookup proposed. */
  size_t accepted_tokens; /**< Those of them that were right. */
} lora_text_result;

/** Texts for lora_session_embed and the functions after it. */
typedef struct lora_texts {
  uint32_t struct_size;
  /** If not 0, too long texts are cut, as transformers cuts them. */
  uint32_t truncate;
  size_t count;             /**< The number of texts. */
  const char *const *texts; /**< The texts. */
  const size_t *sizes; /**< Their sizes; NULL if each one ends with a NUL. */
  /** The second texts of pairs; NULL if there are none. An element may be NULL.
   */
  const char *const *pairs;
  const size_t *pair_sizes; /**< Their sizes; NULL if they end with a NUL. */
  /** For lora_session_embed: the name of the prompt that is put before each
   *  text; NULL for the model's default. */
  const char *prompt;
} lora_texts;

/** The LORA_RUNTIME_API_VERSION of the library. */
LORA_API uint32_t lora_runtime_api_version(void);

/** Frees a result that the library allocated. NULL is permitted. */
LORA_API void lora_free(void *result);

/** Opens a compiled file. `options` may be NULL. */
LORA_API lora_status lora_module_open(const char *path,
                                      const lora_module_options *options,
                                      lora_module **module, lora_error *error);

/** The same for a file in memory, for instance one that the program contains or
 *  has mapped. `bytes` must begin at a multiple of 64. It must not be changed
 *  or freed before the executable and all its sessions are destroyed. */
LORA_API lora_status lora_module_open_memory(const void *bytes, size_t size,
                                             const lora_module_options *options,
                                             lora_module **module,
                                             lora_error *error);

/** The same for a file that is open for reading. It is read from its beginning,
 *  whatever its file position is. The caller keeps the descriptor, and may
 *  close it. */
LORA_API lora_status lora_module_open_fd(int fd,
                                         const lora_module_options *options,
                                         lora_module **module,
                                         lora_error *error);

/** Ends the caller's use of an executable. Sessions keep it alive. NULL is
 *  permitted. */
LORA_API void lora_module_close(lora_module *module);

/** Fills `info`; its struct_size must be set. */
LORA_API lora_status lora_module_get_info(const lora_module *module,
                                          lora_module_info *info);

/** The ids of a text. If add_special is not 0, the tokenizer adds its special
 *  tokens, as for a text that begins a sequence. Free *ids. */
LORA_API lora_status lora_module_tokenize(const lora_module *module,
                                          const char *text, size_t size,
                                          int32_t add_special, int32_t **ids,
                                          size_t *count, lora_error *error);

/** The text of ids; without special tokens if skip_special is not 0. Free
 *  *text. `size` may be NULL. */
LORA_API lora_status lora_module_detokenize(const lora_module *module,
                                            const int32_t *ids, size_t count,
                                            int32_t skip_special, char **text,
                                            size_t *size, lora_error *error);

/** What the model's chat template makes of a conversation, as transformers'
 *  apply_chat_template. `conversation` is JSON: an object with "messages", and
 *  optionally "tools", "documents", "add_generation_prompt" and other variables
 *  of the template. Free *text. `size` may be NULL. */
LORA_API lora_status lora_module_render(const lora_module *module,
                                        const char *conversation, char **text,
                                        size_t *size, lora_error *error);

/** Starts an empty sequence. `options` may be NULL. */
LORA_API lora_status lora_session_create(lora_module *module,
                                         const lora_session_options *options,
                                         lora_session **session,
                                         lora_error *error);

/** Frees a session and its cache. NULL is permitted. */
LORA_API void lora_session_destroy(lora_session *session);

/** Removes tokens: the session is then in the state in which it was after
 *  the first `tokens` tokens (0 up to its position). The cache keeps these.
 *  Only if rotary frequencies depend on the length of a call may a part be
 *  computed again. */
LORA_API lora_status lora_session_rewind(lora_session *session, int64_t tokens,
                                         lora_error *error);

/** Removes all tokens. */
LORA_API void lora_session_reset(lora_session *session);

/** The number of tokens fed so far. */
LORA_API int64_t lora_session_position(const lora_session *session);

/** The number of f32 values in a row of results: `outputs`, or hidden_size if
 * the model has no head. */
LORA_API int64_t lora_session_row_size(const lora_session *session);

/** The most tokens in a row: the size of the cache, or the longest row for
 *  which an encoder was compiled. */
LORA_API int64_t lora_session_context(const lora_session *session);

/** Runs rows, each from its beginning, and discards what was fed. `results` is
 *  a buffer of `capacity` values. It gets [rows, longest row, row_size or
 *  hidden_size] values, with zeros after shorter rows. For logits of sequence
 *  classification it gets [rows, outputs], and for LORA_OUTPUT_POOLED [rows,
 *  hidden_size]. Every model supports this; an encoder supports only this. */
LORA_API lora_status lora_session_run(lora_session *session,
                                      const lora_batch *batch,
                                      lora_output output, float *results,
                                      size_t capacity, lora_error *error);

/** Feeds tokens. `rows` is NULL, or a buffer for count * row_size values: the
 *  logits after each token. After an error the session is as if the tokens had
 *  not been fed. */
LORA_API lora_status lora_session_feed(lora_session *session,
                                       const int32_t *ids, size_t count,
                                       float *rows, lora_error *error);

/** The same, but `rows` gets the final hidden states, count * hidden_size. */
LORA_API lora_status lora_session_feed_hidden(lora_session *session,
                                              const int32_t *ids, size_t count,
                                              float *rows, lora_error *error);

/** The logits after the last token fed: row_size values. */
LORA_API lora_status lora_session_last(lora_session *session, float *row,
                                       lora_error *error);

/** Continues with the most likely tokens: `count` ids, or fewer if stop_at_eos
 *  is not 0 and the model ends the sequence. *generated is set to their number.
 *  A token is fed when the next one is computed, so the last one is not fed
 *  yet. To continue after it, feed it first. */
LORA_API lora_status lora_session_generate(lora_session *session, size_t count,
                                           int32_t stop_at_eos, int32_t *ids,
                                           size_t *generated,
                                           lora_error *error);

/** The same with options; options->token is called with each token when it is
 *  generated. If `generated` is not NULL, *generated is set to the number of
 *  these calls, also after a failure. */
LORA_API lora_status lora_session_generate_with(
    lora_session *session, const lora_generate_options *options,
    size_t *generated, lora_error *error);

/** Continues a text, or answers a conversation. The session keeps what it was
 *  fed, if that is the beginning of the prompt; the rest is removed. So the
 *  next turn of a conversation only reads what is new. `result` and `text` may
 *  be NULL. *text is the whole new text (free it), and *size its size; `size`
 *  may be NULL. */
LORA_API lora_status lora_session_generate_text(
    lora_session *session, const lora_text_options *options,
    lora_text_result *result, char **text, size_t *size, lora_error *error);

/** Vectors of texts, as sentence-transformers makes them. `vectors` is a buffer
 *  of `capacity` values; it gets [count, embedding_width]. Tokens that were fed
 *  are discarded. */
LORA_API lora_status lora_session_embed(lora_session *session,
                                        const lora_texts *texts, float *vectors,
                                        size_t capacity, lora_error *error);

/** Classes of texts, by a head for sequence classification. `scores` is a
 *  buffer of `capacity` values; it gets [count, label_count]: probabilities, or
 *  for a regression the values. Tokens that were fed are discarded. */
LORA_API lora_status lora_session_classify(lora_session *session,
                                           const lora_texts *texts,
                                           float *scores, size_t capacity,
                                           lora_error *error);

/** For each masked place of a text, the `top` most probable tokens, by a masked
 *  language model. *json is a list with an object for each text, as --fill-mask
 *  prints it: [{"masks": [[{"id", "token", "score", "text"}, ...], ...]}, ...].
 *  Free it. `size` may be NULL. */
LORA_API lora_status lora_session_fill_mask(lora_session *session,
                                            const lora_texts *texts, size_t top,
                                            char **json, size_t *size,
                                            lora_error *error);

/** The tokens of texts with their labels, by a head for token classification.
 *  If group is not 0, tokens in a row with one label are one tag. Tokens with
 *  the label O are left out, unless keep_outside is not 0. *json is a list with
 *  an object for each text, as --tag prints it: [{"tags": [{"label", "score",
 *  "word", "start", "end"}, ...]}, ...]. Free it. `size` may be NULL. */
LORA_API lora_status lora_session_tag(lora_session *session,
                                      const lora_texts *texts, int32_t group,
                                      int32_t keep_outside, char **json,
                                      size_t *size, lora_error *error);

/** Writes the tokens that were fed and their cache to a file. */
LORA_API lora_status lora_session_save(lora_session *session, const char *path,
                                       lora_error *error);

/** Replaces what was fed by the contents of a file that lora_session_save wrote
 *  for the same model and adapter. After a failure, the session is empty. */
LORA_API lora_status lora_session_load(lora_session *session, const char *path,
                                       lora_error *error);

/** Fills `report`; its struct_size must be set. */
LORA_API lora_status lora_session_get_memory(const lora_session *session,
                                             lora_memory_report *report);

#ifdef __cplusplus
}
#endif

#endif /* LORA_RUNTIME_LORA_RUNTIME_H */
