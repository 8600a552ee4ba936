//===- Matvec.cpp - The product of one row and a packed matrix ------------===//
//
// Decoding reads every weight once for each token, so nothing but the rate of
// reading counts; oneDNN's kernels, made for many rows, reach 70 to 90 % of it.
// Here the panels of oneDNN's packed layouts are read in the order in which
// they lie in memory, and what follows the product happens to a panel's results
// while they are in registers or in the first-level cache.
//
// Products and sums are f32. The order of a sum over k is that of k, whatever
// the number of threads.
//
//===----------------------------------------------------------------------===//

#include "Engine.h"
#include "Threads.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace lora_rt::cpu {

namespace {

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

/// Reads "BA16a64b2a", "BA16a64b" or "ab"; nothing for other layouts.
std::optional<Panels> panelsOf(const MatmulSpec &spec) {
  std::string_view tag = spec.layout;
  Panels panels;
  if (tag == "ab") {
    // One panel as wide as the matrix; taken in parts.
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
  if (!tag.empty() || !depth || !panels.width || !panels.group)
    return std::nullopt;
  int64_t block = depth * panels.group;
  panels.paddedK = (spec.k + block - 1) / block * block;
  panels.groupStride = panels.width * panels.group;
  panels.panelStride = panels.paddedK * panels.width;
  return panels;
}

/// Everything a panel needs; passed as the captures of a loop over panels.
struct Job {
  const MatmulSpec *spec;
  Panels panels;
  const void *weights;
  /// a in f32, zero where k is padded; the even and the odd values of k apart
  /// where the layout has pairs.
  const float *x, *xOdd;
  const void *bias;
  void *const *operands;
  void *c;
};

float load(DType type, const void *data, int64_t i) {
  switch (type) {
  case DType::BF16:
    return bf16ToFloat(static_cast<const uint16_t *>(data)[i]);
  case DType::F16:
    return f16ToFloat(static_cast<const uint16_t *>(data)[i]);
  default:
    return static_cast<const float *>(data)[i];
  }
}

template <int Bytes> struct Vectors {
  typedef float Float __attribute__((vector_size(Bytes)));
  typedef uint32_t Bits __attribute__((vector_size(Bytes)));
  static constexpr int lanes = Bytes / 4;
};

/// sums[0, Count * lanes) = x b, over a panel of f32.
template <int Bytes, int Count>
[[gnu::always_inline]] inline void multiply(const Job &job, const float *panel,
                                            float *sums) {
  using Float = typename Vectors<Bytes>::Float;
  Float sum[Count] = {};
  for (int64_t k = 0; k < job.panels.paddedK; ++k) {
    const float *row = panel + k * job.panels.groupStride;
    Float x = job.x[k] - Float{};
    for (int i = 0; i < Count; ++i) {
      Float weights;
      std::memcpy(&weights, row + i * Vectors<Bytes>::lanes, Bytes);
      sum[i] += x * weights;
    }
  }
  std::memcpy(sums, sum, sizeof(sum));
}

/// The same over a panel of pairs of bf16: bf16 is the upper half of an f32.
template <int Bytes, int Count>
[[gnu::always_inline]] inline void
multiply(const Job &job, const uint16_t *panel, float *sums) {
  using Float = typename Vectors<Bytes>::Float;
  using Bits = typename Vectors<Bytes>::Bits;
  Float sum[Count] = {};
  for (int64_t pair = 0; pair < job.panels.paddedK / 2; ++pair) {
    const uint16_t *row = panel + pair * job.panels.groupStride;
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

/// The same over rows of bf16, one value of k each.
template <int Count>
[[gnu::always_inline]] inline void
multiplyRows(const Job &job, const uint16_t *panel, float *sums) {
  constexpr int width = 8 * Count;
  for (int i = 0; i < width; ++i)
    sums[i] = 0;
  for (int64_t k = 0; k < job.panels.paddedK; ++k) {
    const uint16_t *row = panel + k * job.panels.groupStride;
    for (int i = 0; i < width; ++i)
      sums[i] += job.x[k] * bf16ToFloat(row[i]);
  }
}

/// e^x to about two units in the last place, for x in [-88, 88] and clamped to
/// that; vectorizes. Cephes' expf (Moshier): 2^n times a polynomial in what
/// n ln 2 leaves.
[[gnu::always_inline]] inline float exponential(float x) {
  x = std::min(std::max(x, -87.3f), 88.3f);
  // 1.5 x 2^23: what is added to it is rounded to an integer in its low bits.
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

/// What follows the product in columns [first, first + count), and the store.
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

template <int Bytes, int Count>
[[gnu::always_inline]] inline void runPanels(const Job &job, int64_t begin,
                                             int64_t end) {
  constexpr int64_t width = Bytes / 4 * Count;
  alignas(64) float sums[width];
  for (int64_t panel = begin; panel < end; ++panel) {
    int64_t offset = panel * job.panels.panelStride;
    if (job.spec->b == DType::F32)
      multiply<Bytes, Count>(
          job, static_cast<const float *>(job.weights) + offset, sums);
    else if (job.panels.group == 2)
      multiply<Bytes, Count>(
          job, static_cast<const uint16_t *>(job.weights) + offset, sums);
    else
      multiplyRows<int(width / 8)>(
          job, static_cast<const uint16_t *>(job.weights) + offset, sums);
    finish(job, sums, panel * width,
           std::min(width, job.spec->n - panel * width));
  }
}

/// The widths that oneDNN packs to.
[[gnu::always_inline]] inline void run(void *const *captures, int64_t begin,
                                       int64_t end) {
  const Job &job = *static_cast<const Job *>(captures[0]);
  switch (job.panels.width) {
  case 64:
    return runPanels<64, 4>(job, begin, end);
  case 48:
    return runPanels<64, 3>(job, begin, end);
  case 32:
    return runPanels<64, 2>(job, begin, end);
  case 16:
    return runPanels<64, 1>(job, begin, end);
  case 24:
    return runPanels<32, 3>(job, begin, end);
  case 8:
    return runPanels<32, 1>(job, begin, end);
  }
}

constexpr int64_t widths[] = {64, 48, 32, 16, 24, 8};

void runAnywhere(void *const *captures, int64_t begin, int64_t end) {
  run(captures, begin, end);
}
#ifdef __x86_64__
__attribute__((target("avx2,fma"))) void runAvx2(void *const *captures,
                                                 int64_t begin, int64_t end) {
  run(captures, begin, end);
}
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))) void
runAvx512(void *const *captures, int64_t begin, int64_t end) {
  run(captures, begin, end);
}
#endif

lora_rt_body bestBody() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return runAvx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return runAvx2;
#endif
  return runAnywhere;
}

/// a in f32, padded with zeros; for pairs of weights the even values of k, then
/// the odd ones. The calling thread does this alone, so it is vectorized.
void spreadRow(const MatmulSpec &spec, const Panels &panels, const void *a,
               float *x) {
  int64_t half = panels.paddedK / 2, k = 0;
  if (panels.group == 1) {
    if (spec.a == DType::F32) {
      std::memcpy(x, a, size_t(spec.k) * sizeof(float));
      k = spec.k;
    }
    for (; k < panels.paddedK; ++k)
      x[k] = k < spec.k ? load(spec.a, a, k) : 0.0f;
    return;
  }
  if (spec.a == DType::BF16) {
    for (int64_t pair = 0; pair < spec.k / 2; ++pair) {
      uint32_t bits;
      std::memcpy(&bits, static_cast<const uint16_t *>(a) + 2 * pair,
                  sizeof(bits));
      x[pair] = std::bit_cast<float>(bits << 16);
      x[half + pair] = std::bit_cast<float>(bits & 0xffff0000u);
    }
    k = spec.k / 2 * 2;
  }
  for (; k < panels.paddedK; ++k)
    x[k / 2 + k % 2 * half] = k < spec.k ? load(spec.a, a, k) : 0.0f;
}

struct MatvecPrimitive final : lora_primitive {
  MatmulSpec spec;
  Panels panels;
  lora_rt_body body = bestBody();

  Error execute(lora_engine &, void *const *args, void *scratch) override {
    auto *x = static_cast<float *>(scratch);
    Job job = {&spec, panels, args[1], x, nullptr, nullptr, args + 2, nullptr};
    if (spec.bias)
      job.bias = *job.operands++;
    job.c = job.operands[std::count_if(
        spec.postOps.begin(), spec.postOps.end(),
        [](const PostOp &op) { return op.isBinary(); })];
    job.xOdd = x + panels.paddedK / 2;
    spreadRow(spec, panels, args[0], x);
    int64_t count = (spec.n + panels.width - 1) / panels.width;
    int64_t panelBytes =
        panels.paddedK * panels.width * int64_t(sizeOf(spec.b));
    // A chunk is long enough for the hardware's prefetching to start.
    int64_t grain = std::max<int64_t>(1, (1 << 17) / panelBytes);
    void *captures[] = {&job};
    parallelFor(threads, 0, count, grain, body, captures);
    return Error::success();
  }
};

} // namespace

std::unique_ptr<lora_primitive> createMatvec(const MatmulSpec &spec,
                                             unsigned threads) {
  std::optional<Panels> panels = panelsOf(spec);
  auto isKnown = [](DType type) {
    return type == DType::F32 || type == DType::BF16 || type == DType::F16;
  };
  bool fits = spec.m == 1 && !spec.transposeA && panels &&
              std::find(std::begin(widths), std::end(widths), panels->width) !=
                  std::end(widths) &&
              ((spec.b == DType::F32 && panels->group == 1) ||
               (spec.b == DType::BF16 && panels->group <= 2)) &&
              isKnown(spec.a) && isKnown(spec.c) &&
              (!spec.bias || isKnown(*spec.bias));
  for (const PostOp &op : spec.postOps)
    fits &= !op.isBinary() || isKnown(op.operand);
  if (!fits)
    return nullptr;
  auto result = std::make_unique<MatvecPrimitive>();
  result->spec = spec;
  result->panels = *panels;
  result->threads = threads;
  result->scratchBytes = uint64_t(panels->paddedK) * sizeof(float);
  return result;
}

} // namespace lora_rt::cpu
