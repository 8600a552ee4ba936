// RUN: lora-opt %s | lora-opt | FileCheck %s

// A block with parameters, state and a trainable slot, and an entry that applies it.

// CHECK-LABEL: func.func private @decoder
// CHECK-SAME: transformer.slot = "norm.weight"
// CHECK-SAME: transformer.role = #transformer.role<state>
// CHECK-SAME: transformer.next = "key_cache"
func.func private @decoder(%x: tensor<?x48xf32>, %seq: tensor<4x?xi32>,
    %n: tensor<48xf32> {transformer.slot = "norm.weight"},
    %w: tensor<72x48xf32> {transformer.slot = "k_proj.weight", transformer.role = #transformer.role<trainable>,
      transformer.value = #transformer.cast<#transformer.base<"k_proj.weight", tensor<72x48xbf16>> to tensor<72x48xf32>>},
    %kc: tensor<?x72xf32> {transformer.slot = "key_cache", transformer.role = #transformer.role<state>})
    -> (tensor<?x48xf32>, tensor<?x72xf32> {transformer.next = "key_cache"}) {
  // CHECK: transformer.rms_norm %{{.+}}, %{{.+}} {eps = 9.9{{.+}}E-7 : f64} : tensor<?x48xf32>, tensor<48xf32>
  %a = transformer.rms_norm %x, %n {eps = 1.0e-6 : f64} : tensor<?x48xf32>, tensor<48xf32>
  // CHECK: transformer.linear %{{.+}}, %{{.+}} : tensor<?x48xf32>, tensor<72x48xf32> -> tensor<?x72xf32>
  %k = transformer.linear %a, %w : tensor<?x48xf32>, tensor<72x48xf32> -> tensor<?x72xf32>
  // CHECK: transformer.cache_write
  %kc1 = transformer.cache_write %kc, %k, %seq : tensor<?x72xf32>, tensor<?x72xf32>, tensor<4x?xi32>
  // CHECK: transformer.add %{{.+}}, %{{.+}} : tensor<?x48xf32>
  %y = transformer.add %x, %a : tensor<?x48xf32>
  return %y, %kc1 : tensor<?x48xf32>, tensor<?x72xf32>
}

// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<?x48xf32>, %seq: tensor<4x?xi32>) -> tensor<?x48xf32> {
  // CHECK: transformer.apply @decoder at "model.layers.0"(%{{.+}}, %{{.+}}) : (tensor<?x48xf32>, tensor<4x?xi32>) -> tensor<?x48xf32>
  %0 = transformer.apply @decoder at "model.layers.0"(%x, %seq) : (tensor<?x48xf32>, tensor<4x?xi32>) -> tensor<?x48xf32>
  %1 = transformer.apply @decoder at "model.layers.1"(%0, %seq) : (tensor<?x48xf32>, tensor<4x?xi32>) -> tensor<?x48xf32>
  return %1 : tensor<?x48xf32>
}
