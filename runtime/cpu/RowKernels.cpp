//===- RowKernels.cpp - Kernels for products of one row -------------------===//
//
// The kernels are templates. They are instantiated in functions with target
// attributes, one for each instruction set, and bestBody chooses one at run
// time.
//
//===----------------------------------------------------------------------===//

#include "RowKernels.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace lora_rt::cpu {

namespace {

/// A part of a panel: the values of k in [begin, end).
struct Part {
  const void *panel;
  int64_t begin, end;
};

template <int Bytes> struct Vectors {
  typedef float Float __attribute__((vector_size(Bytes)));
  typedef uint32_t Bits __attribute__((vector_size(Bytes)));
  static constexpr int lanes = Bytes / 4;
};

/// Prefetches what is read `readAhead` bytes later. Weights are read once for
/// each token, so the hint is one that keeps other data in the caches.
template <int Bytes>
[[gnu::always_inline]] inline void prefetch(const void *row) {
  for (int byte = 0; byte < Bytes; byte += 64)
    __builtin_prefetch(static_cast<const char *>(row) + readAhead + byte,
                       /*rw=*/0, /*locality=*/0);
}

/// Computes sums[0, Count * lanes) = x b over a part of a panel of f32.
template <int Bytes, int Count>
[[gnu::always_inline]] inline void multiplyFloats(const Job &job, Part part,
                                                  float *sums) {
  using Float = typename Vectors<Bytes>::Float;
  Float sum[Count] = {};
  for (int64_t k = part.begin; k < part.end; ++k) {
    const float *row =
        static_cast<const float *>(part.panel) + k * job.panels.groupStride;
    if (job.isStreamed)
      prefetch<Bytes * Count>(row);
    Float x = job.x[k] - Float{};
    for (int i = 0; i < Count; ++i) {
      Float weights;
      std::memcpy(&weights, row + i * Vectors<Bytes>::lanes, Bytes);
      sum[i] += x * weights;
    }
  }
  std::memcpy(sums, sum, sizeof(sum));
}

/// The same for a panel with pairs of bf16. A bf16 is the upper half of an f32.
template <int Bytes, int Count>
[[gnu::always_inline]] inline void multiplyPairs(const Job &job, Part part,
                                                 float *sums) {
  using Float = typename Vectors<Bytes>::Float;
  using Bits = typename Vectors<Bytes>::Bits;
  Float sum[Count] = {};
  for (int64_t pair = part.begin / 2; pair < part.end / 2; ++pair) {
    const uint16_t *row = static_cast<const uint16_t *>(part.panel) +
                          pair * job.panels.groupStride;
    if (job.isStreamed)
      prefetch<Bytes * Count>(row);
    Float even = job.x[pair] - Float{}, odd = job.xOdd[pair] - Float{};
    for (int i = 0; i < Count; ++i) {
      Bits bits;
      std::memcpy(&bits, row + i * 2 * Vectors<Bytes>::lanes, Bytes);
      Bits low = bits << 16, high = bits & 0xffff0000u;
      Float first, second;
      std::memcpy(&first, &low, Bytes);
      std::memcpy(&second, &high, Bytes);
      sum[i] += even * first;
      sum[i] += odd * second;
    }
  }
  std::memcpy(sums, sum, sizeof(sum));
}

/// The same for a panel with rows of bf16, each for one value of k.
template <int Width>
[[gnu::always_inline]] inline void multiplyRows(const Job &job, Part part,
                                                float *sums) {
  for (int i = 0; i < Width; ++i)
    sums[i] = 0;
  for (int64_t k = part.begin; k < part.end; ++k) {
    const uint16_t *row =
        static_cast<const uint16_t *>(part.panel) + k * job.panels.groupStride;
    for (int i = 0; i < Width; ++i)
      sums[i] += job.x[k] * bf16ToFloat(row[i]);
  }
}

#ifdef __x86_64__
#define LORA_AVX512 "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"

/// The same for pairs of bf16 with the instruction for them, `vdpbf16ps`. It
/// needs one instruction for each 64 bytes, so the CPU can look further ahead.
template <int Count>
__attribute__((target("avx512bf16," LORA_AVX512))) void
multiplyDot(const Job &job, Part part, float *sums) {
  __m512 sum[Count] = {};
  for (int64_t k = part.begin; k < part.end; k += 2) {
    const uint16_t *row = static_cast<const uint16_t *>(part.panel) +
                          k / 2 * job.panels.groupStride;
    if (job.isStreamed)
      prefetch<64 * Count>(row);
    int32_t bits;
    std::memcpy(&bits, job.pairs + k, sizeof(bits));
    auto x = (__m512bh)_mm512_set1_epi32(bits);
    for (int i = 0; i < Count; ++i)
      sum[i] = _mm512_dpbf16_ps(sum[i], x,
                                (__m512bh)_mm512_loadu_si512(row + i * 32));
  }
  std::memcpy(sums, sum, sizeof(sum));
}
#endif

/// e^x with an error of about two units in the last place; x is clamped to
/// [-87.3, 88.3]. The code vectorizes. The method is that of expf in Cephes
/// (Moshier): 2^n times a polynomial in x - n ln 2.
[[gnu::always_inline]] inline float exponential(float x) {
  x = std::min(std::max(x, -87.3f), 88.3f);
  // Adding 1.5 x 2^23 rounds a number to an integer, which is then in the low
  // bits.
  constexpr float shift = 12582912.0f;
  float shifted = x * 1.44269504f + shift;
  float n = shifted - shift;
  uint32_t power =
      std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(shift);
  float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  return p * std::bit_cast<float>((power + 127u) << 23);
}

/// x / (1 + e^-y)
[[gnu::always_inline]] inline float gated(float x, float y) {
  return x / (1.0f + exponential(-y));
}

/// Applies bias and post-ops to columns [first, first + count) and stores them.
[[gnu::always_inline]] inline void finish(const Job &job, float *sums,
                                          int64_t first, int64_t count) {
  const MatmulSpec &spec = *job.spec;
  auto each = [&](auto change) __attribute__((always_inline)) {
    for (int64_t i = 0; i < count; ++i)
      sums[i] = change(sums[i], first + i);
  };
  if (spec.bias)
    each([&](float sum, int64_t i) {
      return sum + load(*spec.bias, job.bias, i);
    });
  size_t operand = 0;
  for (const PostOp &op : spec.postOps)
    switch (op.kind) {
    case PostOp::Kind::Sum:
      each([&](float sum, int64_t i) { return sum + load(spec.c, job.c, i); });
      break;
    case PostOp::Kind::Add:
    case PostOp::Kind::Mul: {
      const void *values = job.operands[operand++];
      if (op.kind == PostOp::Kind::Add)
        each([&](float sum, int64_t i) {
          return sum + load(op.operand, values, i);
        });
      else
        each([&](float sum, int64_t i) {
          return sum * load(op.operand, values, i);
        });
      break;
    }
    case PostOp::Kind::Silu:
      each([](float sum, int64_t)
               __attribute__((always_inline)) { return gated(sum, sum); });
      break;
    case PostOp::Kind::GeluTanh:
      // (1 + tanh y) / 2 = 1 / (1 + e^-2y)
      each([](float sum, int64_t) __attribute__((always_inline)) {
        constexpr float twice = 1.5957691216f; // 2 sqrt(2 / pi)
        return gated(sum, twice * (sum + 0.044715f * sum * sum * sum));
      });
      break;
    case PostOp::Kind::GeluErf:
      each([](float sum, int64_t) {
        return 0.5f * sum * (1.0f + std::erf(sum * 0.70710678f));
      });
      break;
    case PostOp::Kind::Relu:
      each([](float sum, int64_t) { return std::max(sum, 0.0f); });
      break;
    case PostOp::Kind::Tanh:
      each([](float sum, int64_t) { return std::tanh(sum); });
      break;
    }
  switch (spec.c) {
  case DType::BF16:
    for (int64_t i = 0; i < count; ++i)
      static_cast<uint16_t *>(job.c)[first + i] = floatToBf16(sums[i]);
    break;
  case DType::F16:
    for (int64_t i = 0; i < count; ++i)
      static_cast<uint16_t *>(job.c)[first + i] = floatToF16(sums[i]);
    break;
  default:
    std::memcpy(static_cast<float *>(job.c) + first, sums,
                size_t(count) * sizeof(float));
  }
}

/// Multiplies part `index` of a panel; `Dot` means that a is in bf16.
template <bool Dot, int Bytes, int Count>
[[gnu::always_inline]] inline void multiplyPart(const Job &job, int64_t panel,
                                                int64_t index, float *sums) {
  int64_t offset =
      panel * job.panels.panelStride * int64_t(sizeOf(job.spec->b));
  Part part = {static_cast<const char *>(job.weights) + offset, 0,
               job.panels.paddedK};
  if (job.parts > 1) {
    part.begin = index * partDepth;
    part.end = std::min(part.end, part.begin + partDepth);
  }
  if (job.spec->b == DType::F32)
    return multiplyFloats<Bytes, Count>(job, part, sums);
  if (job.panels.group == 1)
    return multiplyRows<Bytes / 4 * Count>(job, part, sums);
#ifdef __x86_64__
  if constexpr (Dot && Bytes == 64)
    if (job.pairs)
      return multiplyDot<Count>(job, part, sums);
#endif
  multiplyPairs<Bytes, Count>(job, part, sums);
}

/// Computes the parts [begin, end), counted through all panels. The thread that
/// finishes the last part of a panel adds all its parts up.
template <bool Dot, int Bytes, int Count>
[[gnu::always_inline]] inline void runParts(const Job &job, int64_t begin,
                                            int64_t end) {
  constexpr int64_t width = Bytes / 4 * Count;
  alignas(64) float sums[width], more[width];
  while (begin < end) {
    int64_t panel = begin / job.parts, first = begin % job.parts;
    int64_t last = std::min(job.parts, first + end - begin);
    begin += last - first;
    bool isWhole = first == 0 && last == job.parts;
    if (isWhole) {
      multiplyPart<Dot, Bytes, Count>(job, panel, 0, sums);
    } else {
      float *partial = job.partial + panel * job.parts * width;
      for (int64_t part = first; part < last; ++part)
        multiplyPart<Dot, Bytes, Count>(job, panel, part,
                                        partial + part * width);
      auto count = uint32_t(last - first);
      if (std::atomic_ref(job.arrived[panel])
                  .fetch_add(count, std::memory_order_acq_rel) +
              count <
          job.parts)
        continue;
      std::memcpy(sums, partial, sizeof(sums));
    }
    for (int64_t part = 1; part < job.parts; ++part) {
      if (isWhole)
        multiplyPart<Dot, Bytes, Count>(job, panel, part, more);
      else
        std::memcpy(more, job.partial + (panel * job.parts + part) * width,
                    sizeof(more));
      for (int64_t i = 0; i < width; ++i)
        sums[i] += more[i];
    }
    finish(job, sums, panel * width,
           std::min(width, job.spec->n - panel * width));
  }
}

/// The panel widths that oneDNN uses.
bool isKnownWidth(int64_t width) {
  for (int64_t known : {64, 48, 32, 16, 24, 8})
    if (width == known)
      return true;
  return false;
}

/// Computes the parts [begin, end) of one product, whose panel width is known.
template <bool Dot>
[[gnu::always_inline]] inline void runJob(const Job &job, int64_t begin,
                                          int64_t end) {
  switch (job.panels.width) {
  case 64:
    return runParts<Dot, 64, 4>(job, begin, end);
  case 48:
    return runParts<Dot, 64, 3>(job, begin, end);
  case 32:
    return runParts<Dot, 64, 2>(job, begin, end);
  case 16:
    return runParts<Dot, 64, 1>(job, begin, end);
  case 24:
    return runParts<Dot, 32, 3>(job, begin, end);
  case 8:
    return runParts<Dot, 32, 1>(job, begin, end);
  }
}

/// Computes the parts [begin, end), counted through all chains.
template <bool Dot>
[[gnu::always_inline]] inline void run(void *const *captures, int64_t begin,
                                       int64_t end) {
  const Group &group = *static_cast<const Group *>(captures[0]);
  int64_t start = 0;
  for (unsigned i = 0; i < group.count && start < end; ++i) {
    const Group::Chain &chain = group.chains[i];
    int64_t first = std::max<int64_t>(begin - start, 0),
            last = std::min(end - start, chain.parts);
    // Weights are read fastest in long runs, so one product follows the other.
    for (unsigned k = 0; k < chain.count && first < last; ++k)
      runJob<Dot>(group.jobs[chain.jobs[k]], first, last);
    start += chain.parts;
  }
}

void runAnywhere(void *const *captures, int64_t begin, int64_t end) {
  run<false>(captures, begin, end);
}
#ifdef __x86_64__
__attribute__((target("avx2,fma"))) void runAvx2(void *const *captures,
                                                 int64_t begin, int64_t end) {
  run<false>(captures, begin, end);
}
__attribute__((target(LORA_AVX512))) void
runAvx512(void *const *captures, int64_t begin, int64_t end) {
  run<false>(captures, begin, end);
}
__attribute__((target("avx512bf16," LORA_AVX512))) void
runAvx512Bf16(void *const *captures, int64_t begin, int64_t end) {
  run<true>(captures, begin, end);
}
#endif

} // namespace

std::optional<Panels> panelsOf(const MatmulSpec &spec) {
  std::string_view tag = spec.layout;
  Panels panels;
  if (tag == "ab") {
    // Rows of the matrix are n long; each panel is `width` of their columns.
    for (int64_t width : {64, 32, 16, 8})
      if (spec.n % width == 0) {
        panels.width = panels.panelStride = width;
        panels.paddedK = spec.k;
        panels.groupStride = spec.n;
        return panels;
      }
    return std::nullopt;
  }
  if (!tag.starts_with("BA"))
    return std::nullopt;
  tag.remove_prefix(2);
  auto number = [&](char letter) -> int64_t {
    size_t digits = tag.find(letter);
    int64_t value = 0;
    if (digits == tag.npos || digits == 0 || digits > 3)
      return 0;
    for (char c : tag.substr(0, digits)) {
      if (c < '0' || c > '9')
        return 0;
      value = value * 10 + (c - '0');
    }
    tag.remove_prefix(digits + 1);
    return value;
  };
  int64_t depth = number('a');
  panels.width = number('b');
  if (!tag.empty())
    panels.group = number('a');
  if (!tag.empty() || !depth || !panels.group || !isKnownWidth(panels.width))
    return std::nullopt;
  int64_t block = depth * panels.group;
  panels.paddedK = (spec.k + block - 1) / block * block;
  panels.groupStride = panels.width * panels.group;
  panels.panelStride = panels.paddedK * panels.width;
  return panels;
}

Body bestBody() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return __builtin_cpu_supports("avx512bf16") ? Body{runAvx512Bf16, true}
                                                : Body{runAvx512, false};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return {runAvx2, false};
#endif
  return {runAnywhere, false};
}

} // namespace lora_rt::cpu
