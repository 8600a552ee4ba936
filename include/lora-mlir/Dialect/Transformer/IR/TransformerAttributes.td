//===- TransformerAttributes.td - Roles and weight expressions -*- tablegen -*-//
//
// Defines the roles of slots, the kinds of activations and initializers, the
// encoding conv1d, and the weight expressions that need no adapter: stored
// tensors, initial values, casts, concatenations, transpositions and offsets.
// The constraints (Cn) are verified in
// lib/Dialect/Transformer/IR/TransformerAttributes.cpp. lib/Weights evaluates
// the expressions.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMERATTRIBUTES_TD
#define LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMERATTRIBUTES_TD

include "lora-mlir/Dialect/Transformer/IR/TransformerDialect.td"
include "lora-mlir/Dialect/Transformer/IR/WeightExprAttrInterface.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class Transformer_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Transformer_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def Transformer_Role : I32EnumAttr<"Role", "The role of a slot in training and in calls", [
    I32EnumAttrCase<"Frozen", 0, "frozen">,
    I32EnumAttrCase<"Trainable", 1, "trainable">,
    I32EnumAttrCase<"State", 2, "state">]> {
  let cppNamespace = "::lora::transformer";
  let genSpecializedAttr = 0;
}
def Transformer_RoleAttr : EnumAttr<Transformer_Dialect, Transformer_Role, "role"> {
  let assemblyFormat = "`<` $value `>`";
}

def Transformer_ActivationKind : I32EnumAttr<"ActivationKind", "An elementwise nonlinearity", [
    I32EnumAttrCase<"Silu", 0, "silu">,
    I32EnumAttrCase<"GeluErf", 1, "gelu_erf">,
    I32EnumAttrCase<"GeluTanh", 2, "gelu_tanh">,
    I32EnumAttrCase<"Relu", 3, "relu">,
    I32EnumAttrCase<"Tanh", 4, "tanh">]> {
  let cppNamespace = "::lora::transformer";
  let genSpecializedAttr = 0;
}
def Transformer_ActivationKindAttr
    : EnumAttr<Transformer_Dialect, Transformer_ActivationKind, "activation_kind"> {
  let assemblyFormat = "`<` $value `>`";
}

def Transformer_InitKind : I32EnumAttr<"InitKind", "How a new parameter is initialized", [
    I32EnumAttrCase<"Zeros", 0, "zeros">,
    I32EnumAttrCase<"Ones", 1, "ones">,
    I32EnumAttrCase<"KaimingUniform", 2, "kaiming_uniform">,
    I32EnumAttrCase<"Normal", 3, "normal">,
    I32EnumAttrCase<"StandardNormal", 4, "standard_normal">]> {
  let cppNamespace = "::lora::transformer";
  let genSpecializedAttr = 0;
}

def Transformer_ModelAttr : Transformer_Attr<"Model", "model"> {
  let summary = "The facts about the model that a module computes";
  let description = [{
    ```mlir
    #transformer.model<{family = "llama", vocab_size = 259 : i64, hidden_size = 48 : i64, max_positions = 512 : i64,
                        embedding_layer = "model.embed_tokens", output_layer = "lm_head", tied = true}>
    ```
    The importer creates it. It is a dictionary with the keys of the manifest's `model`, which the
    runtime acts on, and with keys that passes act on:

    - `layers`: the number of decoder layers or encoder layers;
    - `embedding_layer`: the path of the layer whose table has a row for each token;
    - `output_layer`: the path of the linear layer that computes a logit for each token. A tied head
      is applied at the path of the embedding; this is the path that it would have otherwise;
    - `tied`: whether the weight of the head is that of the embedding in the checkpoint;
    - `parted`: whether an adapter has given a tied head a weight of its own.

    An absent key has the value for a module that is no model.

    Constraints:
    - (C1) The values are those that the manifest accepts.
    - (C2) If `tied` or `parted` is set, there are `embedding_layer` and `output_layer`.
    - (C3) `embedding_layer` and `output_layer` differ. Their weights are verified by
      `transformer.apply`.
  }];
  let parameters = (ins "::mlir::DictionaryAttr":$fields);
  let assemblyFormat = "`<` $fields `>`";
  let genVerifyDecl = 1;
  let builders = [AttrBuilder<(ins "const ::lora::transformer::ModelFacts &":$facts)>];
  let extraClassDeclaration = [{
    ::lora::transformer::ModelFacts getFacts() const;
  }];
}

def Transformer_InputKind : I32EnumAttr<"InputKind", "What an entry is given by the runtime", [
    I32EnumAttrCase<"Ids", 0, "ids">,
    I32EnumAttrCase<"Sequence", 1, "sequence">,
    I32EnumAttrCase<"TokenTypes", 2, "token_types">,
    I32EnumAttrCase<"Frequencies", 3, "frequencies">,
    I32EnumAttrCase<"Hidden", 4, "hidden">,
    I32EnumAttrCase<"Labels", 5, "labels">,
    I32EnumAttrCase<"Hyperparameters", 6, "hyperparameters">]> {
  let cppNamespace = "::lora::transformer";
  let genSpecializedAttr = 0;
}
def Transformer_InputAttr : EnumAttr<Transformer_Dialect, Transformer_InputKind, "input"> {
  let assemblyFormat = "`<` $value `>`";
}

def Transformer_OutputKind : I32EnumAttr<"OutputKind", "What an entry gives to the runtime", [
    I32EnumAttrCase<"Hidden", 0, "hidden">,
    I32EnumAttrCase<"Logits", 1, "logits">,
    I32EnumAttrCase<"Loss", 2, "loss">,
    I32EnumAttrCase<"Norm", 3, "norm">,
    I32EnumAttrCase<"Pooled", 4, "pooled">]> {
  let cppNamespace = "::lora::transformer";
  let genSpecializedAttr = 0;
}
def Transformer_OutputAttr : EnumAttr<Transformer_Dialect, Transformer_OutputKind, "output"> {
  let assemblyFormat = "`<` $value `>`";
}

class Transformer_WeightExpr<string name, string mnemonic>
    : Transformer_Attr<name, mnemonic, [DeclareAttrInterfaceMethods<WeightExprAttrInterface>]>;

def Transformer_Conv1DAttr : Transformer_Attr<"Conv1D", "conv1d"> {
  let summary = "The layout of GPT-2's linear layers: [in, out]";
  let description = [{
    ```mlir
    #transformer.base<"attn.c_proj.weight", tensor<48x48xf32, #transformer.conv1d>>
    ```
    An encoding of the type of a stored tensor. Only `#transformer.transpose` takes it, and turns it
    into the [out, in] of a linear layer. So a square matrix cannot be used in the wrong
    orientation.
  }];
}

def Transformer_BaseAttr : Transformer_WeightExpr<"Base", "base"> {
  let summary = "A tensor of the base checkpoint";
  let description = [{
    ```mlir
    #transformer.base<"self_attn.q_proj.weight", tensor<144x48xbf16>>
    ```
    The type is the checkpoint's.
  }];
  let parameters = (ins "::mlir::StringAttr":$name, "::mlir::RankedTensorType":$type);
  let assemblyFormat = "`<` $name `,` $type `>`";
}

def Transformer_AdapterAttr : Transformer_WeightExpr<"Adapter", "adapter"> {
  let summary = "A tensor of an adapter";
  let description = [{
    ```mlir
    #transformer.adapter<"default", "self_attn.q_proj.lora_A.weight", tensor<3x48xf32>>
    ```
    The first name is the name of the adapter, so that several adapters can be used together.
  }];
  let parameters = (ins "::mlir::StringAttr":$adapter, "::mlir::StringAttr":$name,
                        "::mlir::RankedTensorType":$type);
  let assemblyFormat = "`<` $adapter `,` $name `,` $type `>`";
}

def Transformer_InitAttr : Transformer_WeightExpr<"Init", "init"> {
  let summary = "A parameter that does not come from a file";
  let description = [{
    ```mlir
    #transformer.init<kaiming_uniform, "self_attn.q_proj.lora_A.weight", tensor<3x48xf32>, seed = 0>
    ```
    `kaiming_uniform` draws from U(-1/sqrt(in), 1/sqrt(in)), torch's `kaiming_uniform_(a =
    sqrt(5))`; `normal` from N(0, (1/r)^2) with r the first dimension; `standard_normal` from N(0,
    1). The last number is the seed. The random stream depends on the seed and on the full name.
  }];
  let parameters = (ins EnumParameter<Transformer_InitKind>:$kind, "::mlir::StringAttr":$name,
                        "::mlir::RankedTensorType":$type, "uint64_t":$seed);
  let assemblyFormat = "`<` $kind `,` $name `,` $type `,` `seed` `=` $seed `>`";
}

def Transformer_NamedAttr : Transformer_WeightExpr<"Named", "named"> {
  let summary = "A new parameter whose initial value is a weight expression";
  let description = [{
    ```mlir
    #transformer.named<"k_proj.weight", #transformer.base<"q_proj.weight", tensor<6x4xf32>>>
    ```
    The value is that of the expression. Like `#transformer.init` it is a leaf: training and saving
    treat it as a tensor of this name.
  }];
  let parameters = (ins "::mlir::StringAttr":$name, "::mlir::Attribute":$operand);
  let assemblyFormat = "`<` $name `,` $operand `>`";
  let genVerifyDecl = 1;
}

def Transformer_CastAttr : Transformer_WeightExpr<"Cast", "cast"> {
  let summary = "A weight expression rounded once to another element type";
  let description = [{
    ```mlir
    #transformer.cast<#transformer.base<"w", tensor<4x6xf16>> to tensor<4x6xf32>>
    ```
  }];
  let parameters = (ins "::mlir::Attribute":$operand, "::mlir::RankedTensorType":$type);
  let assemblyFormat = "`<` $operand `to` $type `>`";
  let genVerifyDecl = 1;
}

def Transformer_ConcatAttr : Transformer_WeightExpr<"Concat", "concat"> {
  let summary = "Weight expressions concatenated along a dimension";
  let description = [{
    ```mlir
    #transformer.concat<[#transformer.base<"q", tensor<4x6xf32>>, #transformer.base<"k", tensor<2x6xf32>>], dim = 0, tensor<6x6xf32>>
    ```
  }];
  let parameters = (ins "::mlir::ArrayAttr":$operands, "int64_t":$dim,
                        "::mlir::RankedTensorType":$type);
  let assemblyFormat = "`<` $operands `,` `dim` `=` $dim `,` $type `>`";
  let genVerifyDecl = 1;
}

def Transformer_TransposeAttr : Transformer_WeightExpr<"Transpose", "transpose"> {
  let summary = "A matrix expression with its dimensions exchanged";
  let description = [{
    ```mlir
    #transformer.transpose<#transformer.base<"c_attn.weight", tensor<48x144xf32, #transformer.conv1d>>>
    ```
    A matrix in Conv1D's layout becomes a plain one.
  }];
  let parameters = (ins "::mlir::Attribute":$operand);
  let assemblyFormat = "`<` $operand `>`";
  let genVerifyDecl = 1;
}

def Transformer_OffsetAttr : Transformer_WeightExpr<"Offset", "offset"> {
  let summary = "A number added to every element of a weight expression";
  let description = [{
    ```mlir
    #transformer.offset<#transformer.cast<#transformer.base<"norm.weight", tensor<48xbf16>> to tensor<48xf32>>, 1.0 : f64>
    ```
    Gemma's norms multiply by 1 + weight, in f32.
  }];
  let parameters = (ins "::mlir::Attribute":$operand, "::mlir::FloatAttr":$number);
  let assemblyFormat = "`<` $operand `,` $number `>`";
  let genVerifyDecl = 1;
}

#endif // LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMERATTRIBUTES_TD
