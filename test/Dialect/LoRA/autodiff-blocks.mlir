// RUN: lora-opt %s -lora-autodiff -split-input-file | FileCheck %s

// Masters are f32, the branch computes in bf16: the casts of the parameters are recomputed, their gradients are f32.

func.func private @cast(%x: tensor<?x8xbf16>,
    %w: tensor<6x8xbf16> {transformer.slot = "weight"},
    %a: tensor<3x8xf32> {transformer.slot = "lora_A.weight", transformer.role = #transformer.role<trainable>},
    %b: tensor<6x3xf32> {transformer.slot = "lora_B.weight", transformer.role = #transformer.role<trainable>}) -> tensor<?x6xf32> {
  %s = arith.constant dense<2.0> : tensor<3xf32>
  %a16 = transformer.cast %a : tensor<3x8xf32> -> tensor<3x8xbf16>
  %b16 = transformer.cast %b : tensor<6x3xf32> -> tensor<6x3xbf16>
  %t = lora.down %x, %a16, %s : tensor<?x8xbf16>, tensor<3x8xbf16>, tensor<3xf32> -> tensor<?x3xbf16>
  %y = lora.up %x, %w, %t[0], %b16 : tensor<?x8xbf16>, tensor<6x8xbf16>, tensor<?x3xbf16>, tensor<6x3xbf16> -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}
func.func @loss(%x: tensor<?x8xbf16>, %labels: tensor<?xi32>) -> tensor<f32> {
  %0 = transformer.apply @cast at "head"(%x) : (tensor<?x8xbf16>) -> tensor<?x6xf32>
  %loss, %lse = transformer.cross_entropy %0, %labels : tensor<?x6xf32>, tensor<?xi32> -> tensor<f32>, tensor<?xf32>
  return %loss : tensor<f32>
}

// CHECK-LABEL: func.func private @cast.forward(
// CHECK-SAME: -> (tensor<?x6xf32>, tensor<?x3xbf16>)
// CHECK-LABEL: func.func private @cast.backward_first(
// CHECK-SAME: %[[DY:[A-Za-z0-9_.]+]]: tensor<?x6xf32>, %[[T:[A-Za-z0-9_.]+]]: tensor<?x3xbf16>, %[[X:[A-Za-z0-9_.]+]]: tensor<?x8xbf16>,
// CHECK-SAME: %[[A:[A-Za-z0-9_.]+]]: tensor<3x8xf32> {{.+}}, %[[B:[A-Za-z0-9_.]+]]: tensor<6x3xf32>
// CHECK-SAME: -> (tensor<3x8xf32> {transformer.grad = "lora_A.weight"}, tensor<6x3xf32> {transformer.grad = "lora_B.weight"})
// CHECK: %[[DY16:.+]] = transformer.cast %[[DY]] : tensor<?x6xf32> -> tensor<?x6xbf16>
// CHECK: %[[B16:.+]] = transformer.cast %[[B]] : tensor<6x3xf32> -> tensor<6x3xbf16>
// CHECK: %[[DT:.+]] = transformer.matmul %[[DY16]], %[[B16]]
// CHECK: %[[DB:.+]] = transformer.matmul %[[DY16]], %[[T]] {transpose_a} : tensor<?x6xbf16>, tensor<?x3xbf16> -> tensor<6x3xf32>
// CHECK: %[[DU:.+]] = transformer.scale_features %[[DT]]
// CHECK: %[[DA:.+]] = transformer.matmul %[[DU]], %[[X]] {transpose_a} : tensor<?x3xbf16>, tensor<?x8xbf16> -> tensor<3x8xf32>
// CHECK: return %[[DA]], %[[DB]]

// -----

// A value that is used twice adds up its gradients; a result of the block that the backward pass needs is not returned
// twice; a trainable slot that the loss does not depend on has a zero gradient, because the update reads it.

func.func private @square(%x: tensor<?x6xf32>,
    %s: tensor<6xf32> {transformer.slot = "scale", transformer.role = #transformer.role<trainable>},
    %unused: tensor<4xf32> {transformer.slot = "unused", transformer.role = #transformer.role<trainable>},
    %w: tensor<6x6xf32> {transformer.slot = "weight"}) -> (tensor<?x6xf32>, tensor<?x6xf32>) {
  %y = transformer.scale_features %x, %s : tensor<?x6xf32>, tensor<6xf32>
  %z = transformer.linear %y, %w : tensor<?x6xf32>, tensor<6x6xf32> -> tensor<?x6xf32>
  %zz = transformer.mul %z, %z : tensor<?x6xf32>
  return %z, %zz : tensor<?x6xf32>, tensor<?x6xf32>
}
func.func @loss(%x: tensor<?x6xf32>, %labels: tensor<?xi32>) -> tensor<f32> {
  %z, %zz = transformer.apply @square at ""(%x) : (tensor<?x6xf32>) -> (tensor<?x6xf32>, tensor<?x6xf32>)
  %loss, %lse = transformer.cross_entropy %zz, %labels : tensor<?x6xf32>, tensor<?xi32> -> tensor<f32>, tensor<?xf32>
  return %loss : tensor<f32>
}

// CHECK-NOT: @square.forward
// CHECK-LABEL: func.func private @square.backward_first(
// CHECK-SAME: %[[DY:[A-Za-z0-9_.]+]]: tensor<?x6xf32>, %[[Z:[A-Za-z0-9_.]+]]: tensor<?x6xf32>, %[[X:[A-Za-z0-9_.]+]]: tensor<?x6xf32>,
// CHECK-SAME: -> (tensor<6xf32> {transformer.grad = "scale"}, tensor<4xf32> {transformer.grad = "unused"})
// CHECK: %[[D0:.+]] = transformer.mul %[[DY]], %[[Z]]
// CHECK-NEXT: %[[D1:.+]] = transformer.mul %[[DY]], %[[Z]]
// CHECK-NEXT: %[[DZ:.+]] = transformer.add %[[D0]], %[[D1]]
// CHECK: %[[DX:.+]] = transformer.matmul %[[DZ]], %{{.+}} : tensor<?x6xf32>, tensor<6x6xf32> -> tensor<?x6xf32>
// CHECK: %[[P:.+]] = transformer.mul %[[DX]], %[[X]]
// CHECK: %[[DS:.+]] = transformer.sum_tokens %[[P]]
// CHECK: %[[ZERO:.+]] = arith.constant dense<0.000000e+00> : tensor<4xf32>
// CHECK-NEXT: return %[[DS]], %[[ZERO]]
// CHECK-LABEL: func.func @train_step
// CHECK: %[[F:.+]]:2 = transformer.apply @square at
// CHECK: transformer.apply @square.backward_first at ""(%{{.+}}, %[[F]]#0, %{{.+}})

// -----

// Attention keeps its operands, its result and lse, and nothing tokens x tokens; values and their projection are not on
// the active path, so there is no gradient of them and of the input.

func.func private @attend(%x: tensor<?x8xf32>, %seq: tensor<4x?xi32>,
    %wq: tensor<8x8xf32> {transformer.slot = "q.weight"},
    %wk: tensor<4x8xf32> {transformer.slot = "k.weight"},
    %wv: tensor<4x8xf32> {transformer.slot = "v.weight"},
    %a: tensor<3x8xf32> {transformer.slot = "q.lora_A.weight", transformer.role = #transformer.role<trainable>},
    %b: tensor<8x3xf32> {transformer.slot = "q.lora_B.weight", transformer.role = #transformer.role<trainable>}) -> tensor<?x8xf32> {
  %s = arith.constant dense<2.0> : tensor<3xf32>
  %q = lora.linear %x, %wq, %a, %b, %s : tensor<?x8xf32>, tensor<8x8xf32>, tensor<3x8xf32>, tensor<8x3xf32>, tensor<3xf32> -> tensor<?x8xf32>
  %k = transformer.linear %x, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %v = transformer.linear %x, %wv : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 2 : i64, kv_heads = 1 : i64, scale = 0.5 : f64}
             : tensor<?x8xf32>, tensor<?x4xf32>, tensor<4x?xi32> -> tensor<?x2xf32>
  return %o : tensor<?x8xf32>
}
func.func @loss(%x: tensor<?x8xf32>, %seq: tensor<4x?xi32>, %labels: tensor<?xi32>) -> tensor<f32> {
  %y = transformer.apply @attend at "attn"(%x, %seq) : (tensor<?x8xf32>, tensor<4x?xi32>) -> tensor<?x8xf32>
  %loss, %lse = transformer.cross_entropy %y, %labels : tensor<?x8xf32>, tensor<?xi32> -> tensor<f32>, tensor<?xf32>
  return %loss : tensor<f32>
}

// CHECK-LABEL: func.func private @attend.forward(
// CHECK-SAME: -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x2xf32>) {
// CHECK: %[[O:.+]], %[[LSE:.+]] = transformer.attention %[[Q:.+]], %[[K:.+]], %[[V:.+]], %
// CHECK: return %[[O]], %[[Q]], %[[K]], %[[V]], %[[LSE]]
// CHECK-LABEL: func.func private @attend.backward_first(
// CHECK-NOT: "q.weight"
// CHECK-NOT: "k.weight"
// CHECK-NOT: "v.weight"
// CHECK: %[[DQ:.+]], %[[DK:.+]], %[[DV:.+]] = transformer.attention_gradient
// CHECK-NOT: %[[DK]]
// CHECK-NOT: %[[DV]]
// CHECK-LABEL: func.func @train_step

// -----

// The weight expressions of an application are kept: the forward function gets all, the backward function those of its slots.

func.func private @plus(%x: tensor<?x6xf32>, %n: tensor<6xf32> {transformer.slot = "norm.weight"},
    %s: tensor<6xf32> {transformer.slot = "scale", transformer.role = #transformer.role<trainable>}) -> tensor<?x6xf32> {
  %h = transformer.rms_norm %x, %n {eps = 1.0e-6 : f64} : tensor<?x6xf32>, tensor<6xf32>
  %y = transformer.scale_features %h, %s : tensor<?x6xf32>, tensor<6xf32>
  %z = transformer.add %y, %y : tensor<?x6xf32>
  return %z : tensor<?x6xf32>
}
func.func private @bias(%x: tensor<?x6xf32>, %n: tensor<6xf32> {transformer.slot = "norm.weight"},
    %w: tensor<6x6xf32> {transformer.slot = "weight"},
    %b: tensor<6xf32> {transformer.slot = "bias", transformer.role = #transformer.role<trainable>}) -> tensor<?x6xf32> {
  %h = transformer.rms_norm %x, %n {eps = 1.0e-6 : f64} : tensor<?x6xf32>, tensor<6xf32>
  %y = transformer.linear %h, %w bias %b : tensor<?x6xf32>, tensor<6x6xf32>, tensor<6xf32> -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}
func.func @loss(%x: tensor<?x6xf32>, %labels: tensor<?xi32>) -> tensor<f32> {
  %0 = transformer.apply @bias at "0"(%x) {values = {norm.weight = #transformer.init<ones, "norm.weight", tensor<6xf32>, seed = 0>}} : (tensor<?x6xf32>) -> tensor<?x6xf32>
  %1 = transformer.apply @plus at "1"(%0) {values = {norm.weight = #transformer.init<ones, "norm.weight", tensor<6xf32>, seed = 0>}} : (tensor<?x6xf32>) -> tensor<?x6xf32>
  %loss, %lse = transformer.cross_entropy %1, %labels : tensor<?x6xf32>, tensor<?xi32> -> tensor<f32>, tensor<?xf32>
  return %loss : tensor<f32>
}

// The gradient of a bias needs only dy and the slot of the bias.
// CHECK-LABEL: func.func private @bias.backward_first(
// CHECK-SAME: %[[DY:[A-Za-z0-9_.]+]]: tensor<?x6xf32>, %{{[A-Za-z0-9_.]+}}: tensor<6xf32> {transformer.role = #transformer.role<trainable>, transformer.slot = "bias"})
// CHECK-NEXT: %[[DB:.+]] = transformer.sum_tokens %[[DY]]
// CHECK-NEXT: return %[[DB]]
// CHECK-LABEL: func.func @train_step
// CHECK: transformer.apply @bias at "0"(%{{.+}}) {values = {norm.weight
// CHECK: transformer.apply @plus at "1"(%{{.+}}) {values = {norm.weight
// CHECK: transformer.apply @plus.backward at "1"(%{{.+}}, %{{.+}}) {values = {norm.weight
// CHECK: transformer.apply @bias.backward_first at "0"(%{{[^)]+}}) :
