//===- Layouts.cpp - Choosing and converting weight layouts ---------------===//
//
// Implements Layouts.h. oneDNN decides which layout is best and how it lies in
// memory. One exception is packing into blocks of 4-byte units, which this file
// does itself, because it is faster than oneDNN's reorder and gives the same
// bytes.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Layouts.h"
#include "Handles.h"
#include "Matmul.h"
#include "Team.h"

#include <cstring>
#include <optional>

// Functions of libgomp, the OpenMP runtime that oneDNN uses.
extern "C" {
int omp_get_max_threads(void);
void omp_set_num_threads(int threads);
}

namespace lora_rt {

using namespace onednn;

namespace {

struct InstructionSet {
  std::string_view name;
  dnnl_cpu_isa_t value;
};

constexpr InstructionSet instructionSets[] = {
    {"all", dnnl_cpu_isa_default},
    {"sse41", dnnl_cpu_isa_sse41},
    {"avx", dnnl_cpu_isa_avx},
    {"avx2", dnnl_cpu_isa_avx2},
    {"avx2_vnni", dnnl_cpu_isa_avx2_vnni},
    {"avx2_vnni_2", dnnl_cpu_isa_avx2_vnni_2},
    {"avx512_core", dnnl_cpu_isa_avx512_core},
    {"avx512_core_vnni", dnnl_cpu_isa_avx512_core_vnni},
    {"avx512_core_bf16", dnnl_cpu_isa_avx512_core_bf16},
    {"avx512_core_fp16", dnnl_cpu_isa_avx512_core_fp16},
    {"avx512_core_amx", dnnl_cpu_isa_avx512_core_amx},
    {"avx512_core_amx_fp16", dnnl_cpu_isa_avx512_core_amx_fp16},
};

/// How a blocked layout of {k, n} lies in memory. The pointers point into the
/// descriptor.
struct Blocking {
  int innerCount = 0;
  dnnl_dims_t *strides = nullptr, *innerBlocks = nullptr, *innerDims = nullptr;
  int64_t start = 0;

  static Expected<Blocking> of(const_dnnl_memory_desc_t desc,
                               std::string_view layout) {
    Blocking result;
    dnnl_format_kind_t kind;
    auto query = [&](dnnl_query_t what, void *to) {
      return check(dnnl_memory_desc_query(desc, what, to), "reading layout ",
                   layout);
    };
    if (Error error = query(dnnl_query_format_kind, &kind))
      return error;
    if (kind != dnnl_blocked)
      return makeError(ErrorCode::Unsupported, "the layout '", layout,
                       "' cannot be read row by row");
    if (Error error = query(dnnl_query_strides, &result.strides))
      return error;
    if (Error error = query(dnnl_query_inner_nblks_s32, &result.innerCount))
      return error;
    if (Error error = query(dnnl_query_inner_blks, &result.innerBlocks))
      return error;
    if (Error error = query(dnnl_query_inner_idxs, &result.innerDims))
      return error;
    if (Error error = query(dnnl_query_submemory_offset_s64, &result.start))
      return error;
    return result;
  }
};

/// A layout of {k, n} in blocks of 4-byte units. A unit holds one or more
/// elements that follow each other along k. A block is `rows` rows of `columns`
/// units. oneDNN's matmuls prefer such layouts, but its reorder packs them
/// element by element.
struct UnitBlocks {
  int64_t rows = 0, columns = 0;
  /// Bytes from one block to the next, along k and along n.
  int64_t strideK = 0, strideN = 0;

  /// nullopt for other layouts, and if a block would be padded.
  static std::optional<UnitBlocks> of(const Blocking &blocking, int64_t n,
                                      int64_t k, size_t elementBytes) {
    const int64_t *blocks = *blocking.innerBlocks, *dims = *blocking.innerDims;
    bool isPair = blocking.innerCount == 3 && dims[2] == 0;
    if ((blocking.innerCount != 2 && !isPair) || dims[0] != 0 || dims[1] != 1 ||
        blocking.start != 0)
      return std::nullopt;
    int64_t perUnit = isPair ? blocks[2] : 1;
    if (perUnit * int64_t(elementBytes) != 4 || n % blocks[1] != 0 ||
        k % (blocks[0] * perUnit) != 0)
      return std::nullopt;
    return UnitBlocks{blocks[0], blocks[1],
                      (*blocking.strides)[0] * int64_t(elementBytes),
                      (*blocking.strides)[1] * int64_t(elementBytes)};
  }

  /// Packs `n` rows of `rowBytes` bytes. Each block is filled from whole cache
  /// lines of the source: rows whose distance is a power of two share few sets
  /// of a cache, so a line might be evicted before its other elements are used.
  void pack(const std::byte *source, std::byte *target, int64_t n,
            int64_t rowBytes) const {
    for (int64_t j = 0; j < n / columns; ++j)
      for (int64_t i = 0; i < rowBytes / (rows * 4); ++i) {
        const std::byte *from = source + j * columns * rowBytes + i * rows * 4;
        std::byte *to = target + j * strideN + i * strideK;
        for (int64_t column = 0; column < columns; ++column)
          for (int64_t row = 0; row < rows; ++row)
            std::memcpy(to + (row * columns + column) * 4,
                        from + column * rowBytes + row * 4, 4);
      }
  }
};

Expected<Memory> memory(dnnl_engine_t engine, const_dnnl_memory_desc_t desc,
                        void *data) {
  dnnl_memory_t raw = nullptr;
  if (Error error = check(dnnl_memory_create(&raw, desc, engine, data),
                          "wrapping a buffer"))
    return error;
  return Memory(raw);
}

/// The name of the implementation: "gemm:jit:f32", "brg:avx512_core_bf16", ...
std::string_view implementationOf(const PrimitiveDesc &desc) {
  const char *name = nullptr;
  dnnl_primitive_desc_query(desc.get(), dnnl_query_impl_info_str, 0,
                            static_cast<void *>(&name));
  return name ? name : "";
}

} // namespace

OneThread::OneThread(bool isWanted) : before(omp_get_max_threads()) {
  if (isWanted)
    omp_set_num_threads(1);
}

OneThread::~OneThread() { omp_set_num_threads(before); }

Error limitInstructionSet(std::string_view name) {
  for (const InstructionSet &set : instructionSets)
    if (set.name == name)
      return check(dnnl_set_max_cpu_isa(set.value),
                   "restricting the instruction set to ", name);
  return makeError(ErrorCode::InvalidArgument,
                   "oneDNN has no instruction set '", name, "'");
}

std::string instructionSet() {
  dnnl_cpu_isa_t value = dnnl_get_effective_cpu_isa();
  for (const InstructionSet &set : instructionSets)
    if (set.value == value)
      return std::string(set.name);
  return "isa " + std::to_string(int(value));
}

std::string oneDNNVersion() {
  const dnnl_version_t *version = dnnl_version();
  return std::to_string(version->major) + "." + std::to_string(version->minor) +
         "." + std::to_string(version->patch);
}

Expected<std::string> preferredLayout(MatmulSpec spec) {
  spec.layout.clear();
  Expected<Engine> engine = cpuEngine();
  if (!engine)
    return engine.takeError();
  Expected<PrimitiveDesc> desc = describeMatmul(engine->get(), spec);
  if (!desc)
    return desc.takeError();
  // Without AVX-512 the implementation is a GEMM, which packs the weights in
  // each call, from rows or from columns. Packing from columns is less work.
  // But columns are pages apart, so weights that are not in a cache are read
  // faster as rows.
  constexpr int64_t cached = 4 << 20;
  if (!instructionSet().starts_with("avx512") &&
      implementationOf(*desc).starts_with("gemm") &&
      (spec.m == 1 || spec.n * spec.k * int64_t(sizeOf(spec.b)) > cached))
    return std::string(plainLayout);
  const_dnnl_memory_desc_t chosen =
      dnnl_primitive_desc_query_md(desc->get(), dnnl_query_weights_md, 0);
  return layoutOf(chosen, spec.n, spec.k, spec.b)
      .value_or(std::string(plainLayout));
}

Expected<std::string> packedTag(int64_t m, int64_t n, int64_t k, DType a,
                                DType b, DType c) {
  MatmulSpec spec;
  spec.m = m;
  spec.n = n;
  spec.k = k;
  spec.a = a;
  spec.b = b;
  spec.c = c;
  return preferredLayout(spec);
}

Expected<uint64_t> packedBytes(std::string_view layout, int64_t n, int64_t k,
                               DType type) {
  Expected<MemoryDesc> desc = weightsDesc(layout, n, k, type);
  if (!desc)
    return desc.takeError();
  return uint64_t(dnnl_memory_desc_get_size(desc->get()));
}

Expected<int64_t> separableRows(std::string_view layout, int64_t n, int64_t k,
                                DType type) {
  if (layout == plainLayout)
    return int64_t(1);
  Expected<MemoryDesc> desc = weightsDesc(layout, n, k, type);
  if (!desc)
    return desc.takeError();
  Expected<Blocking> blocking = Blocking::of(desc->get(), layout);
  if (!blocking)
    return blocking.takeError();
  int64_t rows = 1;
  for (int i = 0; i < blocking->innerCount; ++i)
    if ((*blocking->innerDims)[i] == 1)
      rows *= (*blocking->innerBlocks)[i];
  // If the first block of n holds all of k, the blocks of n are the outermost
  // ones.
  Expected<uint64_t> one = packedBytes(layout, std::min(rows, n), k, type);
  if (!one)
    return one.takeError();
  bool follows = uint64_t((*blocking->strides)[1]) * sizeOf(type) == *one;
  return follows && rows < n ? rows : n;
}

Error repack(std::string_view from, const void *source, std::string_view to,
             void *target, int64_t n, int64_t k, DType type) {
  Expected<MemoryDesc> sourceDesc = weightsDesc(from, n, k, type);
  if (!sourceDesc)
    return sourceDesc.takeError();
  Expected<MemoryDesc> targetDesc = weightsDesc(to, n, k, type);
  if (!targetDesc)
    return targetDesc.takeError();
  Expected<Engine> engine = cpuEngine();
  if (!engine)
    return engine.takeError();
  // One thread is used if the matrix is too small to share, or if no team can
  // be started.
  OneThread alone(n * k * int64_t(sizeOf(type)) < 1 << 18 ||
                  !canHaveTeam(unsigned(omp_get_max_threads())));
  dnnl_stream_t rawStream = nullptr;
  if (Error error = check(dnnl_stream_create(&rawStream, engine->get(),
                                             dnnl_stream_default_flags),
                          "creating a stream"))
    return error;
  Stream stream(rawStream);
  dnnl_primitive_desc_t rawDesc = nullptr;
  if (Error error = check(dnnl_reorder_primitive_desc_create(
                              &rawDesc, sourceDesc->get(), engine->get(),
                              targetDesc->get(), engine->get(), nullptr),
                          "repacking from ", from, " to ", to))
    return error;
  PrimitiveDesc desc(rawDesc);
  dnnl_primitive_t rawReorder = nullptr;
  if (Error error = check(dnnl_primitive_create(&rawReorder, rawDesc),
                          "repacking from ", from, " to ", to))
    return error;
  Primitive reorder(rawReorder);
  // oneDNN's memory objects have no const. The source is only read.
  Expected<Memory> sourceMemory =
      memory(engine->get(), sourceDesc->get(), const_cast<void *>(source));
  if (!sourceMemory)
    return sourceMemory.takeError();
  Expected<Memory> targetMemory =
      memory(engine->get(), targetDesc->get(), target);
  if (!targetMemory)
    return targetMemory.takeError();
  dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, sourceMemory->get()},
                            {DNNL_ARG_TO, targetMemory->get()}};
  if (Error error =
          check(dnnl_primitive_execute(rawReorder, rawStream, 2, args),
                "repacking from ", from, " to ", to))
    return error;
  return check(dnnl_stream_wait(rawStream), "repacking from ", from, " to ",
               to);
}

Error pack(std::string_view layout, const void *plain, void *packed, int64_t n,
           int64_t k, DType type) {
  Expected<MemoryDesc> desc = weightsDesc(layout, n, k, type);
  if (!desc)
    return desc.takeError();
  if (Expected<Blocking> blocking = Blocking::of(desc->get(), layout))
    if (auto blocks = UnitBlocks::of(*blocking, n, k, sizeOf(type))) {
      blocks->pack(static_cast<const std::byte *>(plain),
                   static_cast<std::byte *>(packed), n,
                   k * int64_t(sizeOf(type)));
      return Error::success();
    }
  return repack(plainLayout, plain, layout, packed, n, k, type);
}

Expected<ElementOffsets> elementOffsets(std::string_view layout, int64_t n,
                                        int64_t k) {
  // Offsets count elements, so they are the same for every element type.
  Expected<MemoryDesc> desc = weightsDesc(layout, n, k, DType::F32);
  if (!desc)
    return desc.takeError();
  Expected<Blocking> blocking = Blocking::of(desc->get(), layout);
  if (!blocking)
    return blocking.takeError();

  // The inner blocks are listed from the outermost to the innermost; the last
  // one is contiguous. A coordinate is split from the innermost block outwards;
  // the rest counts whole blocks. The offsets of the two coordinates are
  // independent of each other, and are added.
  auto offset = [&](int dim, int64_t coordinate) {
    int64_t result = 0, blockStride = 1;
    for (int i = blocking->innerCount - 1; i >= 0; --i) {
      int64_t block = (*blocking->innerBlocks)[i];
      if ((*blocking->innerDims)[i] == dim) {
        result += coordinate % block * blockStride;
        coordinate /= block;
      }
      blockStride *= block;
    }
    return result + coordinate * (*blocking->strides)[dim];
  };
  ElementOffsets result;
  result.rows.resize(size_t(n));
  result.columns.resize(size_t(k));
  for (int64_t row = 0; row < n; ++row)
    result.rows[size_t(row)] = blocking->start + offset(1, row);
  for (int64_t column = 0; column < k; ++column)
    result.columns[size_t(column)] = offset(0, column);
  return result;
}

} // namespace lora_rt
