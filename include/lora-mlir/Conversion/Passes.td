//===- Passes.td - Passes that convert between dialects ------------------*- tablegen -*-===//
#ifndef LORA_MLIR_CONVERSION_PASSES_TD
#define LORA_MLIR_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertTransformerToOneDNN : Pass<"convert-transformer-to-onednn"> {
  let summary = "Convert the matrix products of transformer and lora to onednn";
  let description = [{
    Operations on f32 and bf16 with static shapes; the others are left for
    `-convert-transformer-to-linalg`. A low-rank branch becomes a skinny product and an
    up-projection that accumulates into the base product (`sum`).

    ```mlir
    %y = transformer.linear %x, %w : tensor<16x48xf32>, tensor<144x48xf32> -> tensor<16x144xf32>
    ```
    becomes
    ```mlir
    %0 = tensor.empty() : tensor<16x144xf32>
    %y = onednn.matmul ins(%x, %w : tensor<16x48xf32>, tensor<144x48xf32>) outs(%0 : tensor<16x144xf32>) {transpose_b} -> tensor<16x144xf32>
    ```
  }];
  let dependentDialects = ["::lora::onednn::OneDNNDialect", "::lora::transformer::TransformerDialect",
                           "::mlir::tensor::TensorDialect"];
  let statistics = [Statistic<"numMatmuls", "matmuls", "Matrix products handed to oneDNN">];
}

def ConvertOneDNNToRT : Pass<"convert-onednn-to-rt", "::mlir::ModuleOp"> {
  let summary = "Convert onednn on memrefs to primitives that the runtime creates at load";
  let description = [{
    Each distinct operation becomes one `rt.primitive`, however often it is used.

    ```mlir
    onednn.matmul ins(%a, %b : memref<16x48xf32>, memref<144x48xf32>) outs(%c : memref<16x144xf32>) {transpose_b}
    ```
    becomes
    ```mlir
    rt.primitive @matmul_16x144x48_f32 {kind = "matmul", m = 16 : i64, n = 144 : i64, k = 48 : i64, ...}
    rt.execute %ctx, @matmul_16x144x48_f32(%a, %b, %c) : ...
    ```
  }];
  let dependentDialects = ["::lora::rt::RTDialect"];
  let statistics = [Statistic<"numPrimitives", "primitives", "Distinct primitives">,
                    Statistic<"numExecutions", "executions", "Executions of primitives">];
}

#endif // LORA_MLIR_CONVERSION_PASSES_TD
