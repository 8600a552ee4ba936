// RUN: lora-opt %s -canonicalize | FileCheck %s

// cast : T -> T is its operand.
// CHECK-LABEL: func.func @cast_to_itself
// CHECK-SAME: (%[[X:.+]]: tensor<?x6xf32>)
func.func @cast_to_itself(%x: tensor<?x6xf32>) -> tensor<?x6xf32> {
  // CHECK-NOT: transformer.cast
  %0 = transformer.cast %x : tensor<?x6xf32> -> tensor<?x6xf32>
  // CHECK: return %[[X]]
  return %0 : tensor<?x6xf32>
}

// A cast that rounds stays, and so do two casts in a row: widening does not restore what rounding lost.
// CHECK-LABEL: func.func @cast_that_rounds
// CHECK-SAME: (%[[X:.+]]: tensor<?x6xf32>)
func.func @cast_that_rounds(%x: tensor<?x6xf32>) -> tensor<?x6xf32> {
  // CHECK: %[[A:.+]] = transformer.cast %[[X]] : tensor<?x6xf32> -> tensor<?x6xbf16>
  // CHECK: %[[B:.+]] = transformer.cast %[[A]] : tensor<?x6xbf16> -> tensor<?x6xf32>
  // CHECK: return %[[B]]
  %0 = transformer.cast %x : tensor<?x6xf32> -> tensor<?x6xbf16>
  %1 = transformer.cast %0 : tensor<?x6xbf16> -> tensor<?x6xf32>
  return %1 : tensor<?x6xf32>
}

// An unused application that updates a state is kept; one that only reads parameters is removed.
func.func private @stateful(%x: tensor<?x6xf32>, %seq: tensor<4x?xi32>,
    %s: tensor<?x6xf32> {transformer.slot = "cache", transformer.role = #transformer.role<state>})
    -> (tensor<?x6xf32>, tensor<?x6xf32> {transformer.next = "cache"}) {
  %0 = transformer.cache_write %s, %x, %seq : tensor<?x6xf32>, tensor<?x6xf32>, tensor<4x?xi32>
  return %x, %0 : tensor<?x6xf32>, tensor<?x6xf32>
}
func.func private @stateless(%x: tensor<?x6xf32>, %w: tensor<6xf32> {transformer.slot = "weight"}) -> tensor<?x6xf32> {
  %0 = transformer.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x6xf32>, tensor<6xf32>
  return %0 : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @unused_applications
func.func @unused_applications(%x: tensor<?x6xf32>, %seq: tensor<4x?xi32>) {
  // CHECK: transformer.apply @stateful
  // CHECK-NOT: transformer.apply @stateless
  %0 = transformer.apply @stateful at "a"(%x, %seq) : (tensor<?x6xf32>, tensor<4x?xi32>) -> tensor<?x6xf32>
  %1 = transformer.apply @stateless at "b"(%x) : (tensor<?x6xf32>) -> tensor<?x6xf32>
  return
}
