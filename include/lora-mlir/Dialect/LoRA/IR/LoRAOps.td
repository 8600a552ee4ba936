//===- LoRAOps.td - The lora dialect -------------------------*- tablegen -*-===//
#ifndef LORA_MLIR_DIALECT_LORA_IR_LORAOPS_TD
#define LORA_MLIR_DIALECT_LORA_IR_LORAOPS_TD

include "lora-mlir/Dialect/Transformer/IR/DifferentiableOpInterface.td"
include "lora-mlir/Dialect/Transformer/IR/TransformerTypes.td"
include "lora-mlir/Dialect/Transformer/IR/WeightExprAttrInterface.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def LoRA_Dialect : Dialect {
  let name = "lora";
  let cppNamespace = "::lora";
  let summary = "Low-rank adapters on linear layers";
  let description = [{
    A linear layer with a low-rank branch (Hu et al. 2021), y = W x + B (s * (A x)), with A [rank, in], B [out, rank]
    and a scale per rank row, s = alpha / rank unless an adapter says otherwise.

    `lora.linear` is the branch as attached. `-lora-merge` folds it into a weight expression, `-lora-fuse` splits it
    into `lora.down`, shared by the layers that read one input, and `lora.up`.
  }];
  let dependentDialects = ["::lora::transformer::TransformerDialect"];
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    void registerAttributes();
    void registerTypes() {}
  }];
}

class LoRA_Op<string mnemonic, list<Trait> traits = []>
    : Op<LoRA_Dialect, mnemonic, traits # [Pure, DeclareOpInterfaceMethods<DifferentiableOpInterface>]>;

def LoRA_MergeAttr : AttrDef<LoRA_Dialect, "Merge", [DeclareAttrInterfaceMethods<WeightExprAttrInterface>]> {
  let mnemonic = "merge";
  let summary = "W + B diag(s) A as a weight expression";
  let description = [{
    Accumulated in f32 and rounded once to the type of `base`. The operands keep all that `-lora-unmerge` needs.

    ```mlir
    #lora.merge<#transformer.base<"q_proj.weight", tensor<6x4xbf16>>,
                #transformer.adapter<"default", "q_proj.lora_B.weight", tensor<6x3xf32>>,
                #transformer.adapter<"default", "q_proj.lora_A.weight", tensor<3x4xf32>>,
                dense<2.333> : tensor<3xf32>>
    ```

    Constraints:
    - (C1) `base` is [out, in], `b` [out, rank], `a` [rank, in], `scale` [rank].
  }];
  let parameters = (ins "::mlir::Attribute":$base, "::mlir::Attribute":$b, "::mlir::Attribute":$a,
                        "::mlir::DenseFPElementsAttr":$scale);
  let assemblyFormat = "`<` $base `,` $b `,` $a `,` $scale `>`";
  let genVerifyDecl = 1;
}

def LoRA_LinearOp : LoRA_Op<"linear"> {
  let summary = "A linear layer with a low-rank branch: y = x Wᵀ + (s * (x Aᵀ)) Bᵀ + bias";
  let description = [{
    ```mlir
    %y = lora.linear %x, %w, %a, %b, %s bias %c
         : tensor<?x48xf32>, tensor<144x48xf32>, tensor<3x48xf32>, tensor<144x3xf32>, tensor<3xf32>, tensor<144xf32> -> tensor<?x144xf32>
    %z = lora.linear %x, %w, %a, %b, %s
         : tensor<?x48xf32>, tensor<144x48xf32>, tensor<3x48xf32>, tensor<144x3xf32>, tensor<3xf32> -> tensor<?x144xf32>
    ```

    Constraints:
    - (C1) `x` is [tokens, in], `weight` [out, in], `a` [rank, in], `b` [out, rank], `scale` [rank], `bias` [out], `result` [tokens, out].
    - (C2) `x`, `weight`, `a`, `b` and `bias` have one element type.
  }];
  let arguments = (ins Transformer_Activation:$x, Transformer_Matrix:$weight, Transformer_Matrix:$a,
                       Transformer_Matrix:$b, Transformer_Vector:$scale, Optional<Transformer_Vector>:$bias);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = [{
    $x `,` $weight `,` $a `,` $b `,` $scale (`bias` $bias^)? attr-dict `:`
    type($x) `,` type($weight) `,` type($a) `,` type($b) `,` type($scale) (`,` type($bias)^)? `->` type($result)
  }];
  let hasVerifier = 1;
}

def LoRA_DownOp : LoRA_Op<"down"> {
  let summary = "The skinny half of low-rank branches: t = s * (x Aᵀ)";
  let description = [{
    `a` may stack the A matrices of several branches that read the same input.

    ```mlir
    %t = lora.down %x, %a, %s : tensor<?x48xf32>, tensor<6x48xf32>, tensor<6xf32> -> tensor<?x6xf32>
    ```

    Constraints:
    - (C1) `x` is [tokens, in], `a` [rank, in], `scale` [rank], `result` [tokens, rank].
    - (C2) `x` and `a` have one element type.
  }];
  let arguments = (ins Transformer_Activation:$x, Transformer_Matrix:$a, Transformer_Vector:$scale);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = "$x `,` $a `,` $scale attr-dict `:` type($x) `,` type($a) `,` type($scale) `->` type($result)";
  let hasVerifier = 1;
}

def LoRA_UpOp : LoRA_Op<"up"> {
  let summary = "A linear layer that accumulates its branch's up-projection: y = x Wᵀ + t[:, offset : offset + rank] Bᵀ + bias";
  let description = [{
    ```mlir
    %y = lora.up %x, %w, %t[3], %b
         : tensor<?x48xf32>, tensor<72x48xf32>, tensor<?x6xf32>, tensor<72x3xf32> -> tensor<?x72xf32>
    ```

    Constraints:
    - (C1) `x` is [tokens, in], `weight` [out, in], `t` [tokens, any], `b` [out, rank], `bias` [out], `result` [tokens, out].
    - (C2) offset + rank is at most the width of `t`.
    - (C3) `x`, `weight`, `t`, `b` and `bias` have one element type.
  }];
  let arguments = (ins Transformer_Activation:$x, Transformer_Matrix:$weight, Transformer_Activation:$t,
                       I64Attr:$offset, Transformer_Matrix:$b, Optional<Transformer_Vector>:$bias);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = [{
    $x `,` $weight `,` $t `[` $offset `]` `,` $b (`bias` $bias^)? attr-dict `:`
    type($x) `,` type($weight) `,` type($t) `,` type($b) (`,` type($bias)^)? `->` type($result)
  }];
  let hasVerifier = 1;
}

#endif // LORA_MLIR_DIALECT_LORA_IR_LORAOPS_TD
