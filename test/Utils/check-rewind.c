/*===- check-rewind.c - Rewinds in a whole model --------------------------===*\
|*
|*   check-rewind MODEL STEP ID...
|*
|* Feeds the ids in calls of STEP tokens. For every number of tokens, rewinds to
|* it and feeds other ids. Fails unless the logits are those of a new session
|* that was fed only the kept and the other ids, by the same calls, up to the
|* rounding of f32.
|*
\*===----------------------------------------------------------------------===*/

#include "lora-runtime/lora_runtime.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static lora_error error = {.struct_size = sizeof(lora_error)};

static void check(lora_status status) {
  if (status == LORA_OK)
    return;
  fprintf(stderr, "check-rewind: %s\n", error.message);
  exit(1);
}

static void feed(lora_session *session, const int32_t *ids, size_t count,
                 size_t step) {
  size_t begin;
  for (begin = 0; begin < count; begin += step)
    check(lora_session_feed(session, ids + begin,
                            count - begin < step ? count - begin : step, NULL,
                            &error));
}

int main(int argc, char **argv) {
  lora_module *module;
  lora_session *rewound, *fresh;
  double worst = 0, largest = 0, effect = 0;
  size_t count = (size_t)argc - 3, step, width, kept, i;
  int32_t *ids;
  float *got, *want, *before;
  if (argc < 6)
    return 2;
  step = strtoul(argv[2], NULL, 10);
  ids = calloc(count, sizeof *ids);
  for (i = 0; i < count; ++i)
    ids[i] = (int32_t)strtol(argv[i + 3], NULL, 10);
  check(lora_module_open(argv[1], NULL, &module, &error));
  check(lora_session_create(module, NULL, &rewound, &error));
  check(lora_session_create(module, NULL, &fresh, &error));
  width = (size_t)lora_session_row_size(fresh);
  got = calloc(width, sizeof *got);
  want = calloc(width, sizeof *want);
  before = calloc(width, sizeof *before);
  for (kept = 1; kept < count; ++kept) {
    /* Feeds the first ids, so that the cache after the kept tokens differs. */
    feed(rewound, ids, count, step);
    check(lora_session_last(rewound, before, &error));
    check(lora_session_rewind(rewound, (int64_t)kept, &error));
    check(lora_session_feed(rewound, ids, 3, NULL, &error));
    check(lora_session_last(rewound, got, &error));
    lora_session_reset(fresh);
    feed(fresh, ids, kept, step);
    check(lora_session_feed(fresh, ids, 3, NULL, &error));
    check(lora_session_last(fresh, want, &error));
    for (i = 0; i < width; ++i) {
      worst = fmax(worst, fabs((double)got[i] - want[i]));
      largest = fmax(largest, fabs((double)want[i]));
      effect = fmax(effect, fabs((double)before[i] - want[i]));
    }
    lora_session_reset(rewound);
  }
  printf("%d lengths: max|a-b| %.3g of numbers up to %.3g\n", (int)count - 1,
         worst, largest);
  lora_session_destroy(rewound);
  lora_session_destroy(fresh);
  lora_module_close(module);
  /* False for NaN. The ids must also have an effect on the logits. */
  return worst <= 1e-5 * largest && effect > 1e-2 * largest ? 0 : 1;
}
