//===- LoRAAttributes.td - Weight expressions of adapters ----*- tablegen -*-===//
//
// Defines the weight expressions of adapters: each computes a value of a slot
// from stored tensors at compile time. The semantics of each is its formula;
// its constraints (Cn) are verified in lib/Dialect/LoRA/IR/LoRAAttributes.cpp.
// lib/Weights evaluates them.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_LORA_IR_LORAATTRIBUTES_TD
#define LORA_MLIR_DIALECT_LORA_IR_LORAATTRIBUTES_TD

include "lora-mlir/Dialect/LoRA/IR/LoRADialect.td"
include "lora-mlir/Dialect/Transformer/IR/WeightExprAttrInterface.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class LoRA_WeightExpr<string name, string attrMnemonic>
    : AttrDef<LoRA_Dialect, name, [DeclareAttrInterfaceMethods<WeightExprAttrInterface>]> {
  let mnemonic = attrMnemonic;
  let genVerifyDecl = 1;
}

def LoRA_MergeAttr : LoRA_WeightExpr<"Merge", "merge"> {
  let summary = "The merged weight W + B diag(s) A as an expression";
  let description = [{
    The sum is accumulated in f32 and rounded once to the type of `base`. The operands contain
    everything that `-lora-unmerge` needs.

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
}

def LoRA_DoraFactorAttr : LoRA_WeightExpr<"DoraFactor", "dora_factor"> {
  let summary = "DoRA's factors m / ||W + B diag(s) A||, one for each row or column";
  let description = [{
    Liu et al. 2024, eq. 5, as PEFT computes it. The norm is Euclidean, over all dimensions of the
    adapted weight except `dim`. For a linear layer, `dim` is 0: there is one number for each
    output. For an embedding, `dim` is 1: there is one number for each feature, and the norm is over
    the vocabulary. The value is f32.

    ```mlir
    #lora.dora_factor<#transformer.base<"q_proj.weight", tensor<6x4xbf16>>,
                      #transformer.adapter<"default", "q_proj.lora_B.weight", tensor<6x3xf32>>,
                      #transformer.adapter<"default", "q_proj.lora_A.weight", tensor<3x4xf32>>,
                      dense<2.333> : tensor<3xf32>,
                      #transformer.adapter<"default", "q_proj.lora_magnitude_vector", tensor<6xf32>>, dim = 0>
    ```

    Constraints:
    - (C1) `base`, `b`, `a` and `scale` are those of `#lora.merge`.
    - (C2) `dim` is 0 or 1, and `magnitude` a vector of that dimension of `base`.
  }];
  let parameters = (ins "::mlir::Attribute":$base, "::mlir::Attribute":$b, "::mlir::Attribute":$a,
                        "::mlir::DenseFPElementsAttr":$scale, "::mlir::Attribute":$magnitude, "int64_t":$dim);
  let assemblyFormat = "`<` $base `,` $b `,` $a `,` $scale `,` $magnitude `,` `dim` `=` $dim `>`";
}

def LoRA_ScaleAttr : LoRA_WeightExpr<"Scale", "scale"> {
  let summary = "A matrix expression whose rows or columns are multiplied by factors";
  let description = [{
    The value is f32.

    ```mlir
    #lora.scale<#transformer.base<"q_proj.weight", tensor<6x4xbf16>>,
                #transformer.adapter<"default", "factors", tensor<6xf32>>, dim = 0>
    ```

    Constraints:
    - (C1) `dim` is 0 or 1, and `factors` a vector of that dimension of `operand`, a matrix.
  }];
  let parameters = (ins "::mlir::Attribute":$operand, "::mlir::Attribute":$factors, "int64_t":$dim);
  let assemblyFormat = "`<` $operand `,` $factors `,` `dim` `=` $dim `>`";
}

def LoRA_SumAttr : LoRA_WeightExpr<"Sum", "sum"> {
  let summary = "A weighted sum of expressions of one shape";
  let description = [{
    The sum is accumulated in f32, which is the type of the value. An example is the bias of a layer
    plus the scaled bias of a branch.

    ```mlir
    #lora.sum<[#transformer.base<"q_proj.bias", tensor<6xbf16>>,
               #transformer.adapter<"default", "q_proj.lora_B.bias", tensor<6xf32>>], dense<[1.0, 2.333]> : tensor<2xf32>>
    ```

    Constraints:
    - (C1) there are operands, all of one shape, and a weight for each.
  }];
  let parameters = (ins "::mlir::ArrayAttr":$operands, "::mlir::DenseFPElementsAttr":$weights);
  let assemblyFormat = "`<` $operands `,` $weights `>`";
}

def LoRA_InitializerKind : I32EnumAttr<"InitializerKind", "Which factors of a weight initialize a branch", [
    I32EnumAttrCase<"Pissa", 0, "pissa">,
    I32EnumAttrCase<"Olora", 1, "olora">]> {
  let cppNamespace = "::lora";
  let genSpecializedAttr = 0;
}

def LoRA_ResidualAttr : LoRA_WeightExpr<"Residual", "residual"> {
  let summary = "A base weight minus the initial value of a branch";
  let description = [{
    `pissa` (Meng et al. 2024, eq. 4): W minus its part for the `rank` largest singular values.
    `olora` (Büyükakyüz 2024): W - scale Q_r R_r, where W = Q R, and Q_r and R_r are the first
    `rank` columns of Q and rows of R. The result does not depend on the signs of the factors. PEFT
    computes it from the base model whenever it loads such an adapter. The value is f32.

    ```mlir
    #lora.residual<olora, #transformer.base<"q_proj.weight", tensor<6x4xbf16>>, rank = 3, scale = 2.0 : f64>
    ```

    Constraints:
    - (C1) `operand` is a matrix, and `rank` at least 1 and at most its smaller dimension.
  }];
  let parameters = (ins EnumParameter<LoRA_InitializerKind>:$kind, "::mlir::Attribute":$operand, "int64_t":$rank,
                        "::mlir::FloatAttr":$scale);
  let assemblyFormat = "`<` $kind `,` $operand `,` `rank` `=` $rank `,` `scale` `=` $scale `>`";
}

def LoRA_BranchMatrix : I32EnumAttr<"BranchMatrix", "A matrix of a branch", [
    I32EnumAttrCase<"A", 0, "a">,
    I32EnumAttrCase<"B", 1, "b">]> {
  let cppNamespace = "::lora";
  let genSpecializedAttr = 0;
}

def LoRA_InitializerAttr : LoRA_WeightExpr<"Initializer", "initializer"> {
  let summary = "The initial value of A or B of a branch: a factor of a base weight";
  let description = [{
    `pissa` (Meng et al. 2024, eqs. 2 and 3): A = diag(sqrt(s / scale)) V and B = U diag(sqrt(s /
    scale)), where U diag(s) V is the part of W for the `rank` largest singular values. `olora`
    (Büyükakyüz 2024): A = R_r and B = Q_r, where W = Q R, and R_r and Q_r are the first `rank` rows
    of R and columns of Q. In both cases, the base weight of the layer becomes `#lora.residual` of
    the same operand, rank and scale. The value is f32.

    ```mlir
    #lora.initializer<pissa, a, #transformer.base<"q_proj.weight", tensor<6x4xbf16>>, rank = 3, scale = 2.0 : f64>
    ```

    Constraints:
    - (C1) `operand` is a matrix, and `rank` at least 1 and at most its smaller dimension.
    - (C2) `scale` is positive.
  }];
  let parameters = (ins EnumParameter<LoRA_InitializerKind>:$kind, EnumParameter<LoRA_BranchMatrix>:$matrix, "::mlir::Attribute":$operand,
                        "int64_t":$rank, "::mlir::FloatAttr":$scale);
  let assemblyFormat = "`<` $kind `,` $matrix `,` $operand `,` `rank` `=` $rank `,` `scale` `=` $scale `>`";
}

def LoRA_OrthogonalAttr : LoRA_WeightExpr<"Orthogonal", "orthogonal"> {
  let summary = "Random rows from one half of an orthonormal basis";
  let description = [{
    PEFT's initializer `orthogonal`. Let Q be the orthogonal factor of the QR factorization of
    `square`, and Q' its rows `first`, `first` + 2, ... The value is transpose(Q') `coordinates` /
    10, in f32. If an A has `first` = 0, and a transposed B has `first` = 1 and the same `square`,
    then B A = 0.

    ```mlir
    #lora.orthogonal<#transformer.init<standard_normal, "q_proj.lora_basis", tensor<4x4xf32>, seed = 0>,
                     #transformer.init<standard_normal, "q_proj.lora_A.coordinates", tensor<2x6xf32>, seed = 0>, first = 0>
    ```

    Constraints:
    - (C1) `square` is [rank, rank] with an even rank, and `coordinates` [rank / 2, any].
    - (C2) `first` is 0 or 1.
  }];
  let parameters = (ins "::mlir::Attribute":$square, "::mlir::Attribute":$coordinates, "int64_t":$first);
  let assemblyFormat = "`<` $square `,` $coordinates `,` `first` `=` $first `>`";
}

def LoRA_NormsAttr : LoRA_WeightExpr<"Norms", "norms"> {
  let summary = "The Euclidean norms of a matrix's rows or columns";
  let description = [{
    The value has one number for each index of dimension `dim`. The norm is over the other
    dimension. These are the initial magnitudes of DoRA (Liu et al. 2024). Sums are f64, the value
    is f32.

    ```mlir
    #lora.norms<#transformer.base<"q_proj.weight", tensor<6x4xbf16>>, dim = 0>
    ```

    Constraints:
    - (C1) `operand` is a matrix, and `dim` 0 or 1.
  }];
  let parameters = (ins "::mlir::Attribute":$operand, "int64_t":$dim);
  let assemblyFormat = "`<` $operand `,` `dim` `=` $dim `>`";
}

def LoRA_ReplaceRowsAttr : LoRA_WeightExpr<"ReplaceRows", "replace_rows"> {
  let summary = "A matrix expression with some of its rows replaced";
  let description = [{
    Row `indices[i]` of the value is row i of `rows`. PEFT trains single tokens so
    (`trainable_token_indices`). The value is f32.

    ```mlir
    #lora.replace_rows<#transformer.base<"weight", tensor<7x4xbf16>>,
                       #transformer.adapter<"default", "token_adapter.trainable_tokens_delta", tensor<2x4xf32>>, [5, 2]>
    ```

    Constraints:
    - (C1) `operand` is [any, n] and `rows` [number of `indices`, n].
    - (C2) `indices` are rows of `operand`, each once.
  }];
  let parameters = (ins "::mlir::Attribute":$operand, "::mlir::Attribute":$rows, ArrayRefParameter<"int64_t">:$indices);
  let assemblyFormat = "`<` $operand `,` $rows `,` `[` $indices `]` `>`";
}

def LoRA_ResizeRowsAttr : LoRA_WeightExpr<"ResizeRows", "resize_rows"> {
  let summary = "A weight expression with another number of rows";
  let description = [{
    Fits a table of tokens to the adapter's vocabulary. Rows from `rows` on are removed. New rows
    are zero until another expression replaces them. For a vector, the elements are the rows.

    ```mlir
    #lora.resize_rows<#transformer.base<"weight", tensor<7x4xbf16>> to 9>
    ```

    Constraints:
    - (C1) `operand` is a plain vector or matrix.
    - (C2) `rows` is positive.
  }];
  let parameters = (ins "::mlir::Attribute":$operand, "int64_t":$rows);
  let assemblyFormat = "`<` $operand `to` $rows `>`";
}

#endif // LORA_MLIR_DIALECT_LORA_IR_LORAATTRIBUTES_TD
