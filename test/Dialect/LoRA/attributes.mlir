// RUN: lora-opt %s | lora-opt | FileCheck %s

// The example of the weight expression, as LoRAOps.td has it, and one with a scale per rank row that nests.

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
