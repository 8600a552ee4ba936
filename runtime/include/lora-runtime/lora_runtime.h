/*===- lora_runtime.h - Running compiled models from any language ---------===*\
|*
|* An executable (`lora_module`) is a file that lora-compile made: code and
|* weights, shared by all
|* sessions on it. A session is one sequence of tokens with its cache.
|*
|* Structures start with struct_size, which the caller sets to sizeof; what else
|* it does not set is zero:
|*
|*   lora_error error = {.struct_size = sizeof error};
|*
|* Members are only ever appended, and the library never touches what lies
|* behind. Functions are only ever added. So a program runs with any later
|* library of the same LORA_RUNTIME_API_VERSION; an earlier one refuses members
|* that it does not know, unless they are zero.
|*
|* Functions return LORA_OK or a status; then `error`, if it is not NULL, says
|* in words what happened and what helps. Nothing throws or ends the process.
|* A call that fails leaves nothing in its results that is of use.
|*
|* Threads: functions may be called from any thread. A session, and a structure,
|* is used by one thread at a time. Several threads may open executables, and
|* may
|* use sessions of one executable, whose calls then take turns; sessions of
several
|* executables run at once. The first executable that a process opens sets
|* GOMP_SPINCOUNT in the environment, unless OMP_WAIT_POLICY or GOMP_SPINCOUNT
|* is set: no other thread may read or change the environment meanwhile.
|*
|* Executables and sessions that were opened before a fork work in the child, as
|* well. The exception: if another thread was in a call at the fork, its
executable
|* is refused there with LORA_UNSUPPORTED; open the file again. Forks are
|* noticed from the first lora_module_open on.
|*
|* The library installs no signal handlers. Weights are mapped from the file: if
|* it becomes shorter meanwhile, the system sends SIGBUS. Replace files by
|* rename(2), which does no harm.
|*
|* docs/runtime.md has a program that uses it, and how to build that.
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

/** Raised when a function changes its meaning; never for an addition. */
#define LORA_RUNTIME_API_VERSION 1u

typedef enum lora_status {
  LORA_OK = 0,
  LORA_INVALID_ARGUMENT = 1, /**< the call does not make sense */
  LORA_INVALID_FILE = 2,     /**< missing, damaged, or not a compiled model */
  LORA_UNSUPPORTED = 3,      /**< this CPU or this library cannot do it */
  LORA_SYSTEM_ERROR = 4      /**< the operating system or a library refused */
} lora_status;

/** What logits are computed for. */
typedef enum lora_head {
  LORA_HEAD_NONE = 0,                    /**< results are hidden states */
  LORA_HEAD_LANGUAGE_MODEL = 1,          /**< each token, over the vocabulary */
  LORA_HEAD_SEQUENCE_CLASSIFICATION = 2, /**< one token of a row, over labels */
  LORA_HEAD_TOKEN_CLASSIFICATION = 3     /**< each token, over labels */
} lora_head;

typedef struct lora_module lora_module;
typedef struct lora_session lora_session;

/** What went wrong, as UTF-8; cut off if it does not fit. */
typedef struct lora_error {
  uint32_t struct_size;
  int32_t status;
  char message[1024];
} lora_error;

typedef struct lora_module_options {
  uint32_t struct_size;
  /** 0: as many as the process may use cores. */
  uint32_t threads;
  /** Not 0: compare the checksum of every weight. */
  uint32_t verify;
  uint32_t reserved;
  /** Gets warnings; NULL: standard error. `user` is passed through. */
  void (*warn)(const char *text, void *user);
  void *user;
} lora_module_options;

typedef struct lora_module_info {
  uint32_t struct_size;
  uint32_t threads;
  /** The next two live as long as the executable. */
  const char *family; /**< "qwen3" */
  const char *engine; /**< for people: library, instruction set, threads */
  int64_t vocab_size;
  int64_t hidden_size;
  int64_t max_positions;
  int64_t parameter_bytes;
  uint32_t has_head; /**< 0: results are hidden states, not logits */
  uint32_t reserved;
  uint32_t head; /**< a lora_head */
  /** Not 0: an encoder, or a decoder that works like one: tokens see all
   *  tokens of their row. */
  uint32_t is_bidirectional;
  int64_t outputs;      /**< values in a row of logits; 0 without a head */
  int64_t token_types;  /**< kinds of tokens; 0: the model knows none */
  int64_t pad_token_id; /**< an id, or -1 */
  /** Ids that end a sequence, all of them; they live as long as the executable.
   */
  const int32_t *eos_token_ids;
  size_t eos_token_count;
} lora_module_info;

typedef struct lora_session_options {
  uint32_t struct_size;
  uint32_t reserved;
  /** Tokens that the cache holds; 0: the model's limit, but at most 4096. An
   *  encoder has no cache and takes only 0. */
  int64_t context;
} lora_session_options;

/** Rows of tokens, without padding; they may differ in length. */
typedef struct lora_batch {
  uint32_t struct_size;
  uint32_t reserved;
  size_t rows;
  const size_t *lengths;     /**< tokens of each row */
  const int32_t *const *ids; /**< an array for each row */
  /** The kinds of the tokens, an array for each row; NULL: all of kind 0. */
  const int32_t *const *token_types;
} lora_batch;

/** Gets each token as it comes. 0 ends the continuation; anything else lets it
 *  go on. `user` is passed through. It may look at the session (position, last,
 *  memory); functions that change the session refuse, and it must not destroy
 *  the session, nor throw. */
typedef int32_t (*lora_token_fn)(int32_t id, void *user);

typedef struct lora_generate_options {
  uint32_t struct_size;
  /** Not 0: an id of eos_token_ids is the last one. */
  uint32_t stop_at_eos;
  /** Tokens at most; 0: as many as the context holds. */
  size_t count;
  lora_token_fn token;
  void *user;
} lora_generate_options;

typedef enum lora_output {
  LORA_OUTPUT_LOGITS = 0, /**< hidden states if the model has no head */
  LORA_OUTPUT_HIDDEN = 1  /**< final hidden states */
} lora_output;

/** Bytes; known before the first token. */
typedef struct lora_memory_report {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t parameters; /**< mapped from the file, shared between processes */
  uint64_t repacked;   /**< weights whose layout this machine wants otherwise */
  uint64_t states;     /**< cache */
  uint64_t workspace;
} lora_memory_report;

/** LORA_RUNTIME_API_VERSION of the library. */
LORA_API uint32_t lora_runtime_api_version(void);

/** Opens a compiled file. `options` may be NULL. */
LORA_API lora_status lora_module_open(const char *path,
                                      const lora_module_options *options,
                                      lora_module **module, lora_error *error);

/** The same from memory, for instance of a file that the program carries or
 *  has mapped. `bytes` begins at a multiple of 64, and is neither changed nor
 *  freed before the executable and all its sessions are gone. */
LORA_API lora_status lora_module_open_memory(const void *bytes, size_t size,
                                             const lora_module_options *options,
                                             lora_module **module,
                                             lora_error *error);

/** The same of a file that is open for reading, from its beginning wherever it
 *  was read to. The caller keeps the descriptor and may close it. */
LORA_API lora_status lora_module_open_fd(int fd,
                                         const lora_module_options *options,
                                         lora_module **module,
                                         lora_error *error);

/** Ends the caller's use of an executable; sessions keep it alive. NULL is
 * fine. */
LORA_API void lora_module_close(lora_module *module);

/** Fills `info`, whose struct_size is set. */
LORA_API lora_status lora_module_get_info(const lora_module *module,
                                          lora_module_info *info);

/** Starts an empty sequence. `options` may be NULL. */
LORA_API lora_status lora_session_create(lora_module *module,
                                         const lora_session_options *options,
                                         lora_session **session,
                                         lora_error *error);

LORA_API void lora_session_destroy(lora_session *session);

/** Takes tokens back: the session is then as if the first `tokens` were all
 *  that it was fed (0 up to its position). The cache keeps them; only of a
 *  model whose rotary frequencies depend on the length of a call may a part be
 *  computed again. */
LORA_API lora_status lora_session_rewind(lora_session *session, int64_t tokens,
                                         lora_error *error);

/** Forgets all tokens. */
LORA_API void lora_session_reset(lora_session *session);

/** The number of tokens fed so far. */
LORA_API int64_t lora_session_position(const lora_session *session);

/** The number of f32 values in a row of results: `outputs`, or hidden_size if
 * the model has no head. */
LORA_API int64_t lora_session_row_size(const lora_session *session);

/** The longest row in tokens: what the cache holds, or what an encoder was
 *  compiled for. */
LORA_API int64_t lora_session_context(const lora_session *session);

/** Runs rows, each from its beginning, and forgets what was fed. `results` has
 *  room for `room` values and gets [rows, longest row, row_size or hidden_size]
 *  of them, with zeros behind shorter rows; for logits of a classification of
 *  sequences [rows, outputs]. Any model does this; an encoder does only this.
 */
LORA_API lora_status lora_session_run(lora_session *session,
                                      const lora_batch *batch,
                                      lora_output output, float *results,
                                      size_t room, lora_error *error);

/** Feeds tokens. `rows` is NULL, or has room for count * row_size values: the
 *  logits after each of them. */
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

/** Continues with the most likely tokens: `count` ids, fewer if stop_at_eos is
 *  not 0 and the model ends the sequence. *generated is their number. A token
 *  is fed when the next one is asked for, so the last one is not fed yet: to go
 *  on behind it, feed it first. */
LORA_API lora_status lora_session_generate(lora_session *session, size_t count,
                                           int32_t stop_at_eos, int32_t *ids,
                                           size_t *generated,
                                           lora_error *error);

/** The same with options, each token handed to options->token as it comes.
 *  *generated, if `generated` is not NULL, is the number of tokens handed out,
 *  also after a failure. */
LORA_API lora_status lora_session_generate_with(
    lora_session *session, const lora_generate_options *options,
    size_t *generated, lora_error *error);

/** Fills `report`, whose struct_size is set. */
LORA_API lora_status lora_session_get_memory(const lora_session *session,
                                             lora_memory_report *report);

#ifdef __cplusplus
}
#endif

#endif /* LORA_RUNTIME_LORA_RUNTIME_H */
