//===- Handles.h - Owners of oneDNN objects, checked calls -----*- C++ -*-===//
//
// oneDNN's C objects as std::unique_ptr, and its statuses as Error. Both the
// compiler and the CPU backend use oneDNN through this header.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_ONEDNN_HANDLES_H
#define LORA_RUNTIME_ONEDNN_HANDLES_H

#include "lora-runtime/Error.h"
#include "lora-runtime/Numeric.h"

#include <memory>
#include <oneapi/dnnl/dnnl.h>
#include <optional>
#include <type_traits>

namespace lora_rt::onednn {

template <auto Destroy> struct Destroyer {
  template <typename T> void operator()(T *object) const {
    (void)Destroy(object);
  }
};

template <typename Pointer, auto Destroy>
using Owner =
    std::unique_ptr<std::remove_pointer_t<Pointer>, Destroyer<Destroy>>;

using Engine = Owner<dnnl_engine_t, dnnl_engine_destroy>;
using Stream = Owner<dnnl_stream_t, dnnl_stream_destroy>;
using MemoryDesc = Owner<dnnl_memory_desc_t, dnnl_memory_desc_destroy>;
using Memory = Owner<dnnl_memory_t, dnnl_memory_destroy>;
using Attributes = Owner<dnnl_primitive_attr_t, dnnl_primitive_attr_destroy>;
using PostOps = Owner<dnnl_post_ops_t, dnnl_post_ops_destroy>;
using PrimitiveDesc = Owner<dnnl_primitive_desc_t, dnnl_primitive_desc_destroy>;
using Primitive = Owner<dnnl_primitive_t, dnnl_primitive_destroy>;

/// Success, or an error with oneDNN's status and `what` was being done.
template <typename... Parts>
Error check(dnnl_status_t status, const Parts &...what) {
  if (status == dnnl_success)
    return Error::success();
  const char *text = status == dnnl_out_of_memory       ? "out of memory"
                     : status == dnnl_invalid_arguments ? "invalid arguments"
                     : status == dnnl_unimplemented     ? "not implemented"
                     : status == dnnl_runtime_error     ? "run-time error"
                                                        : "failed";
  return makeError(status == dnnl_unimplemented ? ErrorCode::Unsupported
                                                : ErrorCode::System,
                   "oneDNN: ", what..., ": ", text);
}

/// oneDNN's value for an element type; an error for types that oneDNN does not
/// have.
Expected<dnnl_data_type_t> dataType(DType type);

/// The descriptor of the weights {k, n} in a layout.
Expected<MemoryDesc> weightsDesc(std::string_view layout, int64_t n, int64_t k,
                                 DType type);

/// The layout's name of a weights descriptor; nullopt if it has none.
std::optional<std::string> layoutOf(const_dnnl_memory_desc_t desc, int64_t n,
                                    int64_t k, DType type);

/// Makes an engine for the CPU.
Expected<Engine> cpuEngine();

} // namespace lora_rt::onednn

#endif // LORA_RUNTIME_ONEDNN_HANDLES_H
