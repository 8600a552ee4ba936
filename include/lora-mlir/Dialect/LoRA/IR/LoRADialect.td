//===- LoRADialect.td - The lora dialect ---------------------*- tablegen -*-===//
//
// Defines the dialect and its conventions. LoRAOps.td has its operations, and
// LoRAAttributes.td its attributes.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_LORA_IR_LORADIALECT_TD
#define LORA_MLIR_DIALECT_LORA_IR_LORADIALECT_TD

include "mlir/IR/OpBase.td"

def LoRA_Dialect : Dialect {
  let name = "lora";
  let cppNamespace = "::lora";
  let summary = "Low-rank adapters on linear layers and embeddings";
  let description = [{
    A linear layer with a low-rank branch (Hu et al. 2021), y = W x + B (s * (A x)), with A
    [rank, in], B [out, rank] and a scale per rank row, s = alpha / rank unless an adapter says
    otherwise.

    `lora.linear` is a linear layer with a branch, `lora.embedding` a table with a branch.
    `-lora-merge` folds the branch into a weight expression. `-lora-fuse` splits a linear layer with
    a branch into `lora.down`, which the layers that read one input share, and `lora.up`.
  }];
  let dependentDialects = ["::lora::transformer::TransformerDialect"];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let extraClassDeclaration = [{
    void registerAttributes();
    void registerTypes() {}
    /// On an argument of a function: the input that lora-check gives it, as
    /// text.
    static constexpr llvm::StringLiteral kInputAttr = "lora.input";
  }];
}

#endif // LORA_MLIR_DIALECT_LORA_IR_LORADIALECT_TD
