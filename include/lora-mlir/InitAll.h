//===- InitAll.h - Registration of everything -------------------*- C++ -*-===//
//
// Registers what a tool needs to read and rewrite all IR of this project.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_INITALL_H
#define LORA_MLIR_INITALL_H

namespace mlir {
class DialectRegistry;
}

namespace lora {

/// Registers the dialects of this project, the upstream dialects that its
/// passes produce, and the interfaces that lowering needs.
void registerAllDialects(mlir::DialectRegistry &registry);

/// Registers the passes and pipelines of this project and those of upstream.
void registerAllPasses();

/// Registers only the passes and pipelines of this project.
void registerOwnPasses();

} // namespace lora

#endif // LORA_MLIR_INITALL_H
