//===- Passes.td - Passes on upstream's dialects -------------*- tablegen -*-===//
//
// Defines passes on the dialects of MLIR itself. CMake generates their
// declarations and options from this file, and docs/Passes/Transforms.md.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_TRANSFORMS_PASSES_TD
#define LORA_MLIR_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def FuseElementwise : Pass<"fuse-elementwise"> {
  let summary = "Fuses elementwise operations on tensors if nothing is computed twice";
  let description = [{
    Like upstream's `-linalg-fuse-elementwise-ops`, but a producer is fused only if each of its
    values is computed once, or if it does not depend on the innermost loop of the consumer. So an
    activation is not fused into a matrix product, which would compute it once for each output.

    ```mlir
    %a = linalg.generic {elementwise} ins(%x) ...
    %b = linalg.generic {elementwise} ins(%a, %y) ...
    ```
    becomes
    ```mlir
    %b = linalg.generic {elementwise} ins(%x, %y) ...
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect"];
  let statistics = [Statistic<"numFused", "num-fused", "Number of operations fused into their consumers">];
}

def UnshareFills : Pass<"unshare-fills"> {
  let summary = "Gives every accumulation an initial value of its own";
  let description = [{
    Reverses what CSE does to fills: bufferization would copy a shared one.

    ```mlir
    %zeros = linalg.fill ins(%c0 : f32) outs(%e : tensor<8x6xf32>) -> tensor<8x6xf32>
    %a = linalg.matmul ins(...) outs(%zeros : tensor<8x6xf32>) -> tensor<8x6xf32>
    %b = linalg.matmul ins(...) outs(%zeros : tensor<8x6xf32>) -> tensor<8x6xf32>
    ```
    becomes
    ```mlir
    %zeros = linalg.fill ins(%c0 : f32) outs(%e : tensor<8x6xf32>) -> tensor<8x6xf32>
    %a = linalg.matmul ins(...) outs(%zeros : tensor<8x6xf32>) -> tensor<8x6xf32>
    %zeros_0 = linalg.fill ins(%c0 : f32) outs(%e_0 : tensor<8x6xf32>) -> tensor<8x6xf32>
    %b = linalg.matmul ins(...) outs(%zeros_0 : tensor<8x6xf32>) -> tensor<8x6xf32>
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
  let statistics = [Statistic<"numUnshared", "num-unshared", "Number of uses that got a fill of their own">];
}

def PromoteAccumulators : Pass<"promote-accumulators", "::mlir::func::FuncOp"> {
  let summary = "Keeps the sums of loops in registers";
  let description = [{
    ```mlir
    scf.for %k = %c0 to %c48 step %c1 {
      %a = memref.load %sum[%i] : memref<16xf32>
      %b = arith.addf %a, %x fastmath<reassoc> : f32
      memref.store %b, %sum[%i] : memref<16xf32>
    }
    ```
    becomes
    ```mlir
    %first = memref.load %sum[%i] : memref<16xf32>
    %last = scf.for %k = %c0 to %c48 step %c1 iter_args(%a = %first) -> f32 {
      %b = arith.addf %a, %x fastmath<reassoc> : f32
      scf.yield %b : f32
    }
    memref.store %last, %sum[%i] : memref<16xf32>
    ```
    Buffers that are not views of each other are assumed not to overlap.
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
  let statistics = [Statistic<"numPromoted", "num-promoted", "Number of accumulators">];
}

def ApproximateMath : Pass<"approximate-math"> {
  let summary = "Compute exp, log, log1p, tanh and erf of f32 in line";
  let description = [{
    Replaces calls of libm functions by upstream's polynomials, which LLVM can vectorize. The
    largest error in units in the last place is 1 for exp and log, and 5 for tanh and erf. Narrower
    types are computed in f32. f64 and other functions stay.

    ```mlir
    %y = math.exp %x : f32   // becomes a product of 2^n and a polynomial
    %z = math.exp %w : f64   // stays
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"];
  let statistics = [Statistic<"numApproximated", "num-approximated", "Functions computed in line">];
}

#endif // LORA_MLIR_TRANSFORMS_PASSES_TD
