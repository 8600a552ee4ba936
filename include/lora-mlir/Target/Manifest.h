//===- Manifest.h - The manifest of a lowered module ------------*- C++ -*-===//
//
// Collects the parameters, state, primitives and entries of a module in rt form
// into the manifest of docs/executable-format.md, and records where the bytes
// of each parameter come from.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_TARGET_MANIFEST_H
#define LORA_MLIR_TARGET_MANIFEST_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace lora {

/// A parameter of the manifest, and the expression of its bytes.
struct BoundValue {
  /// The full name of the slot.
  std::string name;
  /// The weight expression, and the path to which its leaves are relative.
  mlir::Attribute value;
  std::string path;
  /// The logical type, without a layout.
  mlir::RankedTensorType type;
  /// "plain" or a oneDNN format tag.
  std::string layout = "plain";
};

struct ModuleManifest {
  /// The manifest. `params` have no `bytes`, `offset` or checksum; whoever
  /// writes a pack adds them.
  nlohmann::ordered_json json;
  /// One for each entry of `params`, in the same order.
  std::vector<BoundValue> params;
  /// One for each entry of `trainables`, in the same order.
  std::vector<BoundValue> trainables;
};

/// Builds the manifest of `module`, in rt form with planned frames
/// (`rt.target`, `rt.slot_table`, `rt.entry`, `rt.frame_bytes`,
/// `rt.primitive`). A failure is a diagnostic.
mlir::FailureOr<ModuleManifest> buildManifest(mlir::ModuleOp module);

} // namespace lora

#endif // LORA_MLIR_TARGET_MANIFEST_H
