//===- OneDNNOps.td - The onednn dialect ---------------------*- tablegen -*-===//
//
// Defines the dialect, its attributes and its operations, which correspond to
// primitives of oneDNN. The constraints (Cn) are verified in
// lib/Dialect/OneDNN/IR/OneDNNDialect.cpp. -convert-transformer-to-onednn makes
// the operations, and -convert-onednn-to-rt turns them into primitives of the
// runtime.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_ONEDNN_IR_ONEDNNOPS_TD
#define LORA_MLIR_DIALECT_ONEDNN_IR_ONEDNNOPS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def OneDNN_Dialect : Dialect {
  let name = "onednn";
  let cppNamespace = "::lora::onednn";
  let summary = "What oneDNN computes, in destination style on tensors and memrefs";
  let description = [{
    There is one operation for each kind of primitive. Shapes are static. A weight in a layout of
    oneDNN has the encoding `#onednn.packed<"tag">`; an operation that does not take this layout
    does not verify. `-onednn-resolve-layouts` replaces `#onednn.packed<"any">` by the layout that
    oneDNN prefers on the target. It is the only pass that asks oneDNN. Bufferization drops
    encodings; after it, a packed weight is opaque bytes, and the operation's `b_layout` gives their
    layout.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let extraClassDeclaration = [{
    void registerAttributes();
    void registerTypes() {}
  }];
}

def OneDNN_PackedAttr : AttrDef<OneDNN_Dialect, "Packed"> {
  let mnemonic = "packed";
  let summary = "Layout of a weight matrix: a oneDNN format tag for weights {in, out}";
  let description = [{
    The encoding of a weight tensor [out, in]. `"any"` stands for the layout that oneDNN prefers,
    before oneDNN was asked.

    ```mlir
    tensor<144x48xbf16, #onednn.packed<"BA16a64b2a">>
    ```
  }];
  let parameters = (ins StringRefParameter<>:$tag);
  let assemblyFormat = "`<` $tag `>`";
}

def OneDNN_PostOpKind : I32EnumAttr<"PostOpKind", "What is done to a result before it is stored", [
    I32EnumAttrCase<"Sum", 0, "sum">,
    I32EnumAttrCase<"Add", 1, "add">,
    I32EnumAttrCase<"Mul", 2, "mul">,
    I32EnumAttrCase<"Silu", 3, "silu">,
    I32EnumAttrCase<"GeluErf", 4, "gelu_erf">,
    I32EnumAttrCase<"GeluTanh", 5, "gelu_tanh">,
    I32EnumAttrCase<"Relu", 6, "relu">,
    I32EnumAttrCase<"Tanh", 7, "tanh">]> {
  let cppNamespace = "::lora::onednn";
  let genSpecializedAttr = 0;
}
def OneDNN_PostOpAttr : EnumAttr<OneDNN_Dialect, OneDNN_PostOpKind, "post_op"> {
  let summary = "One post-op: `sum` adds the previous content of the destination, `add` and `mul` take the next post-op operand";
  let assemblyFormat = "`<` $value `>`";
}
def OneDNN_PostOps : TypedArrayAttrBase<OneDNN_PostOpAttr, "post-ops in order">;

def OneDNN_Matrix : AnyTypeOf<[
  RankedTensorOf<[F32, BF16], [HasStaticShapePred, HasAnyRankOfPred<[2]>],
                 "statically shaped 2D tensor">,
  MemRefRankOf<[F32, BF16, I8], [1, 2]>]>;
def OneDNN_Vector : AnyTypeOf<[
  RankedTensorOf<[F32, BF16], [HasStaticShapePred, HasAnyRankOfPred<[1]>],
                 "statically shaped 1D tensor">,
  MemRefRankOf<[F32, BF16], [1]>]>;
def OneDNN_IndexVector : AnyTypeOf<[
  RankedTensorOf<[I32], [HasStaticShapePred, HasAnyRankOfPred<[1]>],
                 "statically shaped 1D tensor">, MemRefRankOf<[I32], [1]>]>;

class OneDNN_Op<string mnemonic, list<Trait> traits = []>
    : Op<OneDNN_Dialect, mnemonic, traits # [
        AttrSizedOperandSegments, DestinationStyleOpInterface,
        DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]>;

def OneDNN_MatmulOp : OneDNN_Op<"matmul"> {
  let summary = "Matrix product with post-operations: c = post_ops(op(a) op(b) + bias)";
  let description = [{
    `op` transposes an operand whose flag is set. The type of a packed `b` is [n, k], and it needs
    `transpose_b`. The product is accumulated in f32; the bias is added and the post-ops are applied
    in order; then the result is rounded once to the type of `c`. With `token_rows` the rows of `c`
    are tokens: if a call needs only the first rows, the others need not be computed, and are then
    zero.

    ```mlir
    %y = onednn.matmul ins(%x, %w : tensor<16x48xf32>, tensor<144x48xf32, #onednn.packed<"any">>)
         bias(%b : tensor<144xf32>) post(%r : tensor<16x144xf32>) outs(%c : tensor<16x144xf32>)
         {transpose_b, post_ops = [#onednn.post_op<silu>, #onednn.post_op<add>]} -> tensor<16x144xf32>
    ```

    Constraints:
    - (C1) the shapes fit: op(a) is [m, k], op(b) [k, n], bias [n], each post operand and `c`
      [m, n].
    - (C2) `a` and `b` have one element type.
    - (C3) there is one post operand per `add` and `mul` in `post_ops`.
    - (C4) a packed `b` has `transpose_b`; `a`, the post operands and `c` are never packed.
    - (C5) on memrefs, a `b` of opaque bytes has `b_layout` and `b_shape`; on tensors neither is
      set.
    - (C6) with `token_rows` there is no `transpose_a`: rows of `c` are rows of `a`.
  }];
  let arguments = (ins OneDNN_Matrix:$a, OneDNN_Matrix:$b, Optional<OneDNN_Vector>:$bias,
                       Variadic<OneDNN_Matrix>:$post_operands, OneDNN_Matrix:$c,
                       UnitAttr:$transpose_a, UnitAttr:$transpose_b, UnitAttr:$token_rows,
                       DefaultValuedAttr<OneDNN_PostOps, "{}">:$post_ops,
                       OptionalAttr<OneDNN_PackedAttr>:$b_layout,
                       OptionalAttr<TypeAttrBase<"::mlir::RankedTensorType", "tensor type">>:$b_shape);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let assemblyFormat = [{
    `ins` `(` $a `,` $b `:` type($a) `,` type($b) `)` (`bias` `(` $bias^ `:` type($bias) `)`)?
    (`post` `(` $post_operands^ `:` type($post_operands) `)`)? `outs` `(` $c `:` type($c) `)` attr-dict (`->` type($result)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getCMutable(); }
    /// The layout of `b`: its encoding on tensors, `b_layout` on memrefs; null if plain.
    PackedAttr getWeightLayout();
    /// Whether the previous content of `c` is read: a post-op is `sum`.
    bool accumulates();
    /// The sizes of op(a) op(b).
    int64_t getM();
    int64_t getN();
    int64_t getK();
  }];
}

def OneDNN_GatherOp : Op<OneDNN_Dialect, "gather", [
    DestinationStyleOpInterface, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Reads rows of a table that may be packed";
  let description = [{
    `out[t, :] = table[indices[t], :]`. The table of tied embeddings is packed once, for the head;
    this operation reads its rows by the layout.

    ```mlir
    %h = onednn.gather ins(%ids, %w : tensor<16xi32>, tensor<259x48xbf16, #onednn.packed<"any">>)
         outs(%o : tensor<16x48xbf16>) -> tensor<16x48xbf16>
    ```

    Constraints:
    - (C1) `out` is [number of indices, width of the table], of the table's element type.
    - (C2) on memrefs, a `table` of opaque bytes has `table_layout` and `table_shape`; on tensors
      neither is set.
  }];
  let arguments = (ins OneDNN_IndexVector:$indices, OneDNN_Matrix:$table, OneDNN_Matrix:$out,
                       OptionalAttr<OneDNN_PackedAttr>:$table_layout,
                       OptionalAttr<TypeAttrBase<"::mlir::RankedTensorType", "tensor type">>:$table_shape);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let assemblyFormat = [{
    `ins` `(` $indices `,` $table `:` type($indices) `,` type($table) `)` `outs` `(` $out `:` type($out) `)` attr-dict (`->` type($result)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getOutMutable(); }
    /// The layout of `table`: its encoding on tensors, `table_layout` on memrefs; null if plain.
    PackedAttr getWeightLayout();
  }];
}

#endif // LORA_MLIR_DIALECT_ONEDNN_IR_ONEDNNOPS_TD
