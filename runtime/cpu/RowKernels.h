//===- RowKernels.h - Products of one row and packed matrices ---*- C++ -*-===//
//
// Decoding reads every weight once for each token, so its speed is the rate at
// which memory is read. oneDNN's kernels are made for many rows, and reach 70
// to 90 % of that rate. The kernels here read the panels of oneDNN's packed
// layouts in the order in which they lie in memory. Bias and post-ops are
// applied to the results of a panel while they are in registers or in the
// first-level cache.
//
// Products and sums are f32. Where pairs of bf16 are multiplied, denormals
// count as zeros. The order of a sum over k does not depend on the number of
// threads: usually it is the order of k. A matrix that has few panels, and is
// in no chain with others, is divided into parts of `partDepth` values of k;
// the sums of the parts are added in order.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_CPU_ROWKERNELS_H
#define LORA_RUNTIME_CPU_ROWKERNELS_H

#include "Engine.h"

#include <array>

namespace lora_rt::cpu {

/// How a layout orders the elements of b[k, n]. The matrix is divided into
/// panels of `width` columns. Within a panel, `group` values of k of one column
/// lie beside each other, then those of the next column, and after the last
/// column the next `group` values of k.
struct Panels {
  int64_t width = 0, group = 1;
  /// k after padding with zeros.
  int64_t paddedK = 0;
  /// Elements from one panel to the next, and from one group of k to the next.
  int64_t panelStride = 0, groupStride = 0;
};

/// Reads "BA16a64b2a", "BA16a64b" or "ab". nullopt for other layouts, and for
/// widths that no kernel has.
std::optional<Panels> panelsOf(const MatmulSpec &spec);

/// The number of values of k in a part of a panel; and the largest number of
/// panels for which a matrix is divided into parts. With more panels, there is
/// enough work for all threads.
constexpr int64_t partDepth = 1024, fewPanels = 64;

/// If products read at least `streamedBytes` of weights together, the weights
/// come from memory. The kernels then prefetch them `readAhead` bytes ahead,
/// because the hardware prefetches only within a page of 4 KiB. If the weights
/// were in a cache, prefetching would cost a tenth more time.
constexpr int64_t streamedBytes = 8 << 20, readAhead = 4096;

/// A product that is being executed.
struct Job {
  const MatmulSpec *spec;
  Panels panels;
  int64_t panelCount, parts;
  const void *weights;
  /// The row a in f32, with zeros where k is padded; for layouts with pairs,
  /// even and odd values of k separately. Or a in bf16.
  const float *x, *xOdd;
  const uint16_t *pairs;
  const void *bias;
  void *const *operands;
  void *c;
  /// Whether the weights come from memory, not from a cache.
  bool isStreamed;
  /// If there are parts: their sums, [panelCount, parts, width], and for each
  /// panel how many parts are finished.
  float *partial;
  uint32_t *arrived;
};

/// Products that are executed together. The chains are independent. The jobs of
/// one chain have the same panels, and later jobs may read what earlier ones
/// wrote in the same columns.
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

/// The loop body for this CPU, and whether it multiplies bf16 without
/// conversion.
struct Body {
  lora_rt_body run;
  bool dot;
};

/// Loads an element of f32, bf16 or f16 as f32.
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

/// The fastest body for this CPU. It loops over the parts of all chains of a
/// Group, which is its only capture.
Body bestBody();

} // namespace lora_rt::cpu

#endif // LORA_RUNTIME_CPU_ROWKERNELS_H
