//===- Passes.td - Passes of the transformer dialect ------------------*- tablegen -*-===//
//
// Defines the passes on the transformer dialect. CMake generates their
// declarations and options from this file, and docs/Passes/Transformer.md.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_TRANSFORMER_TRANSFORMS_PASSES_TD
#define LORA_MLIR_DIALECT_TRANSFORMER_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def TransformerSpecializeTokens : Pass<"transformer-specialize-tokens", "::mlir::ModuleOp"> {
  let summary = "Makes copies of entries and their blocks for fixed numbers of tokens";
  let description = [{
    For each entry in `functions` and each count M in `tokens`, makes a public copy `@entry.tM`
    whose token axes are M, and private copies `@block.tM` of the blocks that it applies. Products
    with a matrix are marked `transformer.token_rows`. State slots, and values that are derived from
    them in place, keep their dynamic number of rows. All other functions with a body are removed,
    unless `keep` is given.

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
    Option<"keep", "keep", "bool", "false", "Keep the functions with dynamic token axes">];
  let statistics = [
    Statistic<"numEntries", "num-entries", "Number of entries made">,
    Statistic<"numBlocks", "num-blocks", "Number of blocks made">];
}

def StripCache : Pass<"transformer-strip-cache", "::mlir::ModuleOp"> {
  let summary = "Replaces the key/value cache by the keys and values of the call";
  let description = [{
    Training sees whole sequences, so a cache would only copy keys and values; and a block that
    updates state in place cannot be differentiated. The pass replaces `cache_write` by the value
    that it writes, and removes the state that is then unused, with its `transformer.next` results.
    Applications do not change, because state is bound, not passed. From here on, the key ranges of
    the sequence table index the token axis.

    ```mlir
    func.func private @b(%k: tensor<?x72xf32>, %seq: tensor<4x?xi32>,
        %kc: tensor<?x72xf32> {transformer.slot = "key_cache", transformer.role = #transformer.role<state>})
        -> (tensor<?x72xf32>, tensor<?x72xf32> {transformer.next = "key_cache"}) {
      %new = transformer.cache_write %kc, %k, %seq : tensor<?x72xf32>, tensor<?x72xf32>, tensor<4x?xi32>
      return %new, %new : tensor<?x72xf32>, tensor<?x72xf32>
    }
    ```

    becomes

    ```mlir
    func.func private @b(%k: tensor<?x72xf32>, %seq: tensor<4x?xi32>) -> tensor<?x72xf32> {
      return %k : tensor<?x72xf32>
    }
    ```
  }];
  let statistics = [
    Statistic<"writesRemoved", "cache-writes-removed", "Writes to a cache that were replaced by their values">,
    Statistic<"slotsRemoved", "state-slots-removed", "State slots that were removed from blocks">
  ];
}

def AddLoss : Pass<"transformer-add-loss", "::mlir::ModuleOp"> {
  let summary = "Makes the loss of a language model from its hidden states and logits";
  let description = [{
    Adds the entry `@loss(ids, sequence, labels)`: the bodies of `@hidden_states(ids, sequence)` and
    `@logits(hidden)`, and the mean cross-entropy over the labelled tokens. The two entries are
    removed.

    ```mlir
    func.func @loss(%ids: tensor<?xi32>, %seq: tensor<4x?xi32>, %labels: tensor<?xi32>) -> tensor<f32> {
      ...
      %logits = transformer.apply @head at "lm_head"(%h) : (tensor<?x48xf32>) -> tensor<?x259xf32>
      %loss, %lse = transformer.cross_entropy %logits, %labels : tensor<?x259xf32>, tensor<?xi32> -> tensor<f32>, tensor<?xf32>
      return %loss : tensor<f32>
    }
    ```
  }];
  let options = [
    Option<"keep", "keep", "bool", /*default=*/"false", "Keep the entries @hidden_states and @logits">
  ];
  let statistics = [
    Statistic<"operationsInlined", "operations-inlined", "Operations of the two entries that the loss consists of">
  ];
}

#endif // LORA_MLIR_DIALECT_TRANSFORMER_TRANSFORMS_PASSES_TD
