//===- LoRAOps.td - Operations of the lora dialect -----------*- tablegen -*-===//
//
// Defines linear layers and embeddings with a low-rank branch. The semantics of
// each is its formula; its constraints (Cn) are verified in
// lib/Dialect/LoRA/IR/LoRAOps.cpp. Adapters become these operations
// (-lora-attach, -lora-insert); -lora-merge and -lora-fuse remove or fuse them.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_LORA_IR_LORAOPS_TD
#define LORA_MLIR_DIALECT_LORA_IR_LORAOPS_TD

include "lora-mlir/Dialect/LoRA/IR/LoRAAttributes.td"
include "lora-mlir/Dialect/Transformer/IR/DifferentiableOpInterface.td"
include "lora-mlir/Dialect/Transformer/IR/TransformerTypes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class LoRA_Op<string mnemonic, list<Trait> traits = []>
    : Op<LoRA_Dialect, mnemonic, traits # [Pure, DeclareOpInterfaceMethods<DifferentiableOpInterface>]>;

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
    - (C1) `x` is [tokens, in], `weight` [out, in], `a` [rank, in], `b` [out, rank], `scale` [rank],
      `bias` [out], `result` [tokens, out].
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

def LoRA_EmbeddingOp : LoRA_Op<"embedding"> {
  let summary = "Looks up rows of a table with a low-rank branch: y = table[ids] + (s * a[ids]) Bᵀ";
  let description = [{
    `a` is PEFT's `lora_embedding_A` transposed, so that a token's row is contiguous.

    ```mlir
    %y = lora.embedding %ids, %table, %a, %b, %s
         : tensor<?xi32>, tensor<259x48xf32>, tensor<259x3xf32>, tensor<48x3xf32>, tensor<3xf32> -> tensor<?x48xf32>
    ```

    Constraints:
    - (C1) `table` is [vocabulary, width], `a` [vocabulary, rank], `b` [width, rank], `scale`
      [rank], `result` [tokens of `ids`, width].
    - (C2) `table`, `a`, `b` and `result` have one element type.
  }];
  let arguments = (ins Transformer_Indices:$ids, Transformer_Matrix:$table, Transformer_Matrix:$a,
                       Transformer_Matrix:$b, Transformer_Vector:$scale);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = [{
    $ids `,` $table `,` $a `,` $b `,` $scale attr-dict `:`
    type($ids) `,` type($table) `,` type($a) `,` type($b) `,` type($scale) `->` type($result)
  }];
  let hasVerifier = 1;
}

def LoRA_DownOp : LoRA_Op<"down"> {
  let summary = "The skinny half of low-rank branches: t = s * (x Aᵀ)";
  let description = [{
    `a` may be a stack of the A matrices of several branches that read the same input.

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
  let summary = "A linear layer that adds its branch's up-projection: y = x Wᵀ + t[:, offset : offset + rank] Bᵀ + bias";
  let description = [{
    ```mlir
    %y = lora.up %x, %w, %t[3], %b
         : tensor<?x48xf32>, tensor<72x48xf32>, tensor<?x6xf32>, tensor<72x3xf32> -> tensor<?x72xf32>
    ```

    Constraints:
    - (C1) `x` is [tokens, in], `weight` [out, in], `t` [tokens, any], `b` [out, rank], `bias`
      [out], `result` [tokens, out].
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
