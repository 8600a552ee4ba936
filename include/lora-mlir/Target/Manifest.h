//===- Manifest.h - The manifest of a lowered module ------------*- C++ -*-===//
//
// Collects parameters, state, primitives and entries of a module in rt form
// into the structs that the runtime takes (lora-runtime/Manifest.h), and says
// where each parameter's bytes come from.
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

/// A parameter or trainable of the manifest and the expression that gives its
/// bytes.
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

/// A lowered module without its code.
struct ProgramDescription {
  /// Its parameters have no places: whoever writes a pack sets them.
  lora_rt::Manifest manifest;
  /// One per entry of `manifest.params`, in its order.
  std::vector<BoundValue> params;
  /// One per entry of `manifest.trainables`, in its order.
  std::vector<BoundValue> trainables;
};

/// Describes `module`, in rt form with planned frames, by its attributes
/// `rt.target`, `rt.slot_table`, `rt.entry`, `rt.frame_bytes`,
/// `transformer.model` and its `rt.primitive` operations. The manifest is
/// verified. A failure is a diagnostic.
mlir::FailureOr<ProgramDescription> describeProgram(mlir::ModuleOp module);

} // namespace lora

#endif // LORA_MLIR_TARGET_MANIFEST_H
