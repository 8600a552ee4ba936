// RUN: lora-opt %s -convert-apply-to-calls -split-input-file -verify-diagnostics | FileCheck %s
// RUN: not lora-opt %s -convert-apply-to-calls -split-input-file --remarks-filter=convert-apply-to-calls 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// A layer's slots are contiguous; two token counts share them; a trainable and its gradient have one offset; results
// are written directly to their buffers.

// CHECK: module attributes {rt.slot_table = [
// CHECK-SAME: #rt.slot<param, "layers.0", "norm", tensor<6xf32> value = #transformer.base<"norm", tensor<6xf32>>>
// CHECK-SAME: #rt.slot<trainable, "layers.0", "a", tensor<6xf32> value = #transformer.base<"a", tensor<6xf32>> offset = 0>
// CHECK-SAME: #rt.slot<param, "layers.0", "packed", tensor<4x6xf32, #onednn.packed<"any">>
// CHECK-SAME: #rt.slot<state, "layers.0", "cache", tensor<?x6xf32>>
// CHECK-SAME: #rt.slot<gradient, "layers.0", "a", tensor<6xf32> offset = 0>
// CHECK-SAME: #rt.slot<param, "layers.1", "norm", tensor<6xf32>
// CHECK-SAME: value = #transformer.init<ones, "norm", tensor<6xf32>, seed = 0>>
// CHECK-SAME: #rt.slot<trainable, "layers.1", {{.+}} offset = 16>
// CHECK-NOT: "layers.0"
module {
  // CHECK-LABEL: func.func private @block(
  // CHECK-SAME: %[[C:[A-Za-z0-9_.]+]]: !rt.context, %[[S:[A-Za-z0-9_.]+]]: !rt.slots, %{{[A-Za-z0-9_.]+}}: !rt.frame,
  // CHECK-SAME: %[[X:[A-Za-z0-9_.]+]]: memref<2x6xf32>, %[[SEQ:[A-Za-z0-9_.]+]]: memref<4x2xi32>, %[[OUT:[A-Za-z0-9_.]+]]: memref<2x6xf32>) {
  // CHECK: %[[XT:.+]] = bufferization.to_tensor %[[X]] restrict : memref<2x6xf32> to tensor<2x6xf32>
  // CHECK: rt.slot %[[C]], %[[S]][0] : memref<6xf32>
  // CHECK: %[[A:.+]] = rt.slot %[[C]], %[[S]][1] : memref<6xf32>
  // CHECK: %[[AT:.+]] = bufferization.to_tensor %[[A]] restrict : memref<6xf32>
  // CHECK: %[[P:.+]] = rt.slot %[[C]], %[[S]][2] : memref<1xi8>
  // CHECK: builtin.unrealized_conversion_cast %[[P]] : memref<1xi8> to tensor<4x6xf32, #onednn.packed<"any">>
  // CHECK: %[[K:.+]] = rt.slot %[[C]], %[[S]][3] : memref<?x6xf32>
  // CHECK: %[[KT:.+]] = bufferization.to_tensor %[[K]] restrict writable : memref<?x6xf32>
  // CHECK: %[[G:.+]] = rt.slot %[[C]], %[[S]][4] : memref<6xf32>
  // CHECK: %[[K1:.+]] = transformer.cache_write %[[KT]], %[[XT]],
  // CHECK: bufferization.materialize_in_destination %[[XT]] in restrict writable %[[OUT]]
  // CHECK: bufferization.materialize_in_destination %[[K1]] in restrict writable %[[K]]
  // CHECK: bufferization.materialize_in_destination %[[AT]] in restrict writable %[[G]]
  // CHECK: return{{$}}
  func.func private @block(%x: tensor<2x6xf32>, %n: tensor<6xf32> {transformer.slot = "norm"}, %seq: tensor<4x2xi32>,
      %a: tensor<6xf32> {transformer.slot = "a", transformer.role = #transformer.role<trainable>},
      %p: tensor<4x6xf32, #onednn.packed<"any">> {transformer.slot = "packed"},
      %kc: tensor<?x6xf32> {transformer.slot = "cache", transformer.role = #transformer.role<state>})
      -> (tensor<2x6xf32>, tensor<?x6xf32> {transformer.next = "cache"}, tensor<6xf32> {transformer.grad = "a"}) {
    %k1 = transformer.cache_write %kc, %x, %seq : tensor<?x6xf32>, tensor<2x6xf32>, tensor<4x2xi32>
    return %x, %k1, %a : tensor<2x6xf32>, tensor<?x6xf32>, tensor<6xf32>
  }

  // CHECK-LABEL: func.func @hidden_states.t2(
  // CHECK-SAME: %[[C:[A-Za-z0-9_.]+]]: !rt.context, %[[S:[A-Za-z0-9_.]+]]: !rt.slots, %[[F:[A-Za-z0-9_.]+]]: !rt.frame,
  // CHECK-SAME: %[[X:[A-Za-z0-9_.]+]]: memref<2x6xf32>, %[[SEQ:[A-Za-z0-9_.]+]]: memref<4x2xi32>, %[[OUT:[A-Za-z0-9_.]+]]: memref<2x6xf32>)
  // CHECK-SAME: rt.entry = #rt.entry<name = "hidden_states.t2", function = "hidden_states", tokens = 2, inputs = ["ids", "sequence"], outputs = ["hidden"]>
  // CHECK-NOT: transformer.tokens
  // CHECK: %[[XT:.+]] = bufferization.to_tensor %[[X]]
  // CHECK: %[[ST:.+]] = bufferization.to_tensor %[[SEQ]]
  // CHECK: %[[R0:.+]] = rt.slot_range %[[S]][0]
  // CHECK: %[[F0:.+]] = rt.subframe %[[F]][0]
  // CHECK: %[[XB:.+]] = bufferization.to_buffer %[[XT]] read_only
  // CHECK: %[[SB:.+]] = bufferization.to_buffer %[[ST]] read_only
  // CHECK: %[[Y:.+]] = memref.alloc() : memref<2x6xf32>
  // CHECK: call @block(%[[C]], %[[R0]], %[[F0]], %[[XB]], %[[SB]], %[[Y]])
  // CHECK: %[[YT:.+]] = bufferization.to_tensor %[[Y]] restrict writable : memref<2x6xf32>
  // CHECK: %[[R1:.+]] = rt.slot_range %[[S]][5]
  // CHECK: %[[YB:.+]] = bufferization.to_buffer %[[YT]] read_only
  // CHECK: call @block(%[[C]], %[[R1]], %{{.+}}, %[[YB]], %{{.+}}, %[[OUT]])
  // CHECK-NOT: materialize
  // CHECK: return{{$}}
  func.func @hidden_states.t2(%x: tensor<2x6xf32> {transformer.input = #transformer.input<ids>}, %seq: tensor<4x2xi32> {transformer.input = #transformer.input<sequence>})
      -> (tensor<2x6xf32> {transformer.output = #transformer.output<hidden>}) attributes {transformer.tokens = 2 : i64} {
    %0, %g0 = transformer.apply @block at "layers.0"(%x, %seq) : (tensor<2x6xf32>, tensor<4x2xi32>) -> (tensor<2x6xf32>, !transformer.gradients)
    %1, %g1 = transformer.apply @block at "layers.1"(%0, %seq)
      {values = {norm = #transformer.init<ones, "norm", tensor<6xf32>, seed = 0>}}
      : (tensor<2x6xf32>, tensor<4x2xi32>) -> (tensor<2x6xf32>, !transformer.gradients)
    return %1 : tensor<2x6xf32>
  }

  // The same layer again uses the same slots. If a value is returned twice, the block writes it once, and it is copied.

  // CHECK-LABEL: func.func @again(
  // CHECK-SAME: %[[O0:[A-Za-z0-9_.]+]]: memref<2x6xf32>, %[[O1:[A-Za-z0-9_.]+]]: memref<2x6xf32>) attributes
  // CHECK-SAME: inputs = ["input0", "input1"]
  // CHECK: rt.slot_range %{{.+}}[0]
  // CHECK: call @block({{.+}}, %[[O0]])
  // CHECK: %[[T:.+]] = bufferization.to_tensor %[[O0]]
  // CHECK: bufferization.materialize_in_destination %[[T]] in restrict writable %[[O1]]
  func.func @again(%x: tensor<2x6xf32>, %seq: tensor<4x2xi32>) -> (tensor<2x6xf32>, tensor<2x6xf32>) {
    %0, %g0 = transformer.apply @block at "layers.0"(%x, %seq) : (tensor<2x6xf32>, tensor<4x2xi32>) -> (tensor<2x6xf32>, !transformer.gradients)
    return %0, %0 : tensor<2x6xf32>, tensor<2x6xf32>
  }
}

// -----

// The optimizer works on the flat regions, which hold every trainable value, each aligned to 16 elements: 17 becomes 32, and 6 more.

// CHECK: #rt.region<gradient, tensor<48xf32>>
// CHECK-SAME: #rt.region<theta, tensor<48xf32>>
// CHECK-SAME: #rt.region<moment1, tensor<48xf32>>
// CHECK-SAME: #rt.region<moment2, tensor<48xf32>>
module {
  func.func private @block(
      %a: tensor<17xf32> {transformer.slot = "a", transformer.role = #transformer.role<trainable>},
      %b: tensor<6xf32> {transformer.slot = "b", transformer.role = #transformer.role<trainable>})
      -> (tensor<17xf32> {transformer.grad = "a"}, tensor<6xf32> {transformer.grad = "b"}) {
    return %a, %b : tensor<17xf32>, tensor<6xf32>
  }
  // CHECK-LABEL: func.func @train_step(
  // CHECK-SAME: %[[H:[A-Za-z0-9_.]+]]: memref<8xf32>, %[[NORM:[A-Za-z0-9_.]+]]: memref<f32>) attributes
  // CHECK: call @block
  // CHECK: %[[G:.+]] = rt.slot %{{.+}}, %{{.+}}[4] : memref<48xf32>
  // CHECK: memref.load %[[G]]
  // CHECK: %[[THETA:.+]] = rt.slot %{{.+}}, %{{.+}}[5] : memref<48xf32>
  // Values of the step have the names of the formula.
  // CHECK: %[[LR:lr_[0-9]+]] = memref.load
  // CHECK: %[[DECAY:weight_decay_[0-9]+]] = memref.load
  // CHECK: %keep = arith.mulf %[[LR]], %[[DECAY]]
  // CHECK: linalg.generic {{.*}} outs(%[[THETA]],
  // CHECK-NEXT: ^bb0(%gradient_{{[0-9]+}}: f32, %theta_{{[0-9]+}}: f32, %moment1_{{[0-9]+}}: f32, %moment2_{{[0-9]+}}: f32):
  func.func @train_step(%h: tensor<8xf32>) -> tensor<f32> {
    %g = transformer.apply @block at "x"() : () -> !transformer.gradients
    %norm = transformer.gradient_norm %g : tensor<f32>
    transformer.adamw %g norm %norm hyperparameters %h : tensor<f32>, tensor<8xf32>
    return %norm : tensor<f32>
  }
}

// -----

func.func private @inner(%x: tensor<2x6xf32>) -> tensor<2x6xf32> {
  return %x : tensor<2x6xf32>
}
func.func private @outer(%x: tensor<2x6xf32>) -> tensor<2x6xf32> {
  // expected-error @below {{expected applications only at the top of an entry}}
  %0 = transformer.apply @inner at "a"(%x) : (tensor<2x6xf32>) -> tensor<2x6xf32>
  return %0 : tensor<2x6xf32>
}

// -----

func.func private @block(%a: tensor<6xf32> {transformer.slot = "a", transformer.role = #transformer.role<trainable>})
    -> (tensor<6xf32> {transformer.grad = "a"}) {
  return %a : tensor<6xf32>
}
func.func @entry() {
  %0 = transformer.apply @block at "x"() : () -> !transformer.gradients
  // expected-error @below {{expected one gradient of 'x.a', but it is computed twice}}
  %1 = transformer.apply @block at "x"() : () -> !transformer.gradients
  return
}

// -----

func.func private @block(%x: tensor<?x6xf32>) -> tensor<?x6xf32> {
  return %x : tensor<?x6xf32>
}
func.func @entry(%x: tensor<?x6xf32>) -> tensor<?x6xf32> {
  // expected-error @below {{expected results with a fixed number of tokens, but got 'tensor<?x6xf32>'; run -transformer-specialize-tokens first}}
  %0 = transformer.apply @block at "x"(%x) : (tensor<?x6xf32>) -> tensor<?x6xf32>
  %1 = transformer.apply @block at "y"(%0) : (tensor<?x6xf32>) -> tensor<?x6xf32>
  return %1 : tensor<?x6xf32>
}


// REMARK: remark: [Analysis] Slots | Category:convert-apply-to-calls | Calls=3, Slots=10
