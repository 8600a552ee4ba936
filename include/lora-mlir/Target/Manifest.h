//===- Manifest.h - The manifest of a lowered module ------------*- C++ -*-===//
//
// Collects the parameters, states, primitives and entries of a module in the rt
// dialect into the structs of the runtime (lora-runtime/Manifest.h). For each
// parameter, it keeps the expression that computes the bytes.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_TARGET_MANIFEST_H
#define LORA_MLIR_TARGET_MANIFEST_H

#include "lora-runtime/Manifest.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"

#include <string>
#include <vector>

namespace lora {

/// A parameter or trainable of the manifest, and the expression that computes
/// its bytes.
struct BoundValue {
  /// The full name of the slot.
  std::string name;
  /// The weight expression, and the path to which its leaves are relative.
  mlir::Attribute value;
  std::string path;
  /// The logical type, without a layout.
  mlir::RankedTensorType type;
  /// "plain" or a oneDNN format tag.
  std::string layout = std::string(lora_rt::plainLayout);
};

/// What a lowered module consists of, apart from its code.
struct ProgramDescription {
  /// The parameters have no place in a pack. The writer of the pack sets it.
  lora_rt::Manifest manifest;
  /// One for each of `manifest.params`, in the same order.
  std::vector<BoundValue> params;
  /// One for each of `manifest.trainables`, in the same order.
  std::vector<BoundValue> trainables;
};

/// Describes `module`, which is in the rt dialect and has planned frames. It
/// reads the attributes `rt.target`, `rt.slot_table`, `rt.entry`,
/// `rt.frame_bytes` and `transformer.model`, and the operations `rt.primitive`.
/// The manifest is verified. A failure is a diagnostic.
mlir::FailureOr<ProgramDescription> describeProgram(mlir::ModuleOp module);

} // namespace lora

#endif // LORA_MLIR_TARGET_MANIFEST_H
