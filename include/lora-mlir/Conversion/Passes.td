//===- Passes.td - Passes that convert between dialects ------------------*- tablegen -*-===//
//
// Defines the passes of lib/Conversion. CMake generates their declarations and
// options from this file, and docs/Passes/Conversion.md.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_CONVERSION_PASSES_TD
#define LORA_MLIR_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertTransformerToOneDNN : Pass<"convert-transformer-to-onednn"> {
  let summary = "Convert the matrix products of transformer and lora to onednn";
  let description = [{
    Converts operations on f32 and bf16 with static shapes. `-convert-transformer-to-linalg`
    converts the others. A low-rank branch becomes a skinny product and an up-projection that
    accumulates into the base product (`sum`).

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
  let statistics = [Statistic<"numMatmuls", "matmuls", "Matrix products converted to onednn.matmul">];
}

def ConvertOneDNNToRT : Pass<"convert-onednn-to-rt", "::mlir::ModuleOp"> {
  let summary = "Convert onednn on memrefs to primitives that the runtime creates at load";
  let description = [{
    Equal operations share one `rt.primitive`.

    ```mlir
    onednn.matmul ins(%a, %b : memref<16x48xf32>, memref<144x48xf32>) outs(%c : memref<16x144xf32>) {transpose_b}
    ```
    becomes
    ```mlir
    rt.primitive @matmul_16x144x48_f32 <{kind = "matmul", m = 16 : i64, n = 144 : i64, k = 48 : i64, ...}>
    rt.execute %ctx, @matmul_16x144x48_f32(%a, %b, %c) : ...
    ```
  }];
  let dependentDialects = ["::lora::rt::RTDialect"];
  let statistics = [Statistic<"numPrimitives", "primitives", "Distinct primitives">,
                    Statistic<"numExecutions", "executions", "Executions of primitives">];
}

def ConvertApplyToCalls : Pass<"convert-apply-to-calls", "::mlir::ModuleOp"> {
  let summary = "Turns applications into calls on buffers and slots into a table";
  let description = [{
    Every function gets the arguments `!rt.context`, `!rt.slots` and `!rt.frame`, one memref for
    each input and each output, and has no results. Slots become `rt.slot` of the function's range
    of the slot table, which `rt.slot_table` on the module describes. States are updated in place.
    Results tagged `transformer.grad` are written to slots of kind `gradient`. The pass runs
    directly before bufferization; function bodies stay on tensors.

    ```mlir
    func.func private @head.t1(%h: tensor<1x48xf32>, %w: tensor<259x48xf32> {transformer.slot = "weight"}) -> tensor<1x259xf32>
    func.func @logits.t1(%h: tensor<1x48xf32>) -> tensor<1x259xf32> {
      %0 = transformer.apply @head.t1 at "lm_head"(%h) : (tensor<1x48xf32>) -> tensor<1x259xf32>
      return %0 : tensor<1x259xf32>
    }
    ```
    becomes
    ```mlir
    module attributes {rt.slot_table = [{kind = "param", path = "lm_head", slot = "weight", type = tensor<259x48xf32>,
                                         value = #transformer.base<"weight", tensor<259x48xf32>>} ]} {
      func.func private @head.t1(%c: !rt.context, %s: !rt.slots, %f: !rt.frame, %h: memref<1x48xf32>, %y: memref<1x259xf32>)
      func.func @logits.t1(%c: !rt.context, %s: !rt.slots, %f: !rt.frame, %h: memref<1x48xf32>, %y: memref<1x259xf32>)
          attributes {rt.entry = {function = "logits", inputs = ["hidden"], name = "logits.t1", outputs = ["logits"], tokens = 1 : i64}} {
        %range = rt.slot_range %s[0]
        %frame = rt.subframe %f[0]
        func.call @head.t1(%c, %range, %frame, %h, %y) : ...
        return
      }
    }
    ```
    A packed weight is a `memref<1xi8>`, cast to its tensor type. Only its address is used.

    An entry of the table has `kind` ("param", "state", "trainable", "gradient", "region"), `path`,
    `slot`, `type`; `value`, a weight expression, if it is a parameter or trainable; `offset`, in
    elements of the flat f32 regions, if it is trainable or a gradient.
  }];
  let dependentDialects = ["::lora::rt::RTDialect", "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numCalls", "num-calls", "Number of applications turned into calls">,
    Statistic<"numSlots", "num-slots", "Number of entries of the slot table">];
}

def ConvertRTToLLVM : Pass<"convert-rt-to-llvm", "::mlir::ModuleOp"> {
  let summary = "Convert rt, func, memref, arith, cf and index to llvm";
  let description = [{
    This is the last conversion. Loops are kernels already (`-rt-outline-kernels`), and structured
    control flow, vectors and math are lowered. Buffers are passed as bare pointers. Each launched
    kernel gets a `lora_rt_body` that reads its arguments from the captures. Each function with
    `rt.entry` gets a `lora_rt_entry`. The only exported function is `lora_rt_code_query`; its table
    has the module's `rt.contract` (zeros if there is none, which the runtime refuses). Services are
    called through the context, primitives by their index in the module.

    ```mlir
    %w = rt.slot %ctx, %slots[3] : memref<6x4xf32>
    ```
    becomes
    ```mlir
    %0 = llvm.getelementptr inbounds %slots[24] : (!llvm.ptr) -> !llvm.ptr, i8
    %1 = llvm.load %0 invariant {alignment = 8 : i64} : !llvm.ptr -> !llvm.ptr
    ```
  }];
  let dependentDialects = ["::lora::rt::RTDialect", "::mlir::LLVM::LLVMDialect"];
  let statistics = [
    Statistic<"numEntries", "num-entries", "Entries that the runtime can call">,
    Statistic<"numKernels", "num-kernels", "Kernels that run on the runtime's threads">,
    Statistic<"numExecutions", "num-executions", "Executions of primitives">];
}

def ConvertTransformerToLinalg : Pass<"convert-transformer-to-linalg", "::mlir::func::FuncOp"> {
  let summary = "Decompose the operations of transformer and lora into upstream dialects";
  let description = [{
    Replaces every operation on values by `linalg`, `tensor`, `scf` and `vector` on tensors. The
    decomposition is the definition of an operation. It runs if there is no faster path, and every
    faster path is compared with it. Bodies compute in f32, or in f64 if an operand is f64, and each
    operation rounds once, to the type of its result. `transformer.apply`, and the operations on the
    gradients of whole blocks, are not decomposed.

    If the target (`rt.target`) has the feature `avx512bf16`, the loops of attention (not those of
    its gradient) multiply pairs of bf16. They do so if the operands are bf16 and the width of a
    head is a multiple of 32. The weights of the values are then rounded to bf16, too.

    ```mlir
    %y = transformer.activation %x {kind = relu} : tensor<?x80xbf16>
    ```
    becomes
    ```mlir
    %0 = tensor.empty(%tokens) : tensor<?x80xbf16>
    %y = linalg.generic {...} ins(%x : tensor<?x80xbf16>) outs(%0 : tensor<?x80xbf16>) {
    ^bb0(%in: bf16, %out: bf16):
      %1 = arith.extf %in : bf16 to f32
      %2 = arith.maximumf %1, %zero : f32
      %3 = arith.truncf %2 : f32 to bf16
      linalg.yield %3 : bf16
    } -> tensor<?x80xbf16>
    ```

    An operand with a layout is an error: operations on packed weights must be converted before.
  }];
  let options = [
    Option<"attention", "attention", "::lora::AttentionLowering", "::lora::AttentionLowering::Loops",
           "How attention and its gradient are decomposed", [{::llvm::cl::values(
             clEnumValN(::lora::AttentionLowering::Reference, "reference", "plain tensors of all scores: the definition"),
             clEnumValN(::lora::AttentionLowering::Loops, "loops", "parallel loops over each token's own keys")
           )}]>];
  let statistics = [Statistic<"numDecomposed", "num-decomposed", "Number of operations decomposed">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect", "::mlir::vector::VectorDialect",
                           "::mlir::x86vector::X86VectorDialect"];
}

def ConvertLinalgToParallel : Pass<"convert-linalg-to-parallel", "::mlir::func::FuncOp"> {
  let summary = "Lowers linalg on buffers, copies and scf.forall to loops";
  let description = [{
    An operation that is not inside a parallel loop becomes `scf.parallel` with serial reductions
    inside. All others become `scf.for`.

    ```mlir
    memref.copy %a, %b : memref<16x48xf32> to memref<16x48xf32>
    ```
    becomes
    ```mlir
    scf.parallel (%i, %j) = (%c0, %c0) to (%c16, %c48) step (%c1, %c1) {
      %v = memref.load %a[%i, %j] : memref<16x48xf32>
      memref.store %v, %b[%i, %j] : memref<16x48xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
  let statistics = [Statistic<"numCopies", "num-copies", "Number of copies of buffers">];
}

def ConvertParallelToRT : Pass<"convert-parallel-to-rt", "::mlir::func::FuncOp"> {
  let summary = "Runs parallel loops on the runtime's threads if they are long enough";
  let description = [{
    An outermost `scf.parallel` with at least `serial-work` scalar operations (estimated) becomes an
    `rt.parallel_for` over its outer dimensions. Its `grain` is the number of iterations that have
    at least `grain-work` operations. All other parallel loops become `scf.for`. The context is the
    first argument of the function.

    ```mlir
    scf.parallel (%i, %j) = (%c0, %c0) to (%c512, %c2048) step (%c1, %c1) { ... }
    ```
    becomes
    ```mlir
    rt.parallel_for %context, %i = %c0 to %c512 grain 4 {
      scf.for %j = %c0 to %c2048 step %c1 { ... }
    }
    ```
  }];
  let options = [
    Option<"serialWork", "serial-work", "int64_t", "65536", "Scalar operations below which a loop stays serial">,
    Option<"grainWork", "grain-work", "int64_t", "16384", "Scalar operations of the smallest piece of a parallel loop">];
  let dependentDialects = ["::lora::rt::RTDialect", "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
  let statistics = [
    Statistic<"numParallel", "num-parallel", "Number of loops that run on the runtime's threads">,
    Statistic<"numSerial", "num-serial", "Number of parallel loops made serial">];
}

#endif // LORA_MLIR_CONVERSION_PASSES_TD
