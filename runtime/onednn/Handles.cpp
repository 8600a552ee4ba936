//===- Handles.cpp - Element types, descriptors and layout names ----------===//
//
// Translates between our names (types, layouts) and oneDNN's descriptors. Every
// status of oneDNN is checked; a type or layout that oneDNN does not have is an
// error.
//
//===----------------------------------------------------------------------===//

#include "Handles.h"
#include "lora-runtime/Layouts.h"

#include <map>
#include <oneapi/dnnl/dnnl_debug.h>

namespace lora_rt::onednn {

namespace {

/// The format tags that a matrix can have, by name. The names come from oneDNN,
/// so they are right for every version.
const std::map<std::string, dnnl_format_tag_t, std::less<>> &matrixTags() {
  static const auto tags = [] {
    std::map<std::string, dnnl_format_tag_t, std::less<>> result;
    dnnl_dims_t dims = {1, 1};
    for (int value = dnnl_format_tag_any + 1; value < dnnl_format_tag_last;
         ++value) {
      auto tag = dnnl_format_tag_t(value);
      dnnl_memory_desc_t desc = nullptr;
      if (dnnl_memory_desc_create_with_tag(&desc, 2, dims, dnnl_f32, tag) !=
          dnnl_success)
        continue;
      MemoryDesc owner(desc);
      result.emplace(dnnl_fmt_tag2str(tag), tag);
    }
    return result;
  }();
  return tags;
}

} // namespace

Expected<dnnl_data_type_t> dataType(DType type) {
  switch (type) {
  case DType::F32:
    return dnnl_f32;
  case DType::BF16:
    return dnnl_bf16;
  case DType::F16:
    return dnnl_f16;
  case DType::I32:
    return dnnl_s32;
  case DType::I8:
    return dnnl_s8;
  case DType::U8:
    return dnnl_u8;
  default:
    return makeError(ErrorCode::Unsupported, "oneDNN has no kernels for ",
                     manifestName(type), " on this engine");
  }
}

Expected<MemoryDesc> weightsDesc(std::string_view layout, int64_t n, int64_t k,
                                 DType type) {
  Expected<dnnl_data_type_t> element = dataType(type);
  if (!element)
    return element.takeError();
  dnnl_format_tag_t tag = dnnl_ba;
  if (layout != plainLayout) {
    auto found = matrixTags().find(layout);
    if (found == matrixTags().end())
      return makeError(ErrorCode::Unsupported, "the weight layout '", layout,
                       "' is not known to oneDNN ", oneDNNVersion(),
                       "; compile the model again on this machine");
    tag = found->second;
  }
  dnnl_dims_t dims = {k, n};
  dnnl_memory_desc_t desc = nullptr;
  if (Error error =
          check(dnnl_memory_desc_create_with_tag(&desc, 2, dims, *element, tag),
                "describing weights of ", n, " x ", k, " in layout ", layout))
    return error;
  return MemoryDesc(desc);
}

std::optional<std::string> layoutOf(const_dnnl_memory_desc_t desc, int64_t n,
                                    int64_t k, DType type) {
  Expected<MemoryDesc> plain = weightsDesc(plainLayout, n, k, type);
  if (plain && dnnl_memory_desc_equal(desc, plain->get()))
    return std::string(plainLayout);
  for (const auto &entry : matrixTags()) {
    Expected<MemoryDesc> candidate = weightsDesc(entry.first, n, k, type);
    if (candidate && dnnl_memory_desc_equal(desc, candidate->get()))
      return entry.first;
  }
  return std::nullopt;
}

Expected<Engine> cpuEngine() {
  dnnl_engine_t engine = nullptr;
  if (Error error = check(dnnl_engine_create(&engine, dnnl_cpu, 0),
                          "creating the CPU engine"))
    return error;
  return Engine(engine);
}

} // namespace lora_rt::onednn
