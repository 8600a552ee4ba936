//===- Passes.td - Passes of the RT dialect ------------------*- tablegen -*-===//
#ifndef LORA_MLIR_DIALECT_RT_TRANSFORMS_PASSES_TD
#define LORA_MLIR_DIALECT_RT_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def OutlineKernels : Pass<"rt-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Turn loop nests into functions whose buffers do not alias";
  let description = [{
    The body of each `rt.parallel_for`, and each serial loop nest at the top of a function, becomes a private function
    that takes every buffer it touches as one argument, `llvm.noalias` unless the buffers may overlap (views of one frame, one slot
    under two types). LLVM then keeps accumulators in registers and vectorizes without alias checks. Constants and views are made anew
    inside; a buffer with a run-time leading dimension is passed as its first row and its number of rows; buffers allocated in a
    body live on the stack of the kernel.

    ```mlir
    rt.parallel_for %context, %i = %c0 to %c16 grain 4 {
      %v = memref.load %m[%i] : memref<16xf32>
      memref.store %v, %n[%i] : memref<16xf32>
    }
    ```
    becomes
    ```mlir
    rt.launch %context, @f.kernel(%m, %n) from %c0 to %c16 grain 4 : memref<16xf32>, memref<16xf32>

    func.func private @f.kernel(%begin: index, %end: index, %m: memref<16xf32> {llvm.noalias}, %n: memref<16xf32> {llvm.noalias})
        attributes {rt.kernel} {
      scf.for %i = %begin to %end step %c1 {
        %v = memref.load %m[%i] : memref<16xf32>
        memref.store %v, %n[%i] : memref<16xf32>
      }
      return
    }
    ```
  }];
  let dependentDialects = ["::lora::rt::RTDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
  let options = [
    Option<"maxStackBytes", "max-stack-bytes", "int64_t", /*default=*/"262144",
           "Most bytes that the buffers of one kernel may take on a thread's stack">
  ];
  let statistics = [Statistic<"numKernels", "kernels", "Loop nests outlined">,
                    Statistic<"numNoAlias", "noalias", "Buffers passed as noalias">];
}

#endif // LORA_MLIR_DIALECT_RT_TRANSFORMS_PASSES_TD
