//===- Passes.td - Passes of the rt dialect ------------------*- tablegen -*-===//
//
// Defines the passes on the rt dialect. CMake generates their declarations and
// options from this file, and docs/Passes/RT.md.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_RT_TRANSFORMS_PASSES_TD
#define LORA_MLIR_DIALECT_RT_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def OutlineKernels : Pass<"rt-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Turn loop nests into functions whose buffers do not alias";
  let description = [{
    The body of each `rt.parallel_for`, and each serial loop nest at the top of a function, becomes
    a private function. Every buffer that it accesses is one argument with `llvm.noalias`, unless
    the buffers may overlap (views of one frame, one slot under two types). LLVM then keeps
    accumulators in registers and vectorizes without alias checks. Constants and views are created
    again inside the function. A buffer with a dynamic leading dimension is passed as its first row
    and its number of rows. Buffers that are allocated in a body are on the stack of the kernel.

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

def FuseParallelLoops : Pass<"rt-fuse-parallel-loops", "::mlir::func::FuncOp"> {
  let summary = "Fuses parallel loops over the same rows";
  let description = [{
    Two `rt.parallel_for` over the same range become one if an iteration of the second, of
    everything that the first one writes, reads and writes only the row of its own index (the first
    index of a buffer). Operations between the loops must not access what the first loop accesses.
    Loops that read more than a cache holds besides their rows, such as matrix products, are not
    fused.

    ```mlir
    rt.parallel_for %context, %i = %c0 to %c512 grain 4 { /* sum[i] = sum of squares of x[i, :] */ }
    rt.parallel_for %context, %i = %c0 to %c512 grain 2 { /* y[i, :] = x[i, :] / sqrt(sum[i]) */ }
    ```
    becomes
    ```mlir
    rt.parallel_for %context, %i = %c0 to %c512 grain 2 { /* both */ }
    ```
  }];
  let statistics = [Statistic<"numFused", "num-fused", "Number of loops fused into the next one">];
}

def GroupExecutions : Pass<"rt-group-executions", "::mlir::ModuleOp"> {
  let summary = "Executes products of one row together";
  let description = [{
    The time of a product of one row is the time to read its matrix, a few microseconds. If threads
    meet once for several such products, they wait less and read in longer runs. Executions of such
    matmuls become one `rt.execute_group` if none needs what another one writes, and if the
    operations between them do not access it either. An operand of a post-op may be the result of
    another member: each of its elements is read by the thread that wrote it.

    ```mlir
    rt.execute %context, @gate(%x, %w0, %g) : ...
    rt.execute %context, @up(%x, %w1, %g, %h) : ... // h = (x w1) * g
    ```
    becomes
    ```mlir
    rt.execute_group %context, [@gate, @up](%x, %w0, %g, %x, %w1, %g, %h) counts [3, 4] : ...
    ```
  }];
  let dependentDialects = ["::lora::rt::RTDialect"];
  let statistics = [Statistic<"numGroups", "num-groups", "Number of groups">];
}

def PlanMemory : Pass<"rt-plan-memory", "::mlir::ModuleOp"> {
  let summary = "Gives every buffer a place in its function's frame";
  let description = [{
    Callees are planned first: a function's frame contains its static buffers and the frames of its
    callees, at offsets that are multiples of 64. Buffers that are not alive at the same time share
    bytes. `rt.frame_bytes` on the function is the size of its frame. Buffers in the body of an
    `rt.parallel_for` belong to each thread and are not planned.

    ```mlir
    func.func @f(%c: !rt.context, %s: !rt.slots, %frame: !rt.frame) {
      %a = memref.alloc() : memref<16x48xf32>
      ...
    }
    ```
    becomes
    ```mlir
    func.func @f(%c: !rt.context, %s: !rt.slots, %frame: !rt.frame) attributes {rt.frame_bytes = 3072 : i64} {
      %a = rt.frame_view %frame[0] : memref<16x48xf32>
      ...
    }
    ```
    A buffer whose size is not a constant is an error. The result is verified as by
    `-rt-verify-memory-plan`.
  }];
  let dependentDialects = ["::lora::rt::RTDialect"];
  let statistics = [
    Statistic<"numBuffers", "num-buffers", "Number of buffers and callees' frames">,
    Statistic<"peakBytes", "peak-bytes", "Bytes of the largest frame">,
    Statistic<"bytesWithoutReuse", "bytes-without-reuse", "Bytes of the largest frame if nothing were shared">];
}

def VerifyMemoryPlan : Pass<"rt-verify-memory-plan", "::mlir::ModuleOp"> {
  let summary = "Verifies that buffers which are in use at once do not share bytes";
  let description = [{
    Reads offsets and uses from the IR, for every function with `rt.frame_bytes`. Fails if two
    buffers or frames of callees share bytes while both are in use, or if one is not inside the
    frame.

    ```mlir
    %a = rt.frame_view %frame[0] : memref<16x48xf32>
    %b = rt.frame_view %frame[64] : memref<16x48xf32> // an error if %a is used after the first use of %b
    ```
  }];
}

def VerifyTrainingPlan : Pass<"rt-verify-training-plan", "::mlir::ModuleOp"> {
  let summary = "Proves that planned frames hold no dense gradient or delta";
  let description = [{
    If an entry was planned for at least two numbers of tokens, its frame size is a constant plus a
    term that grows with the number of tokens. The pass fails unless the constant is smaller than
    the smallest frozen matrix of the blocks with trainable slots: a value with the shape of an
    adapted weight would be part of the constant. Runs after `-rt-plan-memory` and changes nothing.
  }];
  let statistics = [Statistic<"constantBytes", "constant-bytes", "Bytes of a frame that do not grow with tokens">];
}

def RollLayers : Pass<"rt-roll-layers", "::mlir::func::FuncOp"> {
  let summary = "Turns the calls of successive layers into a loop";
  let description = [{
    Sequences of calls whose slots and frame offsets differ by constant steps become a loop over one
    or a few calls, so that code does not grow with the number of layers. The pass runs after
    `-rt-plan-memory` and its verification; `-rt-verify-memory-plan` does not follow addresses that
    a loop computes.

    ```mlir
    %s0 = rt.slot_range %slots[1]
    func.call @decoder(%c, %s0, %f, %a) : ...
    %s1 = rt.slot_range %slots[12]
    func.call @decoder(%c, %s1, %f, %a) : ...
    %s2 = rt.slot_range %slots[23]
    func.call @decoder(%c, %s2, %f, %a) : ...
    ```
    becomes
    ```mlir
    scf.for %i = %c0 to %c3 step %c1 {
      %0 = rt.advance %slots by %i * 11 : !rt.slots
      %s = rt.slot_range %0[1]
      func.call @decoder(%c, %s, %f, %a) : ...
    }
    ```
  }];
  let options = [
    Option<"maxPeriod", "max-period", "int64_t", "8", "Most calls of one iteration">];
  let dependentDialects = ["::lora::rt::RTDialect", "::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
  let statistics = [
    Statistic<"numLoops", "num-loops", "Number of loops made">,
    Statistic<"numCalls", "num-calls", "Number of calls that became part of a loop">];
}

#endif // LORA_MLIR_DIALECT_RT_TRANSFORMS_PASSES_TD
