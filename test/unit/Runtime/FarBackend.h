/*===- FarBackend.h - An engine whose memory the host cannot reach --------===*\
|*
|* The CPU engine under another name, "far". It returns addresses at which a
|* program that reads or writes is ended by a signal. Only its own functions,
|* and code that is compiled for it, can convert them. It counts the bytes that
|* are transferred between host and engine.
|*
\*===----------------------------------------------------------------------===*/

#ifndef LORA_TEST_UNIT_RUNTIME_FARBACKEND_H
#define LORA_TEST_UNIT_RUNTIME_FARBACKEND_H

#include <stdint.h>

/* No valid address of an x86-64 program has this bit. */
#define LORA_FAR_BIT ((uintptr_t)1 << 62)

static inline void *lora_far_near(const void *address) {
  return (void *)((uintptr_t)address & ~LORA_FAR_BIT);
}

static inline void *lora_far_address(const void *address) {
  return (void *)((uintptr_t)address | LORA_FAR_BIT);
}

/* The numbers of bytes, and of calls. */
typedef struct lora_far_traffic {
  uint64_t written, read, copied, mapped;
  uint64_t writes, maps, unmaps, allocations;
  uint64_t executing; /* not 0 within a primitive */
} lora_far_traffic;

/* The backend's second exported function. */
typedef lora_far_traffic *(*lora_far_traffic_fn)(void);
#define LORA_FAR_TRAFFIC_SYMBOL "lora_far_traffic_query"

#endif /* LORA_TEST_UNIT_RUNTIME_FARBACKEND_H */
