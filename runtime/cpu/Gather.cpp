//===- Gather.cpp - Rows of an embedding, plain or packed -----------------===//
//
// An embedding that is also the head is stored once, in the layout of the head.
// Its rows are assembled from the positions that the layout gives their
// elements.
//
//===----------------------------------------------------------------------===//

#include "Engine.h"
#include "Threads.h"
#include "lora-runtime/Layouts.h"

#include <algorithm>
#include <cstring>

namespace lora_rt::cpu {

namespace {

/// What the loop over rows needs. It is passed as the loop's only capture.
struct Job {
  const ElementOffsets &offsets;
  const void *table;
  const int32_t *indices;
  void *out;
  int64_t width;
};

template <typename Element>
void copyRows(void *const *captures, int64_t begin, int64_t end) {
  const Job &job = *static_cast<const Job *>(captures[0]);
  const auto *table = static_cast<const Element *>(job.table);
  auto *out = static_cast<Element *>(job.out);
  for (int64_t i = begin; i < end; ++i) {
    const Element *row = table + job.offsets.rows[size_t(job.indices[i])];
    for (int64_t j = 0; j < job.width; ++j)
      out[i * job.width + j] = row[job.offsets.columns[size_t(j)]];
  }
}

template <typename Element>
void copyPlainRows(void *const *captures, int64_t begin, int64_t end) {
  const Job &job = *static_cast<const Job *>(captures[0]);
  const auto *table = static_cast<const Element *>(job.table);
  auto *out = static_cast<Element *>(job.out);
  for (int64_t i = begin; i < end; ++i)
    std::memcpy(out + i * job.width, table + job.indices[i] * job.width,
                size_t(job.width) * sizeof(Element));
}

struct GatherPrimitive final : lora_primitive {
  GatherSpec spec;
  ElementOffsets offsets; ///< Empty for a plain table.
  lora_rt_body body;

  Error execute(lora_engine &engine, void *const *args, void *) override {
    const auto *indices = static_cast<const int32_t *>(args[1]);
    for (int64_t i = 0; i < spec.count; ++i)
      if (indices[i] < 0 || indices[i] >= spec.rows)
        return makeError(ErrorCode::InvalidArgument, "id ", indices[i],
                         " is outside the table of ", spec.rows, " rows");
    Job job{offsets, args[0], indices, args[2], spec.width};
    void *captures[] = {&job};
    int64_t grain = std::max<int64_t>(1, 16384 / spec.width);
    parallelFor(engine.threads, 0, spec.count, grain, body, captures);
    return Error::success();
  }
};

} // namespace

Expected<std::unique_ptr<lora_primitive>> createGather(lora_engine &,
                                                       const GatherSpec &spec) {
  auto result = std::make_unique<GatherPrimitive>();
  result->spec = spec;
  bool plain = spec.layout == plainLayout;
  if (!plain) {
    Expected<ElementOffsets> offsets =
        elementOffsets(spec.layout, spec.rows, spec.width);
    if (!offsets)
      return offsets.takeError();
    result->offsets = std::move(*offsets);
  }
  switch (sizeOf(spec.dtype)) {
  case 2:
    result->body = plain ? copyPlainRows<uint16_t> : copyRows<uint16_t>;
    break;
  case 4:
    result->body = plain ? copyPlainRows<uint32_t> : copyRows<uint32_t>;
    break;
  case 8:
    result->body = plain ? copyPlainRows<uint64_t> : copyRows<uint64_t>;
    break;
  default:
    return makeError(ErrorCode::Unsupported, "gather has no kernel for ",
                     manifestName(spec.dtype));
  }
  result->bytes =
      2 * uint64_t(spec.count) * uint64_t(spec.width) * sizeOf(spec.dtype);
  return std::unique_ptr<lora_primitive>(std::move(result));
}

} // namespace lora_rt::cpu
