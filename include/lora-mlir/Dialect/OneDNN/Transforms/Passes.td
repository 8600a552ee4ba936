//===- Passes.td - Passes of the OneDNN dialect ------------------*- tablegen -*-===//
#ifndef LORA_MLIR_DIALECT_ONEDNN_TRANSFORMS_PASSES_TD
#define LORA_MLIR_DIALECT_ONEDNN_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def FusePostOps : Pass<"onednn-fuse-post-ops"> {
  let summary = "Fold elementwise operations into the matmuls that feed them";
  let description = [{
    An `add`, `mul` or `activation` whose operand is a matmul without another use becomes a post-op,
    computed in f32 before the one rounding. The sum of two matmuls accumulates in place (`sum`).

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
  let summary = "Ask for oneDNN's layout where every user of a weight takes it";
  let description = [{
    A frozen matrix slot whose users all read it as the transposed `b` of a matmul gets the encoding
    `#onednn.packed<"any">`. A table that an embedding gathers from is packed if a head packs the
    same slot of the same path, so that tied embeddings are stored once; the embedding becomes
    `onednn.gather`.

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
    Replaces `#onednn.packed<"any">` by the layout that oneDNN prefers on the engine of the module's
    `rt.target` for the matmuls that read the weight; where oneDNN has none of its own, by no
    encoding. One layout serves all token counts: where oneDNN's answers differ, none of its own is
    taken if one count prefers that, else the largest count's, with a remark. Nothing else asks
    oneDNN, so every other pass does the same on every machine.

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
    A packed weight is bytes once it has an address; bufferization knows nothing of its layout. The
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
