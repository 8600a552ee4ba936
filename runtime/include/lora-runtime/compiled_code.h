/*===- compiled_code.h - What code and runtime assume of each other -------===*\
|*
|* What generated code may assume about the runtime, and what the runtime may
|* assume about generated code. This header is plain C and can be used alone.
|* Everything that is not code (parameters, slots, primitives, signatures of
|* entries) is in the manifest, a JSON text that docs/executable-format.md
|* describes.
|*
|* Generated code has one exported symbol, LORA_RT_CODE_QUERY_SYMBOL. It calls
|* only the services below and libm, keeps no state between calls, and never
|* returns an error itself. A service that fails records the first failure in
|* the context, and later services of the same call do nothing. The runtime
|* reads the status after the entry returns.
|*
\*===----------------------------------------------------------------------===*/

#ifndef LORA_RUNTIME_COMPILED_CODE_H
#define LORA_RUNTIME_COMPILED_CODE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The version of this contract. An executable for another version is refused.
 */
#define LORA_RT_ABI_VERSION 3u

/** The most primitives that execute_group takes. */
#define LORA_RT_MAX_GROUP 8u

/** The name of the only symbol that an executable exports. */
#define LORA_RT_CODE_QUERY_SYMBOL "lora_rt_code_query"

typedef struct lora_rt_context lora_rt_context;

/** A loop body: runs iterations [begin, end). `captures` are the values with
 *  which the loop was started. It may run on any thread; bodies of one loop
 *  write disjoint memory. */
typedef void (*lora_rt_body)(void *const *captures, int64_t begin, int64_t end);

/** The functions that generated code may call. New members are only appended;
 *  generated code accesses members by their position. */
typedef struct lora_rt_services {
  uint32_t struct_size; /**< The runtime's sizeof(lora_rt_services). */
  uint32_t abi_version; /**< LORA_RT_ABI_VERSION */

  /** Executes the primitive with this index in the manifest's `primitives`.
   *  `args` has one address for each argument, in the order of the primitive's
   *  kind (matmul: a, b, [bias,] [post-op operands...,] c; gather: table,
   *  indices, out). */
  void (*execute)(lora_rt_context *context, uint32_t primitive,
                  void *const *args);

  /** Runs body over [begin, end) on the threads, in chunks of at least `grain`
   *  iterations (>= 1). Returns when all are finished. */
  void (*parallel_for)(lora_rt_context *context, int64_t begin, int64_t end,
                       int64_t grain, lora_rt_body body, void *const *captures);

  /** Executes `count` primitives, each with its args. They may run at the same
   *  time: no primitive reads or writes what another one writes, with one
   *  exception. An operand of a matmul's post-op may be the result of an
   *  earlier primitive, if it is used element by element. */
  void (*execute_group)(lora_rt_context *context, uint32_t count,
                        const uint32_t *primitives, void *const *const *args);
} lora_rt_services;

/** The beginning of the context that the runtime passes to each entry. The
 *  runtime has more data after it. */
struct lora_rt_context {
  const lora_rt_services *services;
  /** The rows of each state tensor with a dynamic leading dimension (KV cache).
   */
  int64_t state_rows;
  /** 0, or the first failure of this call (lora_status). */
  int32_t status;
  int32_t reserved;
};

/** An entry: `slots` is the executable's slot table (one address per manifest
 *  slot), `frame` at least the entry's frame_bytes aligned to 64, `io` the
 *  addresses of the inputs, then of the outputs, in manifest order, each a
 *  multiple of 64. Inputs are only read. */
typedef void (*lora_rt_entry)(lora_rt_context *context, void *const *slots,
                              void *frame, void *const *io);

/** An entry with its name. */
typedef struct lora_rt_entry_record {
  const char *name; /**< The name in the manifest's `entries`. */
  lora_rt_entry function;
} lora_rt_entry_record;

/** The manifest for which the code was made, as a checksum of each of its
 *  members; docs/executable-format.md defines them. The code contains sizes,
 *  offsets and indices that follow from the manifest. So the runtime does not
 *  run code whose contract differs from that of the manifest that it read. */
typedef struct lora_rt_contract {
  uint64_t target;
  uint64_t model;
  uint64_t params; /**< Without the places and checksums in the pack. */
  uint64_t states;
  uint64_t trainables;
  uint64_t slots;
  uint64_t primitives;
  uint64_t entries;
} lora_rt_contract;

/** The table that lora_rt_code_query returns. */
typedef struct lora_rt_code {
  uint32_t struct_size; /**< The compiler's sizeof(lora_rt_code). */
  uint32_t abi_version; /**< The compiler's LORA_RT_ABI_VERSION. */
  uint64_t entry_count;
  const lora_rt_entry_record *entries;
  lora_rt_contract contract;
} lora_rt_code;

/** The only exported function of the compiled code. */
typedef const lora_rt_code *(*lora_rt_code_query_fn)(void);

#ifdef __cplusplus
}
#endif

#endif /* LORA_RUNTIME_COMPILED_CODE_H */
