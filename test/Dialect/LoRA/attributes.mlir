// RUN: lora-opt %s | lora-opt | FileCheck %s

// The example of each weight expression, as in LoRAAttributes.td, and nested expressions.

// CHECK-LABEL: func.func private @merged
// CHECK-SAME: #lora.merge<#transformer.base<"q_proj.weight", tensor<6x4xbf16>>, #transformer.adapter<"default", "q_proj.lora_B.weight", tensor<6x3xf32>>, #transformer.adapter<"default", "q_proj.lora_A.weight", tensor<3x4xf32>>, dense<2.333000e+00> : tensor<3xf32>>
// CHECK-SAME: #transformer.cast<#lora.merge<{{.+}}, dense<[1.000000e+00, 2.000000e+00, -5.000000e-01]> : tensor<3xf32>> to tensor<6x4xf32>>
func.func private @merged(
    %q: tensor<6x4xbf16> {transformer.slot = "q_proj.weight", transformer.value =
      #lora.merge<#transformer.base<"q_proj.weight", tensor<6x4xbf16>>,
                  #transformer.adapter<"default", "q_proj.lora_B.weight", tensor<6x3xf32>>,
                  #transformer.adapter<"default", "q_proj.lora_A.weight", tensor<3x4xf32>>,
                  dense<2.333> : tensor<3xf32>>},
    %k: tensor<6x4xf32> {transformer.slot = "k_proj.weight", transformer.value =
      #transformer.cast<#lora.merge<#transformer.base<"k_proj.weight", tensor<6x4xbf16>>,
                                    #transformer.adapter<"default", "k_proj.lora_B.weight", tensor<6x3xf32>>,
                                    #transformer.adapter<"default", "k_proj.lora_A.weight", tensor<3x4xf32>>,
                                    dense<[1.0, 2.0, -0.5]> : tensor<3xf32>> to tensor<6x4xf32>>})

// CHECK-LABEL: func.func private @dora
// CHECK-SAME: #lora.scale<#transformer.base<"q_proj.weight", tensor<6x4xbf16>>, #lora.dora_factor<#transformer.base<"q_proj.weight", tensor<6x4xbf16>>, #transformer.adapter<"default", "q_proj.lora_B.weight", tensor<6x3xf32>>, #transformer.adapter<"default", "q_proj.lora_A.weight", tensor<3x4xf32>>, dense<2.333000e+00> : tensor<3xf32>, #transformer.adapter<"default", "q_proj.lora_magnitude_vector", tensor<6xf32>>, dim = 0>, dim = 0>
// CHECK-SAME: #transformer.cast<#lora.scale<#transformer.base<"q_proj.weight", tensor<6x4xbf16>>, #transformer.adapter<"default", "factors", tensor<4xf32>>, dim = 1> to tensor<6x4xbf16>>
func.func private @dora(
    %q: tensor<6x4xf32> {transformer.slot = "q_proj.weight", transformer.value =
      #lora.scale<#transformer.base<"q_proj.weight", tensor<6x4xbf16>>,
    #lora.dora_factor<#transformer.base<"q_proj.weight", tensor<6x4xbf16>>,
                      #transformer.adapter<"default", "q_proj.lora_B.weight", tensor<6x3xf32>>,
                      #transformer.adapter<"default", "q_proj.lora_A.weight", tensor<3x4xf32>>,
                      dense<2.333> : tensor<3xf32>,
                      #transformer.adapter<"default", "q_proj.lora_magnitude_vector", tensor<6xf32>>, dim = 0>
      , dim = 0>},
    %rows: tensor<6x4xf32> {transformer.slot = "rows", transformer.value =
    #lora.scale<#transformer.base<"q_proj.weight", tensor<6x4xbf16>>,
                #transformer.adapter<"default", "factors", tensor<6xf32>>, dim = 0>
    },
    %columns: tensor<6x4xbf16> {transformer.slot = "columns", transformer.value =
      #transformer.cast<#lora.scale<#transformer.base<"q_proj.weight", tensor<6x4xbf16>>, #transformer.adapter<"default", "factors", tensor<4xf32>>, dim = 1> to tensor<6x4xbf16>>})

// CHECK-LABEL: func.func private @others
// CHECK-SAME: #lora.sum<[#transformer.base<"q_proj.bias", tensor<6xbf16>>, #transformer.adapter<"default", "q_proj.lora_B.bias", tensor<6xf32>>], dense<[1.000000e+00, 2.333000e+00]> : tensor<2xf32>>
// CHECK-SAME: #lora.residual<olora, #transformer.base<"q_proj.weight", tensor<6x4xbf16>>, rank = 3, scale = 2.000000e+00 : f64>
// CHECK-SAME: #lora.residual<pissa, #transformer.transpose<#transformer.base<"c_attn.weight", tensor<4x6xf32>>>, rank = 4, scale = 1.000000e+00 : f64>
// CHECK-SAME: #lora.replace_rows<#transformer.base<"weight", tensor<7x4xbf16>>, #transformer.adapter<"default", "token_adapter.trainable_tokens_delta", tensor<2x4xf32>>, [5, 2]>
// CHECK-SAME: #lora.resize_rows<#transformer.base<"weight", tensor<7x4xbf16>> to 9>
// CHECK-SAME: #lora.resize_rows<#transformer.base<"bias", tensor<7xf32>> to 5>
func.func private @others(
    %bias: tensor<6xf32> {transformer.slot = "q_proj.bias", transformer.value =
    #lora.sum<[#transformer.base<"q_proj.bias", tensor<6xbf16>>,
               #transformer.adapter<"default", "q_proj.lora_B.bias", tensor<6xf32>>], dense<[1.0, 2.333]> : tensor<2xf32>>
    },
    %q: tensor<6x4xf32> {transformer.slot = "q_proj.weight", transformer.value =
    #lora.residual<olora, #transformer.base<"q_proj.weight", tensor<6x4xbf16>>, rank = 3, scale = 2.0 : f64>
    },
    %c: tensor<6x4xf32> {transformer.slot = "c_attn.weight", transformer.value =
      #lora.residual<pissa, #transformer.transpose<#transformer.base<"c_attn.weight", tensor<4x6xf32>>>, rank = 4, scale = 1.0 : f64>},
    %w: tensor<7x4xf32> {transformer.slot = "weight", transformer.value =
    #lora.replace_rows<#transformer.base<"weight", tensor<7x4xbf16>>,
                       #transformer.adapter<"default", "token_adapter.trainable_tokens_delta", tensor<2x4xf32>>, [5, 2]>
    },
    %t: tensor<9x4xbf16> {transformer.slot = "table", transformer.value =
    #lora.resize_rows<#transformer.base<"weight", tensor<7x4xbf16>> to 9>
    },
    %v: tensor<5xf32> {transformer.slot = "vector", transformer.value =
      #lora.resize_rows<#transformer.base<"bias", tensor<7xf32>> to 5>})

// CHECK-LABEL: func.func private @initializers
// CHECK-SAME: #lora.initializer<pissa, a, #transformer.base<"q_proj.weight", tensor<6x4xbf16>>, rank = 3, scale = 2.000000e+00 : f64>
// CHECK-SAME: #lora.initializer<olora, b, #transformer.base<"c_attn.weight", tensor<4x4xf32, #transformer.conv1d>>, rank = 3, scale = 5.000000e-01 : f64>
// CHECK-SAME: #transformer.named<"c_attn.weight", #transformer.transpose<#lora.residual<olora, #transformer.base<"c_attn.weight", tensor<4x4xf32, #transformer.conv1d>>, rank = 3, scale = 5.000000e-01 : f64>>>
// CHECK-SAME: #lora.orthogonal<#transformer.init<standard_normal, "q_proj.lora_basis", tensor<4x4xf32>, seed = 0>, #transformer.init<standard_normal, "q_proj.lora_A.coordinates", tensor<2x6xf32>, seed = 0>, first = 0>
// CHECK-SAME: #lora.norms<#transformer.base<"q_proj.weight", tensor<6x4xbf16>>, dim = 0>
func.func private @initializers(
    %a: tensor<3x4xf32> {transformer.slot = "a", transformer.value =
    #lora.initializer<pissa, a, #transformer.base<"q_proj.weight", tensor<6x4xbf16>>, rank = 3, scale = 2.0 : f64>
    },
    %b: tensor<4x3xf32> {transformer.slot = "b", transformer.value =
      #lora.initializer<olora, b, #transformer.base<"c_attn.weight", tensor<4x4xf32, #transformer.conv1d>>, rank = 3, scale = 0.5 : f64>},
    %c: tensor<4x4xf32> {transformer.slot = "c_attn.weight", transformer.value =
      #transformer.named<"c_attn.weight", #transformer.transpose<#lora.residual<olora, #transformer.base<"c_attn.weight", tensor<4x4xf32, #transformer.conv1d>>, rank = 3, scale = 0.5 : f64>>>},
    %o: tensor<4x6xf32> {transformer.slot = "o", transformer.value =
    #lora.orthogonal<#transformer.init<standard_normal, "q_proj.lora_basis", tensor<4x4xf32>, seed = 0>,
                     #transformer.init<standard_normal, "q_proj.lora_A.coordinates", tensor<2x6xf32>, seed = 0>, first = 0>
    },
    %n: tensor<6xf32> {transformer.slot = "n", transformer.value =
    #lora.norms<#transformer.base<"q_proj.weight", tensor<6x4xbf16>>, dim = 0>
    })
