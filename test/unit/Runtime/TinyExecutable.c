/*===- TinyExecutable.c - An executable written by hand -------------------===*\
|*
|* Used in place of generated code. A causal model with one state: token t at
position
|* p writes (p + 1) * embedding[t] to the cache; its hidden state is the sum of
|* the keys it sees; logits are the products with the (tied) embeddings. With
|* rotary frequencies, element j of what it writes is larger by frequency j % 3.
|*
|* An encoder: the key of token t of type y is (p + 1) * embedding[t] + 100 * y,
|* its hidden state the sum of the keys it sees.
|*
|* A head with 5 labels: the products with the first 5 embeddings.
|*
\*===----------------------------------------------------------------------===*/

#include "FarBackend.h"
#include "lora-runtime/compiled_code.h"

enum { width = 6 };

/* The host address for an address of the engine; they differ on "far". */
static void *at(void *address) {
#ifdef LORA_TINY_FAR
  return lora_far_near(address);
#else
  return address;
#endif
}

struct job {
  const int32_t *sequence;
  const float *rows;
  const float *frequencies; /* or NULL */
  const int32_t *types;     /* or NULL: all 0 */
  float *cache;
  float *hidden;
  int64_t tokens;
};

static void write_rows(void *const *captures, int64_t begin, int64_t end) {
  const struct job *job = captures[0];
  for (int64_t i = begin; i < end; ++i) {
    int32_t position = job->sequence[i];
    int32_t row = job->sequence[3 * job->tokens + i];
    for (int j = 0; j < width; ++j)
      job->cache[row * width + j] =
          (float)(position + 1) * job->rows[i * width + j] +
          (job->frequencies ? job->frequencies[j % 3] : 0);
  }
}

/* The key of an encoder's token is at the index of the token. */
static void write_keys(void *const *captures, int64_t begin, int64_t end) {
  const struct job *job = captures[0];
  for (int64_t i = begin; i < end; ++i)
    for (int j = 0; j < width; ++j)
      job->cache[i * width + j] =
          (float)(job->sequence[i] + 1) * job->rows[i * width + j] +
          100 * (float)job->types[i];
}

static void read_rows(void *const *captures, int64_t begin, int64_t end) {
  const struct job *job = captures[0];
  for (int64_t i = begin; i < end; ++i)
    for (int j = 0; j < width; ++j) {
      float sum = 0;
      for (int32_t key = job->sequence[job->tokens + i];
           key < job->sequence[2 * job->tokens + i]; ++key)
        sum += job->cache[key * width + j];
      job->hidden[i * width + j] = sum;
    }
}

static void run(lora_rt_context *context, lora_rt_body write, struct job *job) {
  void *captures[] = {job};
  context->services->parallel_for(context, 0, job->tokens, 1, write, captures);
  context->services->parallel_for(context, 0, job->tokens, 1, read_rows,
                                  captures);
}

static void hidden_states(lora_rt_context *context, void *const *slots,
                          void *frame, void *const *io, int64_t tokens,
                          uint32_t gather) {
  void *args[] = {at(slots[0]), at(io[0]), at(frame)};
  context->services->execute(context, gather, args);
  struct job job = {at(io[1]),    at(frame), 0,     0,
                    at(slots[1]), at(io[2]), tokens};
  run(context, write_rows, &job);
}

static void rotary(lora_rt_context *context, void *const *slots, void *frame,
                   void *const *io, int64_t tokens, uint32_t gather) {
  void *args[] = {at(slots[0]), at(io[0]), at(frame)};
  context->services->execute(context, gather, args);
  struct job job = {at(io[1]),    at(frame), at(io[2]), 0,
                    at(slots[1]), at(io[3]), tokens};
  run(context, write_rows, &job);
}

static void encoder(lora_rt_context *context, void *const *slots, void *frame,
                    void *const *io, int64_t tokens, uint32_t gather) {
  void *args[] = {at(slots[0]), at(io[0]), at(frame)};
  context->services->execute(context, gather, args);
  float *rows = at(frame);
  struct job job = {at(io[1]), rows,  0, at(io[2]), rows + tokens * width,
                    at(io[3]), tokens};
  run(context, write_keys, &job);
}

static void hidden_states_t1(lora_rt_context *context, void *const *slots,
                             void *frame, void *const *io) {
  hidden_states(context, slots, frame, io, 1, 0);
}

static void hidden_states_t4(lora_rt_context *context, void *const *slots,
                             void *frame, void *const *io) {
  hidden_states(context, slots, frame, io, 4, 1);
}

static void rotary_t1(lora_rt_context *context, void *const *slots, void *frame,
                      void *const *io) {
  rotary(context, slots, frame, io, 1, 0);
}

static void rotary_t4(lora_rt_context *context, void *const *slots, void *frame,
                      void *const *io) {
  rotary(context, slots, frame, io, 4, 1);
}

static void encoder_t4(lora_rt_context *context, void *const *slots,
                       void *frame, void *const *io) {
  encoder(context, slots, frame, io, 4, 1);
}

static void encoder_t8(lora_rt_context *context, void *const *slots,
                       void *frame, void *const *io) {
  encoder(context, slots, frame, io, 8, 3);
}

static void labels_t4(lora_rt_context *context, void *const *slots, void *frame,
                      void *const *io) {
  void *args[] = {at(io[0]), at(slots[0]), at(io[1])};
  context->services->execute(context, 4, args);
}

static void logits_t1(lora_rt_context *context, void *const *slots, void *frame,
                      void *const *io) {
  void *args[] = {at(io[0]), at(slots[0]), at(io[1])};
  context->services->execute(context, 2, args);
}

/* Logits of a row of zeros, `count` times as one group. */
static void execute_group(lora_rt_context *context, void *const *slots,
                          uint32_t count, uint32_t primitive) {
  float row[width] = {0}, logits[LORA_RT_MAX_GROUP + 1][11];
  uint32_t primitives[LORA_RT_MAX_GROUP + 1];
  void *args[LORA_RT_MAX_GROUP + 1][3];
  void *const *all[LORA_RT_MAX_GROUP + 1];
  for (uint32_t i = 0; i < count; ++i) {
    primitives[i] = primitive;
    args[i][0] = row;
    args[i][1] = at(slots[0]);
    args[i][2] = logits[i];
    all[i] = args[i];
  }
  context->services->execute_group(context, count, primitives, all);
}

/* theta += gradient; the loss is the sum of the ids. A negative id -n - 1 also
 * executes the primitive that the other id names n times. */
static void train_step(lora_rt_context *context, void *const *slots,
                       void *frame, void *const *io) {
  float *theta = at(slots[2]);
  const float *gradient = at(slots[3]);
  const int32_t *ids = at(io[0]);
  if (ids[0] < 0)
    execute_group(context, slots, (uint32_t)(-ids[0] - 1), (uint32_t)ids[1]);
  for (int i = 0; i < 16; ++i)
    theta[i] += gradient[i];
  *(float *)at(io[1]) = (float)(ids[0] + ids[1]);
  (void)frame;
}

static const lora_rt_entry_record entries[] = {
    {"hidden_states.t1", hidden_states_t1},
    {"hidden_states.t4", hidden_states_t4},
    {"logits.t1", logits_t1},
    {"train_step.t2", train_step},
    {"rotary.t1", rotary_t1},
    {"rotary.t4", rotary_t4},
    {"encoder.t4", encoder_t4},
    {"encoder.t8", encoder_t8},
    {"labels.t4", labels_t4},
};

/* The bytes "contract"; TinyExecutable.h replaces them by the contract of its
 * manifest. */
#define UNSET 0x74636172746e6f63u

static const lora_rt_code module = {
    sizeof(module),
    LORA_RT_ABI_VERSION,
    sizeof(entries) / sizeof(entries[0]),
    entries,
    {UNSET, UNSET, UNSET, UNSET, UNSET, UNSET, UNSET, UNSET}};

const lora_rt_code *lora_rt_code_query(void) { return &module; }
