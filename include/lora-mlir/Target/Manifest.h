//===- Manifest.h - What a lowered module needs at run time -----*- C++ -*-===//
//
// Collects parameters, state, primitives and entries of a module in rt form
// into the manifest of docs/executable-format.md, and says where each
// parameter's bytes come from.
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

/// A parameter of the manifest and the expression that gives its bytes.
struct BoundValue {
  /// The full name of the slot.
  std::string name;
  /// The weight expression, and the path that its leaves are relative to.
  mlir::Attribute value;
  std::string path;
  /// The logical type, without a layout.
  mlir::RankedTensorType type;
  /// "plain" or a oneDNN format tag.
  std::string layout = "plain";
};

struct ModuleManifest {
  /// The manifest. `params` have neither `bytes` nor `offset` nor a checksum:
  /// whoever writes a pack adds them.
  nlohmann::ordered_json json;
  /// One per entry of `params`, in its order.
  std::vector<BoundValue> params;
  /// One per entry of `trainables`, in its order.
  std::vector<BoundValue> trainables;
};

/// Builds the manifest of `module`, in rt form with planned frames
/// (`rt.target`, `rt.slot_table`, `rt.entry`, `rt.frame_bytes`,
/// `rt.primitive`). A failure is a diagnostic.
mlir::FailureOr<ModuleManifest> buildManifest(mlir::ModuleOp module);

} // namespace lora

#endif // LORA_MLIR_TARGET_MANIFEST_H
