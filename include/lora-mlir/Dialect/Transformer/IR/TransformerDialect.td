//===- TransformerDialect.td - The transformer dialect -------*- tablegen -*-===//
//
// The graph of a transformer: whole-tensor operations with value semantics on
// activations [tokens, features].
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMERDIALECT_TD
#define LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMERDIALECT_TD

include "mlir/IR/OpBase.td"

def Transformer_Dialect : Dialect {
  let name = "transformer";
  let cppNamespace = "::lora::transformer";
  let summary = "Transformer graphs: blocks, parameters by name, whole-tensor operations";
  let description = [{
    A model is a module of functions. A *block* is a private `func.func`; an *entry* is a public
    one. A block's parameters and state are arguments that carry `transformer.slot`, a name relative
    to the block; `transformer.apply @block at "path"` binds the slot `name` to `path.name`. No
    operation holds the bytes of a parameter.

    Activations are `[tokens, features]`: there is one token axis, for any number of sequences. The
    *sequence table*, `tensor<4x?xi32>`, defines the sequences. Its rows have for each token: its
    position, the first key that it attends to, the end of its keys (exclusive), and the cache row
    to which its own key is written. Only `rotary_table`, `attention` and `cache_write` read it.

    Attributes of a block's arguments and results:

    | attribute | on | meaning |
    | --- | --- | --- |
    | `transformer.slot = "name"` | argument | a parameter or state, named relative to the block |
    | `transformer.value = #expr` | argument with a slot | where the bytes come from: a weight expression; without it, the base checkpoint's tensor of the slot's name |
    | `transformer.role = #transformer.role<...>` | argument with a slot | `frozen` (the default), `trainable` or `state` |
    | `transformer.next = "name"` | result | the new value of the state slot `name`, updated in place |
    | `transformer.grad = "name"` | result | the gradient of the trainable slot `name` |

    A function for a fixed number of tokens (`-transformer-specialize-tokens`) has
    `transformer.tokens = 32 : i64`. Its products with a matrix have `transformer.token_rows`: each
    row of their result belongs to a token, so rows of padding need not be computed.

    Operations on activations accept f32, f64, bf16 and f16. They compute in f32 (f64 for f64) and
    round once to the type of the result. Losses, norms of gradients and updates are f32 or f64. The
    decomposition of an operation into `linalg`, `arith` and `math`
    (`-convert-transformer-to-linalg`) is its definition.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let extraClassDeclaration = [{
    void registerAttributes();
    void registerTypes();

    /// Names of the attributes of block arguments and results.
    static constexpr llvm::StringLiteral kSlotAttr = "transformer.slot";
    static constexpr llvm::StringLiteral kValueAttr = "transformer.value";
    static constexpr llvm::StringLiteral kRoleAttr = "transformer.role";
    static constexpr llvm::StringLiteral kNextAttr = "transformer.next";
    static constexpr llvm::StringLiteral kGradAttr = "transformer.grad";
    /// On an argument of an entry, `#transformer.input`: what the runtime gives.
    static constexpr llvm::StringLiteral kInputAttr = "transformer.input";
    /// On a result of an entry, `#transformer.output`: what the runtime gets.
    static constexpr llvm::StringLiteral kOutputAttr = "transformer.output";
    /// On a module, `#transformer.model`: the facts about the model.
    static constexpr llvm::StringLiteral kModelAttr = "transformer.model";
    /// On a function: the number of tokens for which it is made.
    static constexpr llvm::StringLiteral kTokensAttr = "transformer.tokens";
    /// On an operation in such a function: its rows are tokens.
    static constexpr llvm::StringLiteral kTokenRowsAttr =
        "transformer.token_rows";
  }];
}

#endif // LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMERDIALECT_TD
