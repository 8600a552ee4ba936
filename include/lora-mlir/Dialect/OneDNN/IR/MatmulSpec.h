//===- MatmulSpec.h - A matmul as oneDNN is asked for it --------*- C++ -*-===//
//
// What -onednn-resolve-layouts asks oneDNN about is what -convert-onednn-to-rt
// makes a primitive of: both begin with this description.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_ONEDNN_IR_MATMULSPEC_H
#define LORA_MLIR_DIALECT_ONEDNN_IR_MATMULSPEC_H

#include "lora-mlir/Dialect/OneDNN/IR/OneDNNOps.h"
#include "lora-runtime/PrimitiveSpec.h"

namespace lora::onednn {

/// The sizes, types, bias and post-ops of a matmul. The layout and the strides
/// are those of a matmul of whole, plain matrices.
lora_rt::MatmulSpec getMatmulSpec(MatmulOp op);

} // namespace lora::onednn

#endif // LORA_MLIR_DIALECT_ONEDNN_IR_MATMULSPEC_H
