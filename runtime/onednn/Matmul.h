//===- Matmul.h - A matmul with post-ops, described -------------*- C++ -*-===//

#ifndef LORA_RUNTIME_ONEDNN_MATMUL_H
#define LORA_RUNTIME_ONEDNN_MATMUL_H

#include "Handles.h"
#include "lora-runtime/Layouts.h"

namespace lora_rt::onednn {

/// Chooses an implementation; the scratchpad is the user's.
Expected<PrimitiveDesc> describeMatmul(dnnl_engine_t engine,
                                       const MatmulSpec &spec);

} // namespace lora_rt::onednn

#endif // LORA_RUNTIME_ONEDNN_MATMUL_H
