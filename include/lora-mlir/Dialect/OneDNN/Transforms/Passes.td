//===- Passes.td - Passes of the onednn dialect ------------------*- tablegen -*-===//
//
// Defines the passes on the onednn dialect. CMake generates their declarations
// and options from this file, and docs/Passes/OneDNN.md.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_ONEDNN_TRANSFORMS_PASSES_TD
#define LORA_MLIR_DIALECT_ONEDNN_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def FusePostOps : Pass<"onednn-fuse-post-ops"> {
  let summary = "Fold elementwise operations into the matmuls that feed them";
  let description = [{
    An `add`, `mul` or `activation` whose operand is a matmul without another use becomes a post-op.
    It is computed in f32, before the result is rounded once. The sum of two matmuls accumulates in
    place (`sum`).

    ```mlir
    %0 = onednn.matmul ins(%x, %w : ...) outs(%e : tensor<16x48xf32>) {transpose_b} -> tensor<16x48xf32>
    %1 = transformer.add %0, %r : tensor<16x48xf32>
    ```
    becomes
    ```mlir
    %1 = onednn.matmul ins(%x, %w : ...) post(%r : tensor<16x48xf32>) outs(%e : tensor<16x48xf32>)
         {transpose_b, post_ops = [#onednn.post_op<add>]} -> tensor<16x48xf32>
    ```
  }];
  let dependentDialects = ["::lora::onednn::OneDNNDialect", "::lora::transformer::TransformerDialect"];
  let statistics = [Statistic<"numPostOps", "post-ops", "Operations folded into post-ops">];
}

def PackWeights : Pass<"onednn-pack-weights", "::mlir::ModuleOp"> {
  let summary = "Use oneDNN's layout for a weight if all its users support it";
  let description = [{
    A frozen matrix slot gets the encoding `#onednn.packed<"any">` if all its users read it as the
    transposed `b` of a matmul. A table from which an embedding gathers is packed if a head packs
    the same slot of the same path, so that tied embeddings are stored once. The embedding then
    becomes `onednn.gather`.

    ```mlir
    func.func private @head(%h: tensor<16x48xf32>, %w: tensor<259x48xf32> {transformer.slot = "weight"})
    ```
    becomes
    ```mlir
    func.func private @head(%h: tensor<16x48xf32>, %w: tensor<259x48xf32, #onednn.packed<"any">> {transformer.slot = "weight"})
    ```
  }];
  let dependentDialects = ["::lora::onednn::OneDNNDialect", "::mlir::tensor::TensorDialect"];
  let statistics = [Statistic<"numPacked", "packed", "Weight slots packed">];
}

def ResolveLayouts : Pass<"onednn-resolve-layouts", "::mlir::ModuleOp"> {
  let summary = "Ask oneDNN for the layouts that are still open";
  let description = [{
    Replaces `#onednn.packed<"any">` by the layout that oneDNN prefers, on the engine of the
    module's `rt.target`, for the matmuls that read the weight. If oneDNN prefers none of its own
    layouts, the encoding is removed. One layout serves all token counts. If oneDNN's answers
    differ, the encoding is removed if one count prefers that; otherwise the answer for the largest
    count is used, with a remark. No other pass asks oneDNN, so every other pass does the same on
    every machine.

    ```mlir
    tensor<144x48xbf16, #onednn.packed<"any">>  ->  tensor<144x48xbf16, #onednn.packed<"BA16a64b2a">>
    ```
  }];
  let dependentDialects = ["::lora::onednn::OneDNNDialect"];
  let options = [
    Option<"layout", "layout", "std::string", /*default=*/"\"\"",
           "Take this format tag (or `plain`) for every weight instead of asking">
  ];
  let statistics = [Statistic<"numAsked", "asked", "Questions to oneDNN">];
}

def BindPackedWeights : Pass<"onednn-bind-packed-weights"> {
  let summary = "Let onednn operations read packed weights as bytes";
  let description = [{
    A packed weight with an address is only bytes, and bufferization does not know its layout. The
    operation keeps the layout and the logical shape as attributes.

    ```mlir
    %w = builtin.unrealized_conversion_cast %bytes : memref<1xi8> to tensor<144x48xbf16, #onednn.packed<"BA16a64b2a">>
    %y = onednn.matmul ins(%x, %w : ...) ...
    ```
    becomes
    ```mlir
    %y = onednn.matmul ins(%x, %bytes : tensor<16x48xbf16>, memref<1xi8>) ...
         {b_layout = #onednn.packed<"BA16a64b2a">, b_shape = tensor<144x48xbf16>, ...}
    ```
  }];
  let dependentDialects = ["::lora::onednn::OneDNNDialect"];
}

#endif // LORA_MLIR_DIALECT_ONEDNN_TRANSFORMS_PASSES_TD
