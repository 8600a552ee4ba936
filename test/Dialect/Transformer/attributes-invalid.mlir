// RUN: lora-opt %s -split-input-file -verify-diagnostics

// What the attributes of blocks and the weight expressions must be.

func.func @on_an_operation(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected 'transformer.slot' on an argument of a block, but got it elsewhere}}
  %0 = transformer.add %x, %x {transformer.slot = "a"} : tensor<?x4xf32>
  return
}

// -----

// expected-error @below {{expected 'transformer.model' to be #transformer.model on a module}}
module attributes {transformer.model = "llama"} {}

// -----

// expected-error @below {{expected 'transformer.model' to be #transformer.model on a module}}
func.func private @f() attributes {transformer.model = #transformer.model<{}>}

// -----

// expected-error @below {{unknown key 'vocab'; known: family, vocab_size, hidden_size, max_positions, dtype, eos_token_ids, head, outputs, attention, pooled, token_types, pad_token_id, positions, rope, layers, embedding_layer, output_layer, tied, parted}}
module attributes {transformer.model = #transformer.model<{vocab = 9 : i64}>} {}

// -----

// expected-error @below {{expected a whole number from 1 on for 'vocab_size', but got 0 : i64}}
module attributes {transformer.model = #transformer.model<{vocab_size = 0 : i64}>} {}

// -----

// expected-error @below {{expected a whole number from 1 on for 'vocab_size', but got 9 : i32}}
module attributes {transformer.model = #transformer.model<{vocab_size = 9 : i32}>} {}

// -----

// expected-error @below {{unknown value "sideways" for 'attention'; known: causal, bidirectional}}
module attributes {transformer.model = #transformer.model<{attention = "sideways"}>} {}

// -----

// expected-error @below {{model: expected 'outputs' to be above 0 with a head and 0 without one}}
module attributes {transformer.model = #transformer.model<{head = "language_model"}>} {}

// -----

// expected-error @below {{model: expected 'tied' beside 'embedding_layer' and 'output_layer'}}
module attributes {transformer.model = #transformer.model<{embedding_layer = "wte", tied = true}>} {}

// -----

// expected-error @below {{model: expected 'parted' beside 'embedding_layer' and 'output_layer'}}
module attributes {transformer.model = #transformer.model<{output_layer = "head", parted = true}>} {}

// -----

// expected-error @below {{model: expected 'embedding_layer' and 'output_layer' to differ, but both are 'wte'}}
module attributes {transformer.model = #transformer.model<{embedding_layer = "wte", output_layer = "wte"}>} {}

// -----

// expected-error @below {{expected a number above 0 for 'theta', but got -1.000000e+00 : f64}}
module attributes {transformer.model = #transformer.model<{rope = {kind = "dynamic", switch_length = 8 : i64, width = 6 : i64, theta = -1.0, factor = 2.0}}>} {}

// -----

// expected-error @below {{argument 1: expected inputs to be unique, but 'ids' is there twice}}
func.func private @f(tensor<?xi32> {transformer.input = #transformer.input<ids>}, tensor<?xi32> {transformer.input = #transformer.input<ids>})

// -----

// expected-error @below {{argument 0: expected an input or a slot, but got both}}
func.func private @f(tensor<4xi32> {transformer.slot = "a", transformer.input = #transformer.input<ids>})

// -----

// expected-error @below {{argument 0: expected #transformer.input, but got "ids"}}
func.func private @f(tensor<?xi32> {transformer.input = "ids"})

// -----

// expected-error @below {{result 0: expected #transformer.output on a function, but got "hidden"}}
func.func private @f() -> (tensor<4xf32> {transformer.output = "hidden"})

// -----

// expected-error @below {{argument 0: expected a slot name, but got ""}}
func.func private @f(tensor<4xf32> {transformer.slot = ""})

// -----

// expected-error @below {{argument 0: expected a slot name, but got 3 : i64}}
func.func private @f(tensor<4xf32> {transformer.slot = 3 : i64})

// -----

// expected-error @below {{argument 1: expected a slot to be a ranked tensor, but got 'memref<4xf32>'}}
func.func private @f(tensor<4xf32>, memref<4xf32> {transformer.slot = "a"})

// -----

// expected-error @below {{argument 1: expected slot names to be unique, but 'a' is used twice}}
func.func private @f(tensor<4xf32> {transformer.slot = "a"}, tensor<4xf32> {transformer.slot = "a"})

// -----

// expected-error @below {{argument 0: expected a parameter to have a static shape, but got 'tensor<?x4xf32>'}}
func.func private @f(tensor<?x4xf32> {transformer.slot = "a"})

// -----

// expected-error @below {{argument 0: expected 'transformer.slot' beside 'transformer.role'}}
func.func private @f(tensor<4xf32> {transformer.role = #transformer.role<frozen>})

// -----

// expected-error @below {{argument 0: expected #transformer.role, but got "frozen"}}
func.func private @f(tensor<4xf32> {transformer.slot = "a", transformer.role = "frozen"})

// -----

// expected-error @below {{argument 0: expected a weight expression, but got "a"}}
func.func private @f(tensor<4xf32> {transformer.slot = "a", transformer.value = "a"})

// -----

// expected-error @below {{argument 0: expected a state to have no weight expression}}
func.func private @f(tensor<4xf32> {transformer.slot = "a", transformer.role = #transformer.role<state>,
    transformer.value = #transformer.base<"a", tensor<4xf32>>})

// -----

// expected-error @below {{argument 0: expected the weight expression to have type 'tensor<4xf32>', but got 'tensor<4xbf16>'}}
func.func private @f(tensor<4xf32> {transformer.slot = "a", transformer.value = #transformer.base<"a", tensor<4xbf16>>})

// -----

// expected-error @below {{argument 0: expected a known attribute of the transformer dialect, but got 'transformer.rank': did you mean 'transformer.role'}}
func.func private @f(tensor<4xf32> {transformer.slot = "a", transformer.rank = 3 : i64})

// -----

// expected-error @below {{result 0: expected 'a' to be a slot of role state}}
func.func private @f(tensor<4xf32> {transformer.slot = "a"}) -> (tensor<4xf32> {transformer.next = "a"})

// -----

// expected-error @below {{result 0: expected 'b' to be a slot of role state}}
func.func private @f(tensor<?x4xf32>) -> (tensor<4xf32> {transformer.next = "b"})

// -----

// expected-error @below {{result 0: expected the state's type 'tensor<?x4xf32>', but got 'tensor<?x4xbf16>'}}
func.func private @f(tensor<?x4xf32> {transformer.slot = "a", transformer.role = #transformer.role<state>})
    -> (tensor<?x4xbf16> {transformer.next = "a"})

// -----

// expected-error @below {{result 0: expected 'a' to be a slot of role trainable}}
func.func private @f(tensor<4xf32> {transformer.slot = "a"}) -> (tensor<4xf32> {transformer.grad = "a"})

// -----

// expected-error @below {{result 0: expected the gradient to have the shape of 'tensor<4xf32>', but got 'tensor<5xf32>'}}
func.func private @f(tensor<4xf32> {transformer.slot = "a", transformer.role = #transformer.role<trainable>})
    -> (tensor<5xf32> {transformer.grad = "a"})

// -----

// expected-error @below {{result 0: expected the gradient to have the shape of 'tensor<4xf32>', but got 'i32'}}
func.func private @f(tensor<4xf32> {transformer.slot = "a", transformer.role = #transformer.role<trainable>})
    -> (i32 {transformer.grad = "a"})

// -----

// expected-error @below {{result 0: expected a known attribute of the transformer dialect, but got 'transformer.last': did you mean 'transformer.next'}}
func.func private @f(tensor<4xf32> {transformer.slot = "a"}) -> (tensor<4xf32> {transformer.last = "a"})

// -----

// expected-error @below {{expected 'transformer.next' to name a slot of a function}}
func.func private @f(tensor<4xf32> {transformer.slot = "a"}) -> (tensor<4xf32> {transformer.next = 0 : i64})

// -----

// A state's new value is its old one, updated in place.
// expected-error @below {{result 0: expected the state's new value to be its argument updated in place, but got another value}}
func.func private @copy(%x: tensor<?x4xf32>, %s: tensor<?x4xf32> {transformer.slot = "a", transformer.role = #transformer.role<state>})
    -> (tensor<?x4xf32> {transformer.next = "a"}) {
  %0 = transformer.add %s, %x : tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

// Two states must not be exchanged either.
// expected-error @below {{result 0: expected the state's new value to be its argument updated in place, but got another value}}
func.func private @exchange(%s: tensor<?x4xf32> {transformer.slot = "a", transformer.role = #transformer.role<state>},
                            %t: tensor<?x4xf32> {transformer.slot = "b", transformer.role = #transformer.role<state>})
    -> (tensor<?x4xf32> {transformer.next = "a"}, tensor<?x4xf32> {transformer.next = "b"}) {
  return %t, %s : tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// If a block returns too little, the error is at its return.
func.func private @short(%s: tensor<?x4xf32> {transformer.slot = "a", transformer.role = #transformer.role<state>})
    -> (tensor<?x4xf32> {transformer.next = "a"}) {
  // expected-error @below {{has 0 operands, but enclosing function (@short) returns 1}}
  return
}

// -----

// expected-error @below {{expected a cast to keep shape and layout, but got 'tensor<4x6xf16>' to 'tensor<6x4xf32>'}}
#cast = #transformer.cast<#transformer.base<"w", tensor<4x6xf16>> to tensor<6x4xf32>>

// -----

// expected-error @below {{expected a weight expression, but got "w"}}
#cast = #transformer.cast<"w" to tensor<6x4xf32>>

// -----

// expected-error @below {{expected dim to be in [0, 2), but got 2}}
#concat = #transformer.concat<[#transformer.base<"q", tensor<4x6xf32>>], dim = 2, tensor<4x6xf32>>

// -----

// expected-error @below {{expected 'tensor<2x5xf32>' to fit into 'tensor<6x6xf32>' along dim 0}}
#concat = #transformer.concat<[#transformer.base<"q", tensor<4x6xf32>>, #transformer.base<"k", tensor<2x5xf32>>], dim = 0, tensor<6x6xf32>>

// -----

// expected-error @below {{expected 'tensor<2x6xbf16>' to fit into 'tensor<6x6xf32>' along dim 0}}
#concat = #transformer.concat<[#transformer.base<"q", tensor<4x6xf32>>, #transformer.base<"k", tensor<2x6xbf16>>], dim = 0, tensor<6x6xf32>>

// -----

// expected-error @below {{expected dim 0 of the operands to add up to 7, but got 6}}
#concat = #transformer.concat<[#transformer.base<"q", tensor<4x6xf32>>, #transformer.base<"k", tensor<2x6xf32>>], dim = 0, tensor<7x6xf32>>

// -----

// expected-error @below {{expected a matrix, but got 'tensor<4xf32>'}}
#transpose = #transformer.transpose<#transformer.base<"b", tensor<4xf32>>>

// -----

// A square matrix of a Conv1D cannot be taken for that of a linear layer.
// expected-error @below {{argument 0: expected the weight expression to have type 'tensor<4x4xf32>', but got 'tensor<4x4xf32, #transformer.conv1d>'}}
func.func private @conv1d(tensor<4x4xf32> {transformer.slot = "w", transformer.value = #transformer.base<"w", tensor<4x4xf32, #transformer.conv1d>>})

// -----

// expected-error @below {{expected a cast to keep shape and layout, but got 'tensor<4x4xf16, #transformer.conv1d>' to 'tensor<4x4xf32>'}}
#cast = #transformer.cast<#transformer.base<"w", tensor<4x4xf16, #transformer.conv1d>> to tensor<4x4xf32>>

// -----

// expected-error @below {{expected 'tensor<4x4xf32, #transformer.conv1d>' to fit into 'tensor<8x4xf32>' along dim 0}}
#concat = #transformer.concat<[#transformer.base<"q", tensor<4x4xf32>>, #transformer.base<"k", tensor<4x4xf32, #transformer.conv1d>>], dim = 0, tensor<8x4xf32>>

// -----

// expected-error @below {{expected a finite number to add}}
#offset = #transformer.offset<#transformer.base<"b", tensor<4xf32>>, 0x7FF0000000000000 : f64>

// -----

// Similar names are suggested, wherever the attribute is.
// expected-error @below {{argument 0: expected a known attribute of the transformer dialect, but got 'transformer.slt': did you mean 'transformer.slot'}}
func.func private @f(tensor<4xf32> {transformer.slt = "a"})

// -----

// expected-error @below {{result 0: expected a known attribute of the transformer dialect, but got 'transformer.gradd': did you mean 'transformer.grad'}}
func.func private @f(tensor<4xf32> {transformer.slot = "a"}) -> (tensor<4xf32> {transformer.gradd = "a"})

// -----

// expected-error @below {{result 0: expected a known attribute of the transformer dialect, but got 'transformer.anything'; known here: transformer.next, transformer.grad, transformer.output}}
func.func private @f(tensor<4xf32>) -> (tensor<4xf32> {transformer.anything = 1})

// -----

// expected-error @below {{expected 'transformer.grad' on a result of a block, but got it elsewhere}}
func.func private @f(tensor<4xf32> {transformer.slot = "a", transformer.grad = "a"})

// -----

// expected-error @below {{expected a known attribute of the transformer dialect, but got 'transformer.modell': did you mean 'transformer.model'}}
module attributes {transformer.modell = {}} {
}

// -----

// expected-error @below {{argument 0: expected a known attribute of the lora dialect, but got 'lora.inptu': did you mean 'lora.input'}}
func.func private @f(tensor<4xf32> {lora.inptu = "positive"})

// -----

// expected-error @below {{argument 0: expected 'lora.input' to be a text, but got 3}}
func.func private @f(tensor<4xf32> {lora.input = 3 : i64})

// -----

// expected-error @below {{expected no attribute of the lora dialect here, but got 'lora.rank'}}
func.func private @f() attributes {lora.rank = 3 : i64}

// -----

// expected-error @below {{expected a known attribute of the rt dialect, but got 'rt.entri': did you mean 'rt.entry'}}
func.func private @f() attributes {rt.entri}

// -----

// expected-error @below {{expected no attribute of the onednn dialect here, but got 'onednn.layout'}}
func.func private @f() attributes {onednn.layout = "any"}
