//===- RowKernels.h - Products of one row and packed matrices ---*- C++ -*-===//
//
// Decoding reads every weight once for each token, so nothing but the rate of
// reading counts; oneDNN's kernels, made for many rows, reach 70 to 90 % of it.
// Here the panels of oneDNN's packed layouts are read in the order in which
// they lie in memory, and what follows the product happens to a panel's results
// while they are in registers or in the first-level cache.
//
// Products and sums are f32; where bf16 is multiplied in pairs, denormals count
// as zeros. The order of a sum over k does not depend on the number of threads:
// it is that of k, or, where a matrix has few panels and is in no chain with
// others, that of parts of `partDepth`, which are added up in their order.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_CPU_ROWKERNELS_H
#define LORA_RUNTIME_CPU_ROWKERNELS_H

#include "Engine.h"

#include <array>

namespace lora_rt::cpu {

/// How a layout orders the elements of b[k, n]: panels of `width` columns; in a
/// panel, `group` values of k beside each other for each column, then the next
/// columns, then the next values of k.
struct Panels {
  int64_t width = 0, group = 1;
  /// What k is padded to, with zeros.
  int64_t paddedK = 0;
  /// Elements from one panel to the next, and from one group of k to the next.
  int64_t panelStride = 0, groupStride = 0;
};

/// Reads "BA16a64b2a", "BA16a64b" or "ab"; nothing for other layouts, and for
/// panels of a width that no kernel has.
std::optional<Panels> panelsOf(const MatmulSpec &spec);

/// Values of k in a part of a panel, and the panels up to which a matrix is
/// divided so: more are enough for the threads.
constexpr int64_t partDepth = 1024, fewPanels = 64;

/// Where products read `streamedBytes` of weights at once they come from
/// memory, and are asked for `readAhead` bytes before they are read: hardware
/// does so within a page of 4 KiB only. From a cache it would cost a tenth
/// more.
constexpr int64_t streamedBytes = 8 << 20, readAhead = 4096;

/// A product that is being executed.
struct Job {
  const MatmulSpec *spec;
  Panels panels;
  int64_t panelCount, parts;
  const void *weights;
  /// a in f32, zero where k is padded; the even and the odd values of k apart
  /// where the layout has pairs. Or a in bf16.
  const float *x, *xOdd;
  const uint16_t *pairs;
  const void *bias;
  void *const *operands;
  void *c;
  /// Weights come from memory, not from a cache.
  bool isStreamed;
  /// Sums of parts, [panelCount, parts, width], and how many of a panel are
  /// there; where there are parts.
  float *partial;
  uint32_t *arrived;
};

/// Products that are executed at once: `chains` of them one after another, each
/// of jobs over the same panels, of which the later may read what the earlier
/// wrote there.
struct Group {
  std::array<Job, LORA_RT_MAX_GROUP> jobs;
  struct Chain {
    std::array<uint8_t, LORA_RT_MAX_GROUP> jobs;
    unsigned count = 0;
    int64_t parts = 0;
  };
  std::array<Chain, LORA_RT_MAX_GROUP> chains;
  unsigned count = 0;
};

/// What this CPU runs, and whether it multiplies bf16 as it is.
struct Body {
  lora_rt_body run;
  bool dot;
};

/// An element of f32, bf16 or f16.
inline float load(DType type, const void *data, int64_t i) {
  switch (type) {
  case DType::BF16:
    return bf16ToFloat(static_cast<const uint16_t *>(data)[i]);
  case DType::F16:
    return f16ToFloat(static_cast<const uint16_t *>(data)[i]);
  default:
    return static_cast<const float *>(data)[i];
  }
}

/// The fastest one; it loops over the parts of all chains of a Group, which is
/// its only capture.
Body bestBody();

} // namespace lora_rt::cpu

#endif // LORA_RUNTIME_CPU_ROWKERNELS_H
