//===- Passes.td - Passes of the lora dialect ------------------*- tablegen -*-===//
//
// Defines the passes on adapters and training. CMake generates their
// declarations and options from this file, and docs/Passes/LoRA.md.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_LORA_TRANSFORMS_PASSES_TD
#define LORA_MLIR_DIALECT_LORA_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def Autodiff : Pass<"lora-autodiff", "::mlir::ModuleOp"> {
  let summary = "Turns the loss into a training step: reverse mode over blocks and their applications";
  let description = [{
    Renames the entry `function`, which returns a scalar, to `result`, and adds the gradients of all
    slots with the role `trainable`. The rules are those of the operations
    (`DifferentiableOpInterface`).

    *Activity.* A value is active if it depends on a trainable slot. Only active values get a
    gradient. So a frozen weight gets none, the input of the first block with a trainable slot gets
    none, and a block below it has no backward function at all.

    *Blocks.* For each block and each set of active inputs there is one backward function, which all
    layers with this set share:

    ```mlir
    func.func private @decoder.forward(inputs, slots) -> (results, kept)
    func.func private @decoder.backward(gradients of results, kept, inputs, slots)
        -> (gradients of inputs, tensor<3x48xf32> {transformer.grad = "q_proj.lora_A.weight"}, ...)
    ```

    A block that keeps no values is its own forward function. A backward function takes only the
    inputs and slots that it uses. `@NAME.backward_first` is the one without gradients of inputs.

    *What is kept.* Only values that a rule uses are kept. If such a value is an input or a result
    of the block, the caller passes it again. A value is recomputed if its operation works on each
    row alone (every operation except matrix products, attention and reductions over tokens) and all
    its operands are available. So recomputation never extends the lifetime of another value, except
    of inputs of the block, which the caller keeps anyway.
  }];
  let options = [
    Option<"function", "function", "std::string", /*default=*/"\"loss\"", "The entry to differentiate">,
    Option<"result", "result", "std::string", /*default=*/"\"train_step\"", "Its name afterwards">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::lora::transformer::TransformerDialect"];
  let statistics = [
    Statistic<"blocksDifferentiated", "blocks-differentiated", "Backward functions that were made">,
    Statistic<"valuesKept", "values-kept", "Values that forward functions return for backward functions">,
    Statistic<"valuesRecomputed", "values-recomputed", "Values that backward functions compute again">,
    Statistic<"gradientsMade", "gradients", "Gradients of parameters, over all applications">
  ];
}

def AddGradient : Pass<"lora-add-gradient", "::mlir::ModuleOp"> {
  let summary = "Adds the gradient of a function of tensors";
  let description = [{
    For `@f` adds `@f.gradient(arguments of @f, gradients of its floating-point results) ->
    (gradients of its floating-point arguments)`. It consists only of the rules that
    `-lora-autodiff` uses. Tests compare it with finite differences; it also shows what a rule
    builds.

    ```mlir
    func.func @f(%x: tensor<?x6xf64>, %s: tensor<6xf64>) -> tensor<?x6xf64> {
      %y = transformer.scale_features %x, %s : tensor<?x6xf64>, tensor<6xf64>
      return %y : tensor<?x6xf64>
    }
    func.func @f.gradient(%x: tensor<?x6xf64>, %s: tensor<6xf64>, %dy: tensor<?x6xf64>) -> (tensor<?x6xf64>, tensor<6xf64>) {
      %dx = transformer.scale_features %dy, %s : tensor<?x6xf64>, tensor<6xf64>
      %p = transformer.mul %dy, %x : tensor<?x6xf64>
      %ds = transformer.sum_tokens %p : tensor<?x6xf64> -> tensor<6xf64>
      return %dx, %ds : tensor<?x6xf64>, tensor<6xf64>
    }
    ```
  }];
  let options = [
    ListOption<"functions", "functions", "std::string", "The functions to differentiate; all with a body if empty">
  ];
  let dependentDialects = ["::lora::transformer::TransformerDialect"];
}

def Optimizer : Pass<"lora-optimizer", "::mlir::ModuleOp"> {
  let summary = "Adds the update of all trainable parameters to a training step";
  let description = [{
    Appends an argument with the hyperparameters of the step (learning rate, ...; see
    `transformer.adamw` and `transformer.sgd`), so that schedules need no recompilation; then the
    global norm of the gradients, and the update. The step then returns its loss and the norm before
    clipping.

    ```mlir
    func.func @train_step(%ids: ..., %hyperparameters: tensor<8xf32>) -> (tensor<f32>, tensor<f32>) {
      ...
      %norm = transformer.gradient_norm %g1, %g0 : tensor<f32>
      transformer.adamw %g1, %g0 norm %norm hyperparameters %hyperparameters : tensor<f32>, tensor<8xf32>
      return %loss, %norm : tensor<f32>, tensor<f32>
    }
    ```
  }];
  let options = [
    Option<"function", "function", "std::string", /*default=*/"\"train_step\"", "The training step">,
    Option<"optimizer", "optimizer", "::lora::OptimizerKind", /*default=*/"::lora::OptimizerKind::AdamW",
           "What updates the parameters", [{::llvm::cl::values(
             clEnumValN(::lora::OptimizerKind::AdamW, "adamw", "Adam with decoupled weight decay"),
             clEnumValN(::lora::OptimizerKind::SGD, "sgd", "Stochastic gradient descent with momentum"))}]>
  ];
  let dependentDialects = ["::lora::transformer::TransformerDialect"];
  let statistics = [
    Statistic<"gradientsUpdated", "applications-updated", "Applications of blocks whose parameters are updated">
  ];
}

def VerifyTrainingMemory : Pass<"lora-verify-training-memory", "::mlir::ModuleOp"> {
  let summary = "Proves that no value has both dimensions of an adapted weight";
  let description = [{
    Fails if a value has two dimensions that are the [out, in] or [in, out] of a weight with a
    low-rank branch, unless it is a parameter, a cast of a trainable parameter, or the gradient of a
    trainable parameter. Also fails if a value has two dynamic dimensions, that is, if it is tokens
    x tokens. The check is meaningful only while the token axis is dynamic, because no activation
    has two static dimensions then. The pass changes nothing.
  }];
  let statistics = [
    Statistic<"valuesChecked", "values-checked", "Values whose type was checked">
  ];
}

def Merge : Pass<"lora-merge", "::mlir::ModuleOp"> {
  let summary = "Folds frozen low-rank branches into weight expressions";
  let description = [{
    A `lora.linear`, or a `lora.up` with its `lora.down`, whose matrices are frozen slots becomes a
    `transformer.linear` (a `lora.embedding` becomes a `transformer.embedding`). Its weight is
    `#lora.merge`: W + B diag(s) A in f32, rounded once to the weight's type when the weight pack is
    written. Blocks that are equal after that become one function; weight expressions that differ
    between applications move to `transformer.apply`. So a merged model runs the code of the base
    model. Trainable branches are never merged. Remarks of category `lora-merge` say which branches
    were not merged, and why.

    ```mlir
    %0 = lora.linear %x, %w, %a, %b, %s
         : tensor<?x6xf32>, tensor<4x6xf32>, tensor<2x6xf32>, tensor<4x2xf32>, tensor<2xf32> -> tensor<?x4xf32>
    ```
    becomes
    ```mlir
    // %w: transformer.value = #lora.merge<#transformer.base<...>, #transformer.adapter<...>, #transformer.adapter<...>, dense<2.0>>
    %0 = transformer.linear %x, %w : tensor<?x6xf32>, tensor<4x6xf32> -> tensor<?x4xf32>
    ```
  }];
  let statistics = [
    Statistic<"numMerged", "num-merged", "Branches merged">,
    Statistic<"numBlocks", "num-blocks", "Blocks that became equal to others and were removed">];
  let dependentDialects = ["::lora::LoRADialect"];
}

def Unmerge : Pass<"lora-unmerge", "::mlir::ModuleOp"> {
  let summary = "Takes merged branches out of weight expressions";
  let description = [{
    The inverse of `lora-merge`: a `transformer.linear` or `transformer.embedding` whose weight is
    `#lora.merge`, in the block or at an application, becomes a `lora.linear` or `lora.embedding`
    again, with the leaves of the expression as slots. Other changes of an adapter to slots (biases,
    parameters in full) stay.
  }];
  let statistics = [
    Statistic<"numBranches", "num-branches", "Branches taken out">];
  let dependentDialects = ["::lora::LoRADialect", "::mlir::arith::ArithDialect"];
}

def Fuse : Pass<"lora-fuse", "::mlir::ModuleOp"> {
  let summary = "Computes the branches that share an input by one skinny matmul";
  let description = [{
    `lora.linear` operations that read the same value become one `lora.down`, whose A is the stack
    of their A's, and a `lora.up` for each. The stacked A is a slot whose value is a concatenation.
    Trainable A's are stored stacked, and `unfuseTrainable` separates them for the export.

    ```mlir
    %q = lora.linear %x, %wq, %qa, %qb, %s
         : tensor<?x6xf32>, tensor<4x6xf32>, tensor<2x6xf32>, tensor<4x2xf32>, tensor<2xf32> -> tensor<?x4xf32>
    %k = lora.linear %x, %wk, %ka, %kb, %s
         : tensor<?x6xf32>, tensor<5x6xf32>, tensor<2x6xf32>, tensor<5x2xf32>, tensor<2xf32> -> tensor<?x5xf32>
    ```
    becomes
    ```mlir
    // %a: slot "q+k.lora_A.weight" with value #transformer.concat<[q.lora_A.weight, k.lora_A.weight], dim = 0, tensor<4x6xf32>>
    %t = lora.down %x, %a, %s : tensor<?x6xf32>, tensor<4x6xf32>, tensor<4xf32> -> tensor<?x4xf32>
    %q = lora.up %x, %wq, %t[0], %qb : tensor<?x6xf32>, tensor<4x6xf32>, tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x4xf32>
    %k = lora.up %x, %wk, %t[2], %kb : tensor<?x6xf32>, tensor<5x6xf32>, tensor<?x4xf32>, tensor<5x2xf32> -> tensor<?x5xf32>
    ```

    A branch whose input no other branch reads stays as it is. A remark of category `lora-fuse`
    says, for each group, how many branches were fused, or why one was not.
  }];
  let statistics = [
    Statistic<"numGroups", "num-groups", "Groups of branches fused">,
    Statistic<"numBranches", "num-branches", "Branches in them">];
  let dependentDialects = ["::lora::LoRADialect", "::mlir::arith::ArithDialect"];
}

#endif // LORA_MLIR_DIALECT_LORA_TRANSFORMS_PASSES_TD
