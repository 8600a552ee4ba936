//===- Matmul.h - A matmul with post-ops, described -------------*- C++ -*-===//
//
// From a MatmulSpec to oneDNN's descriptor of a primitive. What oneDNN cannot
// do is an error with oneDNN's status and the text of the spec.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_ONEDNN_MATMUL_H
#define LORA_RUNTIME_ONEDNN_MATMUL_H

#include "Handles.h"
#include "lora-runtime/Layouts.h"

namespace lora_rt::onednn {

/// Lets oneDNN choose an implementation of a product. The caller provides the
/// scratchpad when it executes the primitive.
Expected<PrimitiveDesc> describeMatmul(dnnl_engine_t engine,
                                       const MatmulSpec &spec);

} // namespace lora_rt::onednn

#endif // LORA_RUNTIME_ONEDNN_MATMUL_H
