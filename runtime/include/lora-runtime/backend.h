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

/** A device with its threads; created by create_engine. */
typedef struct lora_engine lora_engine;
/** An operation that was prepared on an engine; created by create_primitive. */
typedef struct lora_primitive lora_primitive;

/** The message of a function that failed; truncated if it is too long. */
typedef struct lora_message {
  char text[2048];
} lora_message;

/** The options of create_engine. */
typedef struct lora_engine_options {
  uint32_t struct_size; /**< The caller's sizeof(lora_engine_options). */
  /** The number of threads; 0 for the number of cores that the process may use.
   */
  uint32_t threads;
} lora_engine_options;

/** What engine_facts returns. */
typedef struct lora_engine_facts {
  uint32_t struct_size; /**< The caller's sizeof(lora_engine_facts). */
  uint32_t threads;     /**< The number of threads that the engine uses. */
  /** Library, version and instruction set, for messages. Valid as long as the
   *  engine. */
  const char *description;
} lora_engine_facts;

/** What primitive_facts returns; the work of one execution of all rows. */
typedef struct lora_primitive_facts {
  uint32_t struct_size;
  /** Whether execute_group may run it in parallel with others. */
  uint32_t runs_in_groups;
  uint64_t scratch_bytes; /**< The size of the buffer that execute gets. */
  uint64_t operations;    /**< Floating-point additions and multiplications. */
  uint64_t bytes;         /**< The least bytes that execute reads and writes. */
  /** With `token_rows`: operations and bytes of one row; otherwise 0. */
  uint64_t row_operations, row_bytes;
} lora_primitive_facts;

/** A matrix [n, k] of `dtype` ("bf16") in a layout ("plain" or a tag). */
typedef struct lora_matrix {
  const char *layout;
  const char *dtype;
  int64_t n, k;
} lora_matrix;

/** The functions of a backend. The table is constant and lives as long as the
 *  library is loaded. */
typedef struct lora_backend {
  uint32_t struct_size; /**< The backend's sizeof(lora_backend). */
  uint32_t abi_version; /**< The backend's LORA_BACKEND_ABI_VERSION. */
  const char *name;     /**< The manifest's target.engine, for example "cpu". */

  /** Creates an engine; destroy_engine frees it. */
  int32_t (*create_engine)(const lora_engine_options *options,
                           lora_engine **engine, lora_message *message);
  /** Frees an engine. Its primitives and its memory must have been freed
   *  before. */
  void (*destroy_engine)(lora_engine *engine);
  /** Sets the members of `facts` other than struct_size. */
  void (*engine_facts)(const lora_engine *engine, lora_engine_facts *facts);

  /** Zeroed memory, aligned to at least 64 bytes. */
  int32_t (*allocate)(lora_engine *engine, uint64_t bytes, void **address,
                      lora_message *message);
  /** Frees memory of `allocate`; `bytes` is the size that was allocated. */
  void (*release)(lora_engine *engine, void *address, uint64_t bytes);
  /** An address at which the engine reads `bytes` bytes of mapped host memory,
   *  which stays mapped until the engine is destroyed. */
  int32_t (*share)(lora_engine *engine, const void *host, uint64_t bytes,
                   const void **address, lora_message *message);

  /** Copies from the host to allocated memory, from allocated memory to the
   *  host, and within allocated memory, where the two ranges do not overlap. An
   *  address may be any within allocated memory. These functions see what
   *  earlier calls wrote, and later calls see what they wrote. When they
   *  return, `host` may be reused. */
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
  /** Ends a map; `address` and `host` are those of the map. */
  int32_t (*unmap)(lora_engine *engine, void *address, void *host,
                   lora_message *message);

  /** The layout that this engine would choose for b of a matmul, given as the
   *  manifest's JSON; `layout` is a buffer of 64 characters. */
  int32_t (*preferred_layout)(lora_engine *engine, const char *json,
                              uint64_t length, char *layout,
                              lora_message *message);
  /** The bytes of a matrix in its layout, including the layout's padding. */
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
  /** Frees a primitive. */
  void (*destroy_primitive)(lora_engine *engine, lora_primitive *primitive);
  /** Sets the members of `facts` other than struct_size. */
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
