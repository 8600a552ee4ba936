//===- BufferizableOpInterfaceImpl.h ----------------------------*- C++ -*-===//
//
// Bufferization of the onednn operations.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_ONEDNN_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
#define LORA_MLIR_DIALECT_ONEDNN_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H

namespace mlir {
class DialectRegistry;
}

namespace lora::onednn {

/// Lets one-shot-bufferize convert the onednn operations.
void registerBufferizableOpInterfaceExternalModels(
    mlir::DialectRegistry &registry);

} // namespace lora::onednn

#endif // LORA_MLIR_DIALECT_ONEDNN_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
