//===- InitAll.h - Registration of everything -------------------*- C++ -*-===//
//
// What a tool registers to read and rewrite every IR of this project.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_INITALL_H
#define LORA_MLIR_INITALL_H

namespace mlir {
class DialectRegistry;
}

namespace lora {

/// Registers this project's dialects, the upstream dialects that its passes
/// produce, and the interfaces that lowering them needs.
void registerAllDialects(mlir::DialectRegistry &registry);

/// Registers this project's passes and pipelines, and upstream's.
void registerAllPasses();

/// Registers this project's passes and pipelines alone.
void registerOwnPasses();

} // namespace lora

#endif // LORA_MLIR_INITALL_H
