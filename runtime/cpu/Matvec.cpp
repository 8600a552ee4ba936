//===- Matvec.cpp - Products of one row and packed matrices ---------------===//
//
// Decoding reads every weight once for each token, so nothing but the rate of
// reading counts; oneDNN's kernels, made for many rows, reach 70 to 90 % of it.
// Here the panels of oneDNN's packed layouts are read in the order in which
// they lie in memory, and what follows the product happens to a panel's results
// while they are in registers or in the first-level cache. Threads meet once
// for all products of a group.
//
// Products and sums are f32. The order of a sum over k does not depend on the
// number of threads: it is that of k, where a matrix has few panels in parts of
// `partDepth`, which are added up in their order.
//
//===----------------------------------------------------------------------===//

#include "Engine.h"
#include "Threads.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>

#ifdef __x86_64__
#include <immintrin.h>
#endif

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

/// Values of k in a part of a panel, and the panels up to which a matrix is
/// divided so: more are enough for the threads.
constexpr int64_t partDepth = 1024, fewPanels = 64;

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
  /// Sums of parts, [panelCount, parts, width], and how many of a panel are
  /// there; where there are parts.
  float *partial;
  uint32_t *arrived;
};

/// Part of a panel: the values of k in [begin, end).
struct Part {
  const void *panel;
  int64_t begin, end;
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
[[gnu::always_inline]] inline void multiplyFloats(const Job &job, Part part,
                                                  float *sums) {
  using Float = typename Vectors<Bytes>::Float;
  Float sum[Count] = {};
  for (int64_t k = part.begin; k < part.end; ++k) {
    const float *row =
        static_cast<const float *>(part.panel) + k * job.panels.groupStride;
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
[[gnu::always_inline]] inline void multiplyPairs(const Job &job, Part part,
                                                 float *sums) {
  using Float = typename Vectors<Bytes>::Float;
  using Bits = typename Vectors<Bytes>::Bits;
  Float sum[Count] = {};
  for (int64_t pair = part.begin / 2; pair < part.end / 2; ++pair) {
    const uint16_t *row = static_cast<const uint16_t *>(part.panel) +
                          pair * job.panels.groupStride;
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

/// Pairs of bf16 by the instruction made for them: one for each 64 bytes, so
/// that the CPU looks further ahead.
template <int Count>
__attribute__((target("avx512bf16," LORA_AVX512))) void
multiplyDot(const Job &job, Part part, float *sums) {
  __m512 sum[Count] = {};
  for (int64_t k = part.begin; k < part.end; k += 2) {
    const uint16_t *row = static_cast<const uint16_t *>(part.panel) +
                          k / 2 * job.panels.groupStride;
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

/// Part `index` of a panel; `Dot` where a is in bf16.
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

/// Parts [begin, end), counted through all panels. Whoever adds a panel's last
/// part adds them all up.
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

/// The widths that oneDNN packs to.
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

constexpr int64_t widths[] = {64, 48, 32, 16, 24, 8};

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

/// The parts [begin, end) of all chains.
template <bool Dot>
[[gnu::always_inline]] inline void run(void *const *captures, int64_t begin,
                                       int64_t end) {
  const Group &group = *static_cast<const Group *>(captures[0]);
  int64_t start = 0;
  for (unsigned i = 0; i < group.count && start < end; ++i) {
    const Group::Chain &chain = group.chains[i];
    int64_t first = std::max<int64_t>(begin - start, 0),
            last = std::min(end - start, chain.parts);
    // Weights are read fastest in long runs.
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

/// What this CPU runs, and whether it multiplies bf16 as it is.
struct Body {
  lora_rt_body run;
  bool dot;
};

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

/// bf16 as it is, padded with zeros.
void copyRow(const MatmulSpec &spec, const Panels &panels, const void *a,
             uint16_t *x) {
  std::memcpy(x, a, size_t(spec.k) * sizeof(uint16_t));
  std::fill(x + spec.k, x + panels.paddedK, uint16_t(0));
}

struct MatvecPrimitive final : lora_primitive {
  MatmulSpec spec;
  Panels panels;
  Body body = bestBody();
  int64_t panelCount = 0, parts = 1;

  MatvecPrimitive(const MatmulSpec &spec, const Panels &panels)
      : spec(spec), panels(panels) {
    panelCount = (spec.n + panels.width - 1) / panels.width;
    if (panelCount <= fewPanels)
      parts = (panels.paddedK + partDepth - 1) / partDepth;
    scratchBytes = arrivedOffset();
    if (parts > 1)
      scratchBytes += uint64_t(panelCount) * sizeof(uint32_t);
    scratchBytes = (scratchBytes + 63) / 64 * 64;
    isRow = true;
  }

  uint64_t partialOffset() const {
    return (uint64_t(panels.paddedK) * sizeof(float) + 63) / 64 * 64;
  }
  uint64_t arrivedOffset() const {
    uint64_t floats = uint64_t(panelCount * parts * panels.width);
    return partialOffset() + (parts > 1 ? floats * sizeof(float) : 0);
  }
  /// The bytes of weights of one part.
  int64_t partBytes() const {
    return panels.paddedK * panels.width * int64_t(sizeOf(spec.b)) / parts;
  }

  Job prepare(void *const *args, void *scratch) const {
    auto *room = static_cast<std::byte *>(scratch);
    Job job = {};
    job.spec = &spec;
    job.panels = panels;
    job.panelCount = panelCount;
    job.parts = parts;
    job.weights = args[1];
    job.operands = args + 2;
    if (spec.bias)
      job.bias = *job.operands++;
    job.c = job.operands[std::count_if(
        spec.postOps.begin(), spec.postOps.end(),
        [](const PostOp &op) { return op.isBinary(); })];
    if (body.dot && spec.a == DType::BF16 && panels.group == 2 &&
        panels.width % 16 == 0 && panels.width != 24) {
      auto *x = static_cast<uint16_t *>(scratch);
      copyRow(spec, panels, args[0], x);
      job.pairs = x;
    } else {
      auto *x = static_cast<float *>(scratch);
      spreadRow(spec, panels, args[0], x);
      job.x = x;
      job.xOdd = x + panels.paddedK / 2;
    }
    if (parts > 1) {
      job.partial = reinterpret_cast<float *>(room + partialOffset());
      job.arrived = reinterpret_cast<uint32_t *>(room + arrivedOffset());
      std::fill_n(job.arrived, panelCount, 0u);
    }
    return job;
  }

  Error execute(lora_engine &engine, void *const *args,
                void *scratch) override {
    lora_primitive *self = this;
    return executeRows(engine, {&self, 1}, &args, scratch);
  }
};

/// Adds a job to the chain of the one whose results it reads, or as a chain of
/// its own; false if it can only follow all of the others.
bool addToChain(Group &group, unsigned index) {
  Job &job = group.jobs[index];
  Group::Chain *place = nullptr;
  auto *operands = job.operands;
  for (const PostOp &op : job.spec->postOps) {
    if (!op.isBinary())
      continue;
    const void *values = *operands++;
    for (unsigned i = 0; i < group.count; ++i)
      for (unsigned k = 0; k < group.chains[i].count; ++k) {
        const Job &other = group.jobs[group.chains[i].jobs[k]];
        if (other.c != values)
          continue;
        if ((place && place != &group.chains[i]) ||
            other.spec->n != job.spec->n ||
            other.panels.width != job.panels.width)
          return false;
        place = &group.chains[i];
      }
  }
  if (!place) {
    place = &group.chains[group.count++];
    place->parts = job.panelCount * job.parts;
  } else {
    // Whole panels: a thread has the results that it reads.
    for (unsigned k = 0; k < place->count; ++k)
      group.jobs[place->jobs[k]].parts = 1;
    job.parts = 1;
    place->parts = job.panelCount;
  }
  place->jobs[place->count++] = uint8_t(index);
  return true;
}

} // namespace

Error executeRows(lora_engine &engine,
                  std::span<lora_primitive *const> primitives,
                  void *const *const *args, void *scratch) {
  Group group = {};
  auto *room = static_cast<std::byte *>(scratch);
  unsigned threads = 1;
  int64_t bytes = 0;
  bool isOne = primitives.size() <= group.jobs.size();
  for (size_t i = 0; i < primitives.size() && isOne; ++i) {
    auto &matvec = static_cast<MatvecPrimitive &>(*primitives[i]);
    group.jobs[i] = matvec.prepare(args[i], room);
    room += matvec.scratchBytes;
    isOne = addToChain(group, unsigned(i));
    threads = std::max(threads, matvec.threads);
    bytes += matvec.partBytes() * matvec.parts * matvec.panelCount;
  }
  if (!isOne) {
    for (size_t i = 0; i < primitives.size(); ++i)
      if (Error error = primitives[i]->execute(engine, args[i], scratch))
        return error;
    return Error::success();
  }
  int64_t parts = 0;
  for (unsigned i = 0; i < group.count; ++i)
    parts += group.chains[i].parts;
  // A chunk is long enough for the hardware's prefetching to start.
  constexpr int64_t leastBytes = 1 << 17;
  int64_t grain =
      std::max<int64_t>(1, leastBytes / std::max<int64_t>(1, bytes / parts));
  void *captures[] = {&group};
  auto &first = static_cast<MatvecPrimitive &>(*primitives[0]);
  if (bytes >= leastBytes)
    threads = engine.threads;
  parallelFor(threads, 0, parts, grain, first.body.run, captures);
  return Error::success();
}

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
  auto result = std::make_unique<MatvecPrimitive>(spec, *panels);
  result->threads = threads;
  return result;
}

} // namespace lora_rt::cpu
