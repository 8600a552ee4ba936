//===- Passes.td - Passes of the Transformer dialect ------------------*- tablegen -*-===//
#ifndef LORA_MLIR_DIALECT_TRANSFORMER_TRANSFORMS_PASSES_TD
#define LORA_MLIR_DIALECT_TRANSFORMER_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def TransformerSpecializeTokens : Pass<"transformer-specialize-tokens", "::mlir::ModuleOp"> {
  let summary = "Makes copies of entries and their blocks for fixed numbers of tokens";
  let description = [{
    For each entry in `functions` and each count M in `tokens`, makes a public copy `@entry.tM` whose token axes are M, and private
    copies `@block.tM` of the blocks that it applies. State slots, and what is derived from them in place, keep their run-time
    number of rows. Everything else that has a body is removed, unless `keep` is given: what is left is what will be run.

    ```mlir
    func.func @logits(%h: tensor<?x48xf32>) -> tensor<?x259xf32> {
      %0 = transformer.apply @head at "lm_head"(%h) : (tensor<?x48xf32>) -> tensor<?x259xf32>
      return %0 : tensor<?x259xf32>
    }
    ```
    becomes, with `tokens=32`,
    ```mlir
    func.func @logits.t32(%h: tensor<32x48xf32>) -> tensor<32x259xf32> attributes {transformer.tokens = 32 : i64} {
      %0 = transformer.apply @head.t32 at "lm_head"(%h) : (tensor<32x48xf32>) -> tensor<32x259xf32>
      return %0 : tensor<32x259xf32>
    }
    ```
  }];
  let options = [
    ListOption<"tokens", "tokens", "int64_t", "Numbers of tokens">,
    ListOption<"functions", "functions", "std::string", "Entries to copy; all public functions if empty">,
    Option<"keep", "keep", "bool", "false", "Keep the functions with run-time token axes">];
  let statistics = [
    Statistic<"numEntries", "num-entries", "Number of entries made">,
    Statistic<"numBlocks", "num-blocks", "Number of blocks made">];
}

#endif // LORA_MLIR_DIALECT_TRANSFORMER_TRANSFORMS_PASSES_TD
