/*===- backend.h - What an engine offers to the runtime -------------------===*\
|*
|* The runtime opens a backend as a shared library, after the environment of
|* the process is prepared and the CPU was checked, and asks it for this table.
|* The runtime treats addresses as those of the engine, and never depends on
|* which engine it is.
|*
|* A function that can fail returns 0, or a lora_rt::ErrorCode with a text in
|* `message`. An engine is used by one call at a time. Meanwhile other threads
|* may allocate, release, read, write, copy and map memory that the call does
|* not use.
|*
\*===----------------------------------------------------------------------===*/

#ifndef LORA_RUNTIME_BACKEND_H
#define LORA_RUNTIME_BACKEND_H

#include "lora-runtime/compiled_code.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LORA_BACKEND_ABI_VERSION 4u
#define LORA_BACKEND_QUERY_SYMBOL "lora_backend_query"

typedef struct lora_engine lora_engine;
typedef struct lora_primitive lora_primitive;

/** The message of a function that failed; truncated if it is too long. */
typedef struct lora_message {
  char text[2048];
} lora_message;

typedef struct lora_engine_options {
  uint32_t struct_size;
  /** The number of threads; 0 for the number of cores that the process may use.
   */
  uint32_t threads;
} lora_engine_options;

typedef struct lora_engine_facts {
  uint32_t struct_size;
  uint32_t threads;
  /** Library, version and instruction set, for messages. Valid as long as the
   *  engine. */
  const char *description;
} lora_engine_facts;

typedef struct lora_primitive_facts {
  uint32_t struct_size;
  uint32_t runs_in_groups; /**< whether execute_group runs it beside others */
  uint64_t scratch_bytes;  /**< of the buffer that execute gets */
  uint64_t operations;     /**< floating-point additions and multiplications */
  uint64_t bytes;          /**< read and written at least */
  /** With `token_rows`: operations and bytes of one row; otherwise 0. */
  uint64_t row_operations, row_bytes;
} lora_primitive_facts;

/** A matrix [n, k] of `dtype` ("bf16") in a layout ("plain" or a tag). */
typedef struct lora_matrix {
  const char *layout;
  const char *dtype;
  int64_t n, k;
} lora_matrix;

typedef struct lora_backend {
  uint32_t struct_size;
  uint32_t abi_version;
  const char *name; /**< the manifest's target.engine: "cpu" */

  int32_t (*create_engine)(const lora_engine_options *options,
                           lora_engine **engine, lora_message *message);
  void (*destroy_engine)(lora_engine *engine);
  void (*engine_facts)(const lora_engine *engine, lora_engine_facts *facts);

  /** Zeroed memory, aligned to at least 64 bytes. */
  int32_t (*allocate)(lora_engine *engine, uint64_t bytes, void **address,
                      lora_message *message);
  void (*release)(lora_engine *engine, void *address, uint64_t bytes);
  /** An address at which the engine reads `bytes` bytes of mapped host memory,
   *  which stays mapped until the engine is destroyed. */
  int32_t (*share)(lora_engine *engine, const void *host, uint64_t bytes,
                   const void **address, lora_message *message);

  /** Copies from the host to allocated memory, from allocated memory to the
   *  host, and within allocated memory, where the two ranges do not overlap. An
   *  address may be any within allocated memory. These functions see what
   *  earlier calls wrote, and later calls see what they wrote. When they
   * return, `host` may be used for something else. */
  int32_t (*write)(lora_engine *engine, void *address, const void *host,
                   uint64_t bytes, lora_message *message);
  int32_t (*read)(lora_engine *engine, const void *address, void *host,
                  uint64_t bytes, lora_message *message);
  int32_t (*copy)(lora_engine *engine, const void *from, void *to,
                  uint64_t bytes, lora_message *message);
  /** An address at which the host reads and writes `bytes` bytes of allocated
   *  memory, until unmap. Calls that use the memory come after unmap. */
  int32_t (*map)(lora_engine *engine, void *address, uint64_t bytes,
                 void **host, lora_message *message);
  int32_t (*unmap)(lora_engine *engine, void *address, void *host,
                   lora_message *message);

  /** The layout that this engine would choose for b of a matmul, given as the
   *  manifest's JSON; `layout` is a buffer of 64 characters. */
  int32_t (*preferred_layout)(lora_engine *engine, const char *json,
                              uint64_t length, char *layout,
                              lora_message *message);
  int32_t (*matrix_bytes)(lora_engine *engine, const lora_matrix *matrix,
                          uint64_t *bytes, lora_message *message);
  /** Converts between layouts; both matrices have the same n, k and dtype. */
  int32_t (*repack)(lora_engine *engine, const lora_matrix *from,
                    const void *source, const lora_matrix *to, void *target,
                    lora_message *message);

  /** Creates a primitive from its JSON in the manifest. */
  int32_t (*create_primitive)(lora_engine *engine, const char *json,
                              uint64_t length, lora_primitive **primitive,
                              lora_message *message);
  void (*destroy_primitive)(lora_engine *engine, lora_primitive *primitive);
  void (*primitive_facts)(const lora_primitive *primitive,
                          lora_primitive_facts *facts);
  /** `args` are those of compiled_code.h; `scratch` has at least scratch_bytes
   *  bytes. */
  int32_t (*execute)(lora_engine *engine, lora_primitive *primitive,
                     void *const *args, void *scratch, lora_message *message);
  /** The same as lora_rt_services.execute_group. `scratch` is large enough for
   *  the scratch memory of all members that run in groups, one after another,
   *  or for that of any single primitive. */
  int32_t (*execute_group)(lora_engine *engine, uint32_t count,
                           lora_primitive *const *primitives,
                           void *const *const *args, void *scratch,
                           lora_message *message);

  /** The same as lora_rt_services.parallel_for. */
  void (*parallel_for)(lora_engine *engine, int64_t begin, int64_t end,
                       int64_t grain, lora_rt_body body, void *const *captures);

  /** From now on, primitives with `token_rows` compute only the first `rows`
   *  rows, or a few more. The other rows of their results become zero. 0 means
   *  all rows. */
  void (*set_token_rows)(lora_engine *engine, int64_t rows);
} lora_backend;

/** The only exported function of a backend. */
typedef const lora_backend *(*lora_backend_query_fn)(void);

#ifdef __cplusplus
}
#endif

#endif /* LORA_RUNTIME_BACKEND_H */
