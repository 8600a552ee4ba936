//===- Matvec.cpp - Primitives for products of one row --------------------===//
//
// Prepares products of one row for the kernels of RowKernels.h, and runs
// several of them as one parallel loop. The threads then wait for each other
// only once for all products of a group.
//
//===----------------------------------------------------------------------===//

#include "RowKernels.h"
#include "Threads.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace lora_rt::cpu {

namespace {

/// Converts the row a to f32 and pads it with zeros. For layouts with pairs,
/// the even values of k come first, then the odd ones. The calling thread does
/// this alone, so it is vectorized.
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

/// Copies a row of bf16 and pads it with zeros.
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
  int64_t weightBytes() const {
    return panelCount * panels.paddedK * panels.width * int64_t(sizeOf(spec.b));
  }

  Job prepare(void *const *args, void *scratch) const {
    auto *buffer = static_cast<std::byte *>(scratch);
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
        panels.width % 16 == 0) {
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
      job.partial = reinterpret_cast<float *>(buffer + partialOffset());
      job.arrived = reinterpret_cast<uint32_t *>(buffer + arrivedOffset());
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

/// Adds a job to the chain of the job whose results it reads, or makes a new
/// chain for it. Returns false if the job can only run after all others.
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
    // Chains use whole panels, so that a thread reads only results that it
    // computed itself.
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
  auto *buffer = static_cast<std::byte *>(scratch);
  unsigned threads = 1;
  int64_t bytes = 0;
  bool isOne = primitives.size() <= group.jobs.size();
  for (size_t i = 0; i < primitives.size() && isOne; ++i) {
    auto &matvec = static_cast<MatvecPrimitive &>(*primitives[i]);
    group.jobs[i] = matvec.prepare(args[i], buffer);
    buffer += matvec.scratchBytes;
    isOne = addToChain(group, unsigned(i));
    threads = std::max(threads, matvec.threads);
    bytes += matvec.weightBytes();
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
  for (size_t i = 0; i < primitives.size(); ++i)
    group.jobs[i].isStreamed = bytes >= streamedBytes;
  // A chunk must be long enough for the hardware prefetcher to start.
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
