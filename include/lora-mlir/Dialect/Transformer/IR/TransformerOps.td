//===- TransformerOps.td - Structure and linear algebra ----*- tablegen -*-===//
//
// Defines blocks and their applications, linear layers, embeddings and matrix
// products, and includes the other operations of the dialect. The constraints
// (Cn) are verified in lib/Dialect/Transformer/IR/TransformerOps.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMEROPS_TD
#define LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMEROPS_TD

include "lora-mlir/Dialect/Transformer/IR/TransformerOpBase.td"
include "lora-mlir/Dialect/Transformer/IR/TransformerElementwiseOps.td"
include "lora-mlir/Dialect/Transformer/IR/TransformerNormOps.td"
include "lora-mlir/Dialect/Transformer/IR/TransformerAttentionOps.td"
include "lora-mlir/Dialect/Transformer/IR/TransformerTrainingOps.td"

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

def Transformer_ApplyOp : Transformer_Op<"apply", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Applies a block at a path of the module tree";
  let description = [{
    Calls `block` with `inputs` as its arguments without a slot. The arguments with a slot are bound
    to the parameters and states `path.slot` (to `slot` if the path is empty). Results tagged
    `transformer.next` are not returned; they update the bound state. Results tagged
    `transformer.grad` are returned together as one `!transformer.gradients`, the last result.

    What a slot is bound to is a property of the layer, not of the code: `values` has weight
    expressions that are used at this application instead of the block's `transformer.value`. So a
    layer with a merged adapter can run the same function as a layer without one.

    ```mlir
    %1 = transformer.apply @decoder at "model.layers.0"(%0, %seq)
         : (tensor<?x48xf32>, tensor<4x?xi32>) -> tensor<?x48xf32>
    %2 = transformer.apply @decoder at "model.layers.1"(%1, %seq)
         {values = {norm.weight = #transformer.init<ones, "norm.weight", tensor<48xf32>, seed = 0>}}
         : (tensor<?x48xf32>, tensor<4x?xi32>) -> tensor<?x48xf32>
    ```

    Constraints:
    - (C1) `block` names a function of the module.
    - (C2) the types of `inputs` are those of the block's arguments without a slot.
    - (C3) the result types are those of the block's results without a tag, then
      `!transformer.gradients` if a result is tagged `transformer.grad`.
    - (C4) each entry of `values` names a slot of `block` that is not a state, and is a weight
      expression of the slot's type.
    - (C5) if `#transformer.model` names a slot of `block` as the weight of `embedding_layer` or
      `output_layer`, then it is a matrix with `vocab_size` rows.
  }];
  let arguments = (ins FlatSymbolRefAttr:$block, StrAttr:$path, Variadic<AnyType>:$inputs,
                       OptionalAttr<DictionaryAttr>:$values);
  let results = (outs Variadic<AnyType>:$outputs);
  let builders = [
    OpBuilder<(ins "::mlir::TypeRange":$outputs, "::llvm::StringRef":$block, "::llvm::StringRef":$path,
                   "::mlir::ValueRange":$inputs), [{
      build($_builder, $_state, outputs, block, path, inputs, ::mlir::DictionaryAttr());
    }]>];
  let assemblyFormat = [{
    $block `at` $path `(` $inputs `)` attr-dict `:` functional-type($inputs, $outputs)
  }];
}

//===----------------------------------------------------------------------===//
// Embedding and linear algebra
//===----------------------------------------------------------------------===//

def Transformer_EmbeddingOp : Transformer_DifferentiableOp<"embedding"> {
  let summary = "Looks up rows of a table";
  let description = [{
    `result[t, :] = table[ids[t], :]`. Ids must be in range; the caller of the model checks them.

    ```mlir
    %0 = transformer.embedding %ids, %table : tensor<?xi32>, tensor<259x48xf32> -> tensor<?x48xf32>
    ```

    Constraints:
    - (C1) `result` is [tokens of `ids`, width of `table`].
  }];
  let arguments = (ins Transformer_Indices:$ids, Transformer_Matrix:$table);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = "$ids `,` $table attr-dict `:` type($ids) `,` type($table) `->` type($result)";
  let hasVerifier = 1;
}

def Transformer_PositionsOp : Transformer_Op<"positions", [Pure]> {
  let summary = "Rows of a table of learned positions";
  let description = [{
    `result[t] = sequence[0, t] + offset`. `embedding` looks these rows up in a table of positions
    whose first `offset` rows have another meaning (RoBERTa: `padding_idx + 1`).

    ```mlir
    %rows = transformer.positions %seq {offset = 2 : i64} : tensor<4x?xi32> -> tensor<?xi32>
    ```

    Constraints:
    - (C1) `sequence` has 4 rows; `result` has one value per token.
    - (C2) `offset` is not negative.
  }];
  let arguments = (ins Transformer_Sequence:$sequence, I64Attr:$offset);
  let results = (outs Transformer_Indices:$result);
  let assemblyFormat = "$sequence attr-dict `:` type($sequence) `->` type($result)";
  let hasVerifier = 1;
}

def Transformer_LinearOp : Transformer_DifferentiableOp<"linear"> {
  let summary = "Linear layer: y = x Wᵀ + b";
  let description = [{
    `result[t, o] = sum over i of x[t, i] * weight[o, i] + bias[o]`. The weight is [out, in], as
    PyTorch's `nn.Linear` stores it. The element type of the result may be wider than that of the
    operands.

    ```mlir
    %y = transformer.linear %x, %w bias %b : tensor<?x48xf32>, tensor<144x48xf32>, tensor<144xf32> -> tensor<?x144xf32>
    %z = transformer.linear %x, %w : tensor<?x48xf32>, tensor<144x48xf32> -> tensor<?x144xf32>
    ```

    Constraints:
    - (C1) `x` is [tokens, in], `weight` [out, in], `bias` [out], `result` [tokens, out].
    - (C2) `x`, `weight` and `bias` have one element type.
    - (C3) `weight` is not in Conv1D's layout, [in, out].
  }];
  let arguments = (ins Transformer_Activation:$x, Transformer_Matrix:$weight,
                       Optional<Transformer_Vector>:$bias);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = [{
    $x `,` $weight (`bias` $bias^)? attr-dict `:` type($x) `,` type($weight) (`,` type($bias)^)? `->` type($result)
  }];
  let hasVerifier = 1;
}

def Transformer_MatmulOp : Transformer_DifferentiableOp<"matmul"> {
  let summary = "Matrix product, either operand transposed";
  let description = [{
    `result = op(a) op(b)`, where `op` transposes an operand whose flag is set. Gradients of linear
    layers use it. The element type of the result may be wider than that of the operands.

    ```mlir
    %dx = transformer.matmul %dy, %w : tensor<?x144xf32>, tensor<144x48xf32> -> tensor<?x48xf32>
    %db = transformer.matmul %dy, %t {transpose_a} : tensor<?x144xf32>, tensor<?x3xf32> -> tensor<144x3xf32>
    ```

    Constraints:
    - (C1) the shapes fit: op(a) is [m, k], op(b) [k, n], `result` [m, n].
    - (C2) `a` and `b` have one element type.
  }];
  let arguments = (ins Transformer_Matrix:$a, Transformer_Matrix:$b,
                       UnitAttr:$transpose_a, UnitAttr:$transpose_b);
  let results = (outs Transformer_Matrix:$result);
  let assemblyFormat = "$a `,` $b attr-dict `:` type($a) `,` type($b) `->` type($result)";
  let hasVerifier = 1;
}

def Transformer_SumTokensOp : Transformer_Op<"sum_tokens", [Pure]> {
  let summary = "Sum over the token axis";
  let description = [{
    `result[i] = sum over t of x[t, i]`: the gradient of a bias.

    ```mlir
    %db = transformer.sum_tokens %dy : tensor<?x144xbf16> -> tensor<144xf32>
    ```

    Constraints:
    - (C1) `result` has the width of `x`.
  }];
  let arguments = (ins Transformer_Activation:$x);
  let results = (outs Transformer_Vector:$result);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
}

def Transformer_EmbeddingGradientOp : Transformer_Op<"embedding_gradient", [Pure]> {
  let summary = "Gradient of an embedding table";
  let description = [{
    `result[v, :] = sum over t with ids[t] = v of dy[t, :]`.

    ```mlir
    %d = transformer.embedding_gradient %dy, %ids : tensor<?x48xf32>, tensor<?xi32> -> tensor<259x48xf32>
    ```

    Constraints:
    - (C1) `dy` is [tokens of `ids`, width of `result`].
  }];
  let arguments = (ins Transformer_Activation:$dy, Transformer_Indices:$ids);
  let results = (outs Transformer_Matrix:$result);
  let assemblyFormat = "$dy `,` $ids attr-dict `:` type($dy) `,` type($ids) `->` type($result)";
  let hasVerifier = 1;
}

#endif // LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMEROPS_TD
