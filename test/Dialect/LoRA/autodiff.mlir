// RUN: lora-opt %s -lora-autodiff | FileCheck %s --implicit-check-not=@below.backward --implicit-check-not=@below.forward
// RUN: lora-opt %s -lora-autodiff --remarks-filter=lora-autodiff 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// A loss of four applications: @below has nothing trainable in it or below it; the first @gated needs no gradient of its
// input; the second one does; @above has nothing trainable, but something below it.

// REMARK-DAG: no backward pass for below at layers.0: no trainable parameter in it or below it
// REMARK-DAG: made above.backward: 0 values kept (0 bytes a token), 0 recomputed, 1 gradients of inputs, 0 of parameters
// REMARK-DAG: made gated.backward: 2 values kept (48 bytes a token), 2 recomputed, 1 gradients of inputs, 2 of parameters
// REMARK-DAG: made gated.backward_first: 1 values kept (24 bytes a token), 0 recomputed, 0 gradients of inputs, 2 of parameters
// REMARK-NOT: no backward pass for

func.func private @below(%x: tensor<?x8xf32>, %n: tensor<8xf32> {transformer.slot = "norm.weight"}) -> tensor<?x8xf32> {
  %y = transformer.rms_norm %x, %n {eps = 1.0e-6 : f64} : tensor<?x8xf32>, tensor<8xf32>
  return %y : tensor<?x8xf32>
}

func.func private @gated(%x: tensor<?x8xf32>,
    %n: tensor<8xf32> {transformer.slot = "norm.weight"},
    %wg: tensor<6x8xf32> {transformer.slot = "gate_proj.weight"},
    %wu: tensor<6x8xf32> {transformer.slot = "up_proj.weight"},
    %wd: tensor<8x6xf32> {transformer.slot = "down_proj.weight"},
    %a: tensor<3x6xf32> {transformer.slot = "down_proj.lora_A.weight", transformer.role = #transformer.role<trainable>},
    %b: tensor<8x3xf32> {transformer.slot = "down_proj.lora_B.weight", transformer.role = #transformer.role<trainable>}) -> tensor<?x8xf32> {
  %s = arith.constant dense<2.0> : tensor<3xf32>
  %h = transformer.rms_norm %x, %n {eps = 1.0e-6 : f64} : tensor<?x8xf32>, tensor<8xf32>
  %g = transformer.linear %h, %wg : tensor<?x8xf32>, tensor<6x8xf32> -> tensor<?x6xf32>
  %u = transformer.linear %h, %wu : tensor<?x8xf32>, tensor<6x8xf32> -> tensor<?x6xf32>
  %act = transformer.activation %g {kind = silu} : tensor<?x6xf32>
  %m = transformer.mul %act, %u : tensor<?x6xf32>
  %d = lora.linear %m, %wd, %a, %b, %s : tensor<?x6xf32>, tensor<8x6xf32>, tensor<3x6xf32>, tensor<8x3xf32>, tensor<3xf32> -> tensor<?x8xf32>
  %y = transformer.add %x, %d : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

func.func private @above(%x: tensor<?x8xf32>, %w: tensor<9x8xf32> {transformer.slot = "weight"}) -> tensor<?x9xf32> {
  %y = transformer.linear %x, %w : tensor<?x8xf32>, tensor<9x8xf32> -> tensor<?x9xf32>
  return %y : tensor<?x9xf32>
}

func.func @loss(%x: tensor<?x8xf32>, %labels: tensor<?xi32>) -> tensor<f32> {
  %0 = transformer.apply @below at "layers.0"(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %1 = transformer.apply @gated at "layers.1"(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = transformer.apply @gated at "layers.2"(%1) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %3 = transformer.apply @above at "head"(%2) : (tensor<?x8xf32>) -> tensor<?x9xf32>
  %loss, %lse = transformer.cross_entropy %3, %labels : tensor<?x9xf32>, tensor<?xi32> -> tensor<f32>, tensor<?xf32>
  return %loss : tensor<f32>
}

// Without a gradient of the input neither an input, nor a frozen weight, nor the operands of the gate are needed: the
// input of the branch is kept.

// CHECK-LABEL: func.func private @gated.forward_first(
// CHECK-SAME: -> (tensor<?x8xf32>, tensor<?x6xf32>) {
// CHECK: %[[M:.+]] = transformer.mul
// CHECK: return %{{.+}}, %[[M]] : tensor<?x8xf32>, tensor<?x6xf32>

// CHECK-LABEL: func.func private @gated.backward_first(
// CHECK-SAME: %[[DY:[A-Za-z0-9_.]+]]: tensor<?x8xf32>, %[[M:[A-Za-z0-9_.]+]]: tensor<?x6xf32>,
// CHECK-SAME: %[[A:[A-Za-z0-9_.]+]]: tensor<3x6xf32> {transformer.role = #transformer.role<trainable>, transformer.slot = "down_proj.lora_A.weight"},
// CHECK-SAME: %[[B:[A-Za-z0-9_.]+]]: tensor<8x3xf32> {transformer.role = #transformer.role<trainable>, transformer.slot = "down_proj.lora_B.weight"})
// CHECK-SAME: -> (tensor<3x6xf32> {transformer.grad = "down_proj.lora_A.weight"}, tensor<8x3xf32> {transformer.grad = "down_proj.lora_B.weight"}) {
// CHECK: %[[DT:.+]] = transformer.matmul %[[DY]], %[[B]] : tensor<?x8xf32>, tensor<8x3xf32> -> tensor<?x3xf32>
// CHECK: %[[DU:.+]] = transformer.scale_features %[[DT]]
// CHECK-NEXT: %[[DA:.+]] = transformer.matmul %[[DU]], %[[M]] {transpose_a} : tensor<?x3xf32>, tensor<?x6xf32> -> tensor<3x6xf32>
// CHECK-NEXT: %[[T:.+]] = lora.down %[[M]], %[[A]]
// CHECK-NEXT: %[[DB:.+]] = transformer.matmul %[[DY]], %[[T]] {transpose_a} : tensor<?x8xf32>, tensor<?x3xf32> -> tensor<8x3xf32>
// CHECK-NEXT: return %[[DA]], %[[DB]] : tensor<3x6xf32>, tensor<8x3xf32>

// With it the operands of the gate are kept, because the rules need them, and their product is recomputed where it is
// used.

// CHECK-LABEL: func.func private @gated.forward(
// CHECK-SAME: -> (tensor<?x8xf32>, tensor<?x6xf32>, tensor<?x6xf32>) {
// CHECK: %[[G:.+]] = transformer.linear
// CHECK-NEXT: %[[U:.+]] = transformer.linear
// CHECK: return %{{.+}}, %[[G]], %[[U]] : tensor<?x8xf32>, tensor<?x6xf32>, tensor<?x6xf32>

// CHECK-LABEL: func.func private @gated.backward(
// CHECK-SAME: %[[DY:[A-Za-z0-9_.]+]]: tensor<?x8xf32>, %[[G:[A-Za-z0-9_.]+]]: tensor<?x6xf32>, %[[U:[A-Za-z0-9_.]+]]: tensor<?x6xf32>, %[[X:[A-Za-z0-9_.]+]]: tensor<?x8xf32>,
// CHECK: %[[ACT:.+]] = transformer.activation %[[G]]
// CHECK-NEXT: %[[M:.+]] = transformer.mul %[[ACT]], %[[U]]
// CHECK-NEXT: transformer.matmul %{{.+}}, %[[M]] {transpose_a} : tensor<?x3xf32>, tensor<?x6xf32> -> tensor<3x6xf32>
// CHECK-NOT: -> tensor<6x8xf32>
// CHECK-NOT: -> tensor<8x6xf32>
// CHECK: transformer.activation_gradient %{{.+}}, %[[G]]
// CHECK: %[[DX:.+]] = transformer.rms_norm_gradient %{{.+}}, %[[X]]
// CHECK-NEXT: %[[SUM:.+]] = transformer.add %[[DY]], %[[DX]]
// CHECK-NEXT: return %[[SUM]],

// CHECK-LABEL: func.func private @above.backward(
// CHECK-SAME: %[[DY:.+]]: tensor<?x9xf32>, %[[W:.+]]: tensor<9x8xf32> {transformer.slot = "weight"}) -> tensor<?x8xf32> {
// CHECK-NEXT: %[[DX:.+]] = transformer.matmul %[[DY]], %[[W]] : tensor<?x9xf32>, tensor<9x8xf32> -> tensor<?x8xf32>
// CHECK-NEXT: return %[[DX]]

// CHECK-LABEL: func.func @train_step(
// CHECK-SAME: %[[X:.+]]: tensor<?x8xf32>, %[[LABELS:.+]]: tensor<?xi32>) -> tensor<f32> {
// CHECK-NEXT: %[[H0:.+]] = transformer.apply @below at "layers.0"(%[[X]])
// CHECK-NEXT: %[[H1:.+]]:2 = transformer.apply @gated.forward_first at "layers.1"(%[[H0]])
// CHECK-NEXT: %[[H2:.+]]:3 = transformer.apply @gated.forward at "layers.2"(%[[H1]]#0)
// CHECK-NEXT: %[[H3:.+]] = transformer.apply @above at "head"(%[[H2]]#0)
// CHECK-NEXT: %[[LOSS:.+]], %[[LSE:.+]] = transformer.cross_entropy %[[H3]], %[[LABELS]]
// CHECK-NEXT: %[[ONE:.+]] = arith.constant dense<1.000000e+00> : tensor<f32>
// CHECK-NEXT: %[[D3:.+]] = transformer.cross_entropy_gradient %[[ONE]], %[[H3]], %[[LABELS]], %[[LSE]]
// CHECK-NEXT: %[[D2:.+]] = transformer.apply @above.backward at "head"(%[[D3]])
// CHECK-NEXT: %[[D1:.+]]:2 = transformer.apply @gated.backward at "layers.2"(%[[D2]], %[[H2]]#1, %[[H2]]#2, %[[H1]]#0)
// CHECK-SAME: -> (tensor<?x8xf32>, !transformer.gradients)
// CHECK-NEXT: %{{.+}} = transformer.apply @gated.backward_first at "layers.1"(%[[D1]]#0, %[[H1]]#1)
// CHECK-SAME: -> !transformer.gradients
// CHECK-NEXT: return %[[LOSS]] : tensor<f32>
