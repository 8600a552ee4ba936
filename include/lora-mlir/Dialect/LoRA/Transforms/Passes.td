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

def Attach : Pass<"lora-attach", "::mlir::ModuleOp"> {
  let summary = "Attaches a PEFT adapter folder to a model";
  let description = [{
    Reads `adapter_config.json` and `adapter_model.safetensors` of `adapter-dir` and turns each
    targeted `transformer.linear` into a `lora.linear`, each targeted `transformer.embedding` into a
    `lora.embedding`. The targeting rules are PEFT's. Every key of the config and every tensor is
    used, or refused by name. Only the names and shapes of tensors enter the IR.

    ```mlir
    func.func private @decoder(%x: tensor<?x6xbf16>, %w: tensor<4x6xbf16> {transformer.slot = "q_proj.weight"}) -> tensor<?x4xbf16> {
      %0 = transformer.linear %x, %w : tensor<?x6xbf16>, tensor<4x6xbf16> -> tensor<?x4xbf16>
      return %0 : tensor<?x4xbf16>
    }
    ```
    becomes
    ```mlir
    func.func private @decoder.lora(%x: tensor<?x6xbf16>, %w: tensor<4x6xbf16> {transformer.slot = "q_proj.weight"},
        %a: tensor<2x6xbf16> {transformer.slot = "q_proj.lora_A.weight", transformer.value =
          #transformer.cast<#transformer.adapter<"default", "q_proj.lora_A.weight", tensor<2x6xf32>> to tensor<2x6xbf16>>},
        %b: tensor<4x2xbf16> {transformer.slot = "q_proj.lora_B.weight", transformer.value =
          #transformer.cast<#transformer.adapter<"default", "q_proj.lora_B.weight", tensor<4x2xf32>> to tensor<4x2xbf16>>}) -> tensor<?x4xbf16> {
      %s = arith.constant dense<2.0> : tensor<2xf32>
      %0 = lora.linear %x, %w, %a, %b, %s
           : tensor<?x6xbf16>, tensor<4x6xbf16>, tensor<2x6xbf16>, tensor<4x2xbf16>, tensor<2xf32> -> tensor<?x4xbf16>
      return %0 : tensor<?x4xbf16>
    }
    ```

    If the applications of a block differ in which layers have a branch, in ranks or in scales, each
    variant becomes a copy of the block. Applications without a branch keep the original. If a layer
    has an adapter already, a second one is joined to it along the rank, which gives the sum of
    both.

    All other tensors of the adapter become values of slots: parameters trained in full and biases
    as leaves of the adapter, trained tokens as `#lora.replace_rows`, biases of branches as
    `#lora.sum`, the base weights of PiSSA and OLoRA as `#lora.residual`. DoRA scales a weight and
    its B by `#lora.dora_factor`. If a head is tied to the embedding and one of the two gets a value
    of its own, the head is bound at "lm_head".
  }];
  let options = [
    Option<"adapterDir", "adapter-dir", "std::string", "", "The adapter's folder">,
    Option<"name", "name", "std::string", "\"default\"", "Name of the adapter, to tell several adapters apart">,
    Option<"train", "train", "bool", "false",
           "A and B are f32 slots of role trainable, cast to the compute type in the block; otherwise frozen, in the compute "
           "type. Training needs it; lora-insert has it set by default, because a new branch is usually trained">];
  let statistics = [
    Statistic<"numBranches", "num-branches", "Branches inserted">,
    Statistic<"numParameters", "num-parameters", "Parameters added">,
    Statistic<"numOperations", "num-operations", "Operations added">];
  let dependentDialects = ["::lora::LoRADialect", "::mlir::arith::ArithDialect"];
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

def Insert : Pass<"lora-insert", "::mlir::ModuleOp"> {
  let summary = "Adds new low-rank branches to a model";
  let description = [{
    Adds branches to the linear layers and embeddings that PEFT's targeting rules select: `targets`
    is a list of names, of paths, or `all-linear`; `regex` is an alternative;
    `config=adapter_config.json` reads everything from a file. By default A is random (Kaiming
    uniform) and B is zero; for an embedding A is zero and B is normal. So the model computes the
    same as before. `init_lora_weights` of a config may be `gaussian`, `orthogonal`, false (A and B
    are random), or `pissa` or `olora`: A and B are then factors of the base weight (`#lora.start`),
    and their product is subtracted from it (`#lora.residual`). With `use_dora` the initial
    magnitudes are norms (`#lora.norms`). Layers, names and shapes are the same as those that PEFT
    makes from the config. A target that matches nothing is a warning with similar names; it is an
    error if nothing matches at all. The IR is that of `lora-attach`, with these values:

    ```mlir
    %a: tensor<2x6xf32> {transformer.slot = "q_proj.lora_A.weight", transformer.role = #transformer.role<trainable>, transformer.value =
      #transformer.init<kaiming_uniform, "q_proj.lora_A.weight", tensor<2x6xf32>, seed = 0>}
    %b: tensor<4x2xf32> {transformer.slot = "q_proj.lora_B.weight", transformer.role = #transformer.role<trainable>, transformer.value =
      #transformer.init<zeros, "q_proj.lora_B.weight", tensor<4x2xf32>, seed = 0>}
    ```
  }];
  let options = [
    Option<"config", "config", "std::string", "", "An adapter_config.json, in place of all options below except the seed">,
    ListOption<"targets", "targets", "std::string", "Names or paths of linear layers and embeddings, or all-linear">,
    Option<"regex", "regex", "std::string", "", "A Python regular expression of whole paths, in place of targets">,
    ListOption<"exclude", "exclude", "std::string", "Names or paths that get no branch">,
    ListOption<"layers", "layers", "int64_t", "Numbers of the layers to which targets are limited">,
    ListOption<"layersPattern", "layers-pattern", "std::string", "Names of the list of layers">,
    Option<"rank", "rank", "int64_t", "8", "Rank of the branches, at least 1; a warning above the smaller dimension of a weight">,
    Option<"alpha", "alpha", "double", "8", "The scale is alpha / rank; the default is PEFT's, whatever the rank is">,
    Option<"rslora", "rslora", "bool", "false", "Rank-stabilised: the scale is alpha / sqrt(rank)">,
    ListOption<"rankPattern", "rank-pattern", "std::string", "KEY=RANK: the rank of layers whose path ends in KEY; the first match counts">,
    ListOption<"alphaPattern", "alpha-pattern", "std::string", "KEY=ALPHA, likewise">,
    Option<"train", "train", "bool", "true",
           "A and B are f32 slots of role trainable, cast to the compute type in the block; otherwise frozen, in the compute "
           "type. lora-attach has it unset by default, because an existing adapter is usually applied">,
    Option<"seed", "seed", "uint64_t", "0", "Seed of the random A">];
  let statistics = [
    Statistic<"numBranches", "num-branches", "Branches inserted">,
    Statistic<"numParameters", "num-parameters", "Parameters added">,
    Statistic<"numOperations", "num-operations", "Operations added">];
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

    A cost model decides which form a group gets, for `tokens` tokens per call. The cost of a matmul
    is a launch, plus the time to read its operands or the time of its arithmetic, whichever is
    longer. The forms:

    - *separate*: each layer by itself, `(x A) B`;
    - *fused*: as above;
    - *augmented*: A stands below the base weights in one stacked weight, so that one matmul
      computes base and A; only for frozen layers without bias, and it stores A with the base
      weights;
    - *merged*: into the base weights; see `lora-merge`, which does it.

    While `exchangeable` is set, A and B stay separate slots, so the last two forms are not
    possible. A remark of category `lora-fuse` gives the form, the reason and the times that the
    model expects, for each group.
  }];
  let options = [
    Option<"form", "form", "std::string", "\"auto\"", "auto, separate, fused, augmented or merged">,
    Option<"exchangeable", "exchangeable", "bool", "true", "Keep A and B apart from the base weights, so that adapters can be exchanged">,
    Option<"tokens", "tokens", "int64_t", "1", "Tokens a call that the cost model assumes">,
    Option<"launch", "launch-microseconds", "double", "4", "Cost of starting a matmul">,
    Option<"bandwidth", "gigabytes-per-second", "double", "30", "Rate of reading weights">,
    Option<"rate", "gigaflops", "double", "200", "Rate of f32 arithmetic; narrower types count twice that">];
  let statistics = [
    Statistic<"numGroups", "num-groups", "Groups of branches fused">,
    Statistic<"numBranches", "num-branches", "Branches in them">];
  let dependentDialects = ["::lora::LoRADialect", "::mlir::arith::ArithDialect"];
}

#endif // LORA_MLIR_DIALECT_LORA_TRANSFORMS_PASSES_TD
