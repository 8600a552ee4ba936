//===- Passes.td - Passes that bring adapters in -------------*- tablegen -*-===//
#ifndef LORA_MLIR_IMPORT_PASSES_TD
#define LORA_MLIR_IMPORT_PASSES_TD

include "mlir/Pass/PassBase.td"

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
    of its own, the head is applied at the path that `#transformer.model` has as `output_layer`.
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

def Insert : Pass<"lora-insert", "::mlir::ModuleOp"> {
  let summary = "Adds new low-rank branches to a model";
  let description = [{
    Adds branches to the linear layers and embeddings that PEFT's targeting rules select: `targets`
    is a list of names, of paths, or `all-linear`; `regex` is an alternative;
    `config=adapter_config.json` reads everything from a file. By default A is random (Kaiming
    uniform) and B is zero; for an embedding A is zero and B is normal. So the model computes the
    same as before. `init_lora_weights` of a config may be `gaussian`, `orthogonal`, false (A and B
    are random), or `pissa` or `olora`: A and B are then factors of the base weight (`#lora.initializer`),
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

#endif // LORA_MLIR_IMPORT_PASSES_TD
