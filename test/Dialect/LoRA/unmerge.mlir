// RUN: lora-opt %s -split-input-file -lora-unmerge -verify-diagnostics | FileCheck %s

#a = #transformer.adapter<"style", "q.lora_A.weight", tensor<2x6xf32>>
#b = #transformer.adapter<"style", "q.lora_B.weight", tensor<4x2xf32>>

// The slots of the matrices have the names of their tensors, and in them the name of the adapter.
// CHECK-LABEL: func.func private @named.lora(
// CHECK-SAME: %[[X:[^:]+]]: tensor<?x6xf32>, %[[W:[^:]+]]: tensor<4x6xf32> {transformer.slot = "q.weight"},
// CHECK-SAME: %[[A:[^:]+]]: tensor<2x6xf32> {transformer.slot = "q.lora_A.style.weight", transformer.value = #transformer.adapter<"style", "q.lora_A.weight", tensor<2x6xf32>>},
// CHECK-SAME: %[[B:[^:]+]]: tensor<4x2xf32> {transformer.slot = "q.lora_B.style.weight", transformer.value = #transformer.adapter<"style", "q.lora_B.weight", tensor<4x2xf32>>},
// CHECK-SAME: %[[P:[^:]+]]: tensor<3x4xf32> {transformer.slot = "p.weight"})
// CHECK: %[[S:.+]] = arith.constant dense<1.500000e+00> : tensor<2xf32>
// CHECK: %[[Y:.+]] = lora.linear %[[X]], %[[W]], %[[A]], %[[B]], %[[S]] :
// A layer that is not merged stays as it is.
// CHECK: transformer.linear %[[Y]], %[[P]] :
func.func private @named(%x: tensor<?x6xf32>,
    %w: tensor<4x6xf32> {transformer.slot = "q.weight", transformer.value = #lora.merge<#transformer.base<"q.weight", tensor<4x6xf32>>, #b, #a, dense<1.5> : tensor<2xf32>>},
    %p: tensor<3x4xf32> {transformer.slot = "p.weight"}) -> tensor<?x3xf32> {
  %0 = transformer.linear %x, %w : tensor<?x6xf32>, tensor<4x6xf32> -> tensor<?x4xf32>
  %1 = transformer.linear %0, %p : tensor<?x4xf32>, tensor<3x4xf32> -> tensor<?x3xf32>
  return %1 : tensor<?x3xf32>
}
func.func @main(%x: tensor<?x6xf32>) -> tensor<?x3xf32> {
  %0 = transformer.apply @named at "layers.0"(%x) : (tensor<?x6xf32>) -> tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
}

// -----

// Tensors that are not named after the layer.
// CHECK-LABEL: func.func private @others.lora(
// CHECK-SAME: tensor<2x6xf32> {transformer.slot = "q.a", transformer.value = #transformer.base<"left", tensor<2x6xf32>>}
// CHECK-SAME: tensor<4x2xf32> {transformer.slot = "q.b", transformer.value = #transformer.base<"qb.weight", tensor<4x2xf32>>}
func.func private @others(%x: tensor<?x6xf32>,
    %w: tensor<4x6xf32> {transformer.slot = "q.weight", transformer.value = #lora.merge<#transformer.base<"q.weight", tensor<4x6xf32>>, #transformer.base<"qb.weight", tensor<4x2xf32>>, #transformer.base<"left", tensor<2x6xf32>>, dense<[1.5, 2.5]> : tensor<2xf32>>}) -> tensor<?x4xf32> {
  %0 = transformer.linear %x, %w : tensor<?x6xf32>, tensor<4x6xf32> -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
func.func @main(%x: tensor<?x6xf32>) -> tensor<?x4xf32> {
  %0 = transformer.apply @others at "layers.0"(%x) : (tensor<?x6xf32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

// expected-error @below {{expected a merged slot to be the weight of a linear layer, but got 'q.table'}}
func.func private @table(%x: tensor<?x6xf32>,
    %w: tensor<4x6xf32> {transformer.slot = "q.table", transformer.value = #lora.merge<#transformer.base<"q.table", tensor<4x6xf32>>, #transformer.base<"b", tensor<4x2xf32>>, #transformer.base<"a", tensor<2x6xf32>>, dense<1.5> : tensor<2xf32>>}) -> tensor<?x4xf32> {
  %0 = transformer.linear %x, %w : tensor<?x6xf32>, tensor<4x6xf32> -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
func.func @main(%x: tensor<?x6xf32>) -> tensor<?x4xf32> {
  %0 = transformer.apply @table at "layers.0"(%x) : (tensor<?x6xf32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
