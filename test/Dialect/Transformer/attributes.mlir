// RUN: lora-opt %s | lora-opt | FileCheck %s

// The example of each weight expression, as in TransformerAttributes.td, on a slot of its type.

// CHECK-LABEL: func.func private @leaves
// CHECK-SAME: transformer.value = #transformer.base<"self_attn.q_proj.weight", tensor<144x48xbf16>>
// CHECK-SAME: transformer.value = #transformer.adapter<"default", "self_attn.q_proj.lora_A.weight", tensor<3x48xf32>>
// CHECK-SAME: transformer.value = #transformer.init<kaiming_uniform, "self_attn.q_proj.lora_A.weight", tensor<3x48xf32>, seed = 0>
// CHECK-SAME: transformer.value = #transformer.init<normal, "e", tensor<3x4xf32>, seed = 18446744073709551615>
func.func private @leaves(
    %a: tensor<144x48xbf16> {transformer.slot = "a", transformer.value =
      #transformer.base<"self_attn.q_proj.weight", tensor<144x48xbf16>>},
    %b: tensor<3x48xf32> {transformer.slot = "b", transformer.value =
      #transformer.adapter<"default", "self_attn.q_proj.lora_A.weight", tensor<3x48xf32>>},
    %c: tensor<3x48xf32> {transformer.slot = "c", transformer.value =
      #transformer.init<kaiming_uniform, "self_attn.q_proj.lora_A.weight", tensor<3x48xf32>, seed = 0>},
    %d: tensor<6x3xf32> {transformer.slot = "d", transformer.value =
      #transformer.init<zeros, "d", tensor<6x3xf32>, seed = 7>},
    %e: tensor<3x4xf32> {transformer.slot = "e", transformer.value =
      #transformer.init<normal, "e", tensor<3x4xf32>, seed = 18446744073709551615>})

// CHECK-LABEL: func.func private @expressions
// CHECK-SAME: transformer.value = #transformer.cast<#transformer.base<"w", tensor<4x6xf16>> to tensor<4x6xf32>>
// CHECK-SAME: transformer.value = #transformer.concat<[#transformer.base<"q", tensor<4x6xf32>>, #transformer.base<"k", tensor<2x6xf32>>], dim = 0, tensor<6x6xf32>>
// CHECK-SAME: transformer.value = #transformer.transpose<#transformer.base<"c_attn.weight", tensor<48x144xf32, #transformer.conv1d>>>
// CHECK-SAME: transformer.value = #transformer.concat<[#transformer.transpose<#transformer.base<"g", tensor<2x4xf32>>>, #transformer.base<"h", tensor<4x3xf32>>], dim = 1, tensor<4x5xf32>>
// CHECK-SAME: transformer.value = #transformer.offset<#transformer.cast<#transformer.base<"norm.weight", tensor<48xbf16>> to tensor<48xf32>>, 1.000000e+00 : f64>
func.func private @expressions(
    %a: tensor<4x6xf32> {transformer.slot = "a", transformer.value =
      #transformer.cast<#transformer.base<"w", tensor<4x6xf16>> to tensor<4x6xf32>>},
    %b: tensor<6x6xf32> {transformer.slot = "b", transformer.value =
      #transformer.concat<[#transformer.base<"q", tensor<4x6xf32>>, #transformer.base<"k", tensor<2x6xf32>>], dim = 0, tensor<6x6xf32>>},
    %c: tensor<144x48xf32> {transformer.slot = "c", transformer.value =
      #transformer.transpose<#transformer.base<"c_attn.weight", tensor<48x144xf32, #transformer.conv1d>>>},
    %d: tensor<4x5xf32> {transformer.slot = "d", transformer.value =
      #transformer.concat<[#transformer.transpose<#transformer.base<"g", tensor<2x4xf32>>>, #transformer.base<"h", tensor<4x3xf32>>], dim = 1, tensor<4x5xf32>>},
    %e: tensor<48xf32> {transformer.slot = "e", transformer.value =
      #transformer.offset<#transformer.cast<#transformer.base<"norm.weight", tensor<48xbf16>> to tensor<48xf32>>, 1.0 : f64>})

// An encoding of a type, by itself.
// CHECK-LABEL: func.func private @conv1d
func.func private @conv1d() attributes {x = #transformer.conv1d,
    y = #transformer.base<"attn.c_proj.weight", tensor<48x48xf32, #transformer.conv1d>>}

// A packed weight's expression has its plain type.
// CHECK-LABEL: func.func private @packed
func.func private @packed(
    %a: tensor<4x6xbf16, #onednn.packed<"any">> {transformer.slot = "a", transformer.value =
      #transformer.cast<#transformer.base<"w", tensor<4x6xf16>> to tensor<4x6xbf16>>})

// CHECK-LABEL: func.func private @roles
// CHECK-SAME: transformer.role = #transformer.role<frozen>
// CHECK-SAME: transformer.role = #transformer.role<trainable>
// CHECK-SAME: transformer.role = #transformer.role<state>
// CHECK-SAME: -> (tensor<3x4xf32> {transformer.grad = "b"}, tensor<?x4xbf16> {transformer.next = "c"})
func.func private @roles(
    %a: tensor<3x4xf32> {transformer.slot = "a", transformer.role = #transformer.role<frozen>},
    %b: tensor<3x4xbf16> {transformer.slot = "b", transformer.role = #transformer.role<trainable>},
    %c: tensor<?x4xbf16> {transformer.slot = "c", transformer.role = #transformer.role<state>})
    -> (tensor<3x4xf32> {transformer.grad = "b"}, tensor<?x4xbf16> {transformer.next = "c"})

// CHECK-LABEL: func.func private @named
// CHECK-SAME: transformer.value = #transformer.named<"k_proj.weight", #transformer.base<"q_proj.weight", tensor<6x4xf32>>>
func.func private @named(
    %k: tensor<6x4xf32> {transformer.slot = "k_proj.weight", transformer.role = #transformer.role<trainable>, transformer.value =
      #transformer.named<"k_proj.weight", #transformer.base<"q_proj.weight", tensor<6x4xf32>>>})

// CHECK: transformer.model = #transformer.model<{embedding_layer = "model.embed_tokens", family = "llama", hidden_size = 48 : i64, max_positions = 512 : i64, output_layer = "lm_head", tied = true, vocab_size = 259 : i64}>
// CHECK: func.func private @hidden_states(tensor<?xi32> {transformer.input = #transformer.input<ids>}) -> (tensor<?x4xf32> {transformer.output = #transformer.output<hidden>})
module attributes {transformer.model =
    #transformer.model<{family = "llama", vocab_size = 259 : i64, hidden_size = 48 : i64, max_positions = 512 : i64,
                        embedding_layer = "model.embed_tokens", output_layer = "lm_head", tied = true}>} {
  func.func private @hidden_states(tensor<?xi32> {transformer.input = #transformer.input<ids>})
    -> (tensor<?x4xf32> {transformer.output = #transformer.output<hidden>})
}
