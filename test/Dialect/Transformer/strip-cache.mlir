// RUN: lora-opt %s -transformer-strip-cache | FileCheck %s

// The write is removed and its value is used instead. State and next values are removed from the signature; other slots stay.

// CHECK-LABEL: func.func private @decoder(
// CHECK-SAME: %[[K:.+]]: tensor<?x72xf32>, %[[SEQ:.+]]: tensor<4x?xi32>, %[[W:.+]]: tensor<72x72xf32> {transformer.slot = "v_proj.weight"})
// CHECK-SAME: -> tensor<?x72xf32> {
func.func private @decoder(%k: tensor<?x72xf32>, %seq: tensor<4x?xi32>,
    %kc: tensor<?x72xf32> {transformer.slot = "key_cache", transformer.role = #transformer.role<state>},
    %w: tensor<72x72xf32> {transformer.slot = "v_proj.weight"},
    %vc: tensor<?x72xf32> {transformer.slot = "value_cache", transformer.role = #transformer.role<state>})
    -> (tensor<?x72xf32> {transformer.next = "key_cache"}, tensor<?x72xf32>, tensor<?x72xf32> {transformer.next = "value_cache"}) {
  // CHECK-NEXT: %[[V:.+]] = transformer.linear %[[K]], %[[W]]
  %v = transformer.linear %k, %w : tensor<?x72xf32>, tensor<72x72xf32> -> tensor<?x72xf32>
  // CHECK-NOT: cache_write
  %kc1 = transformer.cache_write %kc, %k, %seq : tensor<?x72xf32>, tensor<?x72xf32>, tensor<4x?xi32>
  %vc1 = transformer.cache_write %vc, %v, %seq : tensor<?x72xf32>, tensor<?x72xf32>, tensor<4x?xi32>
  // CHECK-NEXT: %[[O:.+]], %{{.+}} = transformer.attention %[[K]], %[[K]], %[[V]], %[[SEQ]]
  %o, %lse = transformer.attention %k, %kc1, %vc1, %seq {heads = 3 : i64, kv_heads = 3 : i64, scale = 0.2 : f64}
             : tensor<?x72xf32>, tensor<?x72xf32>, tensor<4x?xi32> -> tensor<?x3xf32>
  // CHECK-NEXT: return %[[O]] : tensor<?x72xf32>
  return %kc1, %o, %vc1 : tensor<?x72xf32>, tensor<?x72xf32>, tensor<?x72xf32>
}

// A block without state is not touched.

// CHECK-LABEL: func.func private @norm(
// CHECK-SAME: %{{.+}}: tensor<?x72xf32>, %{{.+}}: tensor<72xf32> {transformer.slot = "weight"}) -> tensor<?x72xf32> {
func.func private @norm(%x: tensor<?x72xf32>, %w: tensor<72xf32> {transformer.slot = "weight"}) -> tensor<?x72xf32> {
  %0 = transformer.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x72xf32>, tensor<72xf32>
  return %0 : tensor<?x72xf32>
}

// Applications stay as they are.

// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<?x72xf32>, %seq: tensor<4x?xi32>) -> tensor<?x72xf32> {
  // CHECK: transformer.apply @decoder at "model.layers.0"(%{{.+}}, %{{.+}}) : (tensor<?x72xf32>, tensor<4x?xi32>) -> tensor<?x72xf32>
  %0 = transformer.apply @decoder at "model.layers.0"(%x, %seq) : (tensor<?x72xf32>, tensor<4x?xi32>) -> tensor<?x72xf32>
  return %0 : tensor<?x72xf32>
}
