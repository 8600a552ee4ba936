// RUN: lora-opt %S/Inputs/four-layers.mlir -lora-training-pipeline | FileCheck %s --implicit-check-not=cache --implicit-check-not="func.func @loss" --implicit-check-not="func.func private @decoder.lora("
// RUN: lora-opt %S/Inputs/four-layers.mlir -lora-training-pipeline=fuse=false | FileCheck %s --check-prefix=SEPARATE
// RUN: lora-opt %S/Inputs/four-layers.mlir -lora-training-pipeline=optimizer=sgd | FileCheck %s --check-prefix=SGD

// The layer below the first adapted one runs the block of inference; the one between adapted layers has a backward
// function with a gradient of its input only.

// CHECK-LABEL: func.func private @decoder(
// CHECK-LABEL: func.func private @decoder.forward(
// CHECK-LABEL: func.func private @decoder.backward(
// CHECK-SAME: -> tensor<?x48xf32> {

// What a layer keeps: the branches' narrow value, q, k and v as projected (their norms and rotations are recomputed), the output and lse of attention,
// the hidden state after attention, gate and up.

// CHECK-LABEL: func.func private @decoder.lora.forward(
// CHECK-SAME: -> (tensor<?x48xf32>, tensor<?x6xf32>, tensor<?x144xf32>, tensor<?x72xf32>, tensor<?x72xf32>, tensor<?x144xf32>, tensor<?x6xf32>, tensor<?x48xf32>, tensor<?x80xf32>, tensor<?x80xf32>) {
// CHECK: %[[T:.+]] = lora.down
// CHECK: %[[Q:.+]] = lora.up
// CHECK: %[[K:.+]] = lora.up
// CHECK: %[[V:.+]] = transformer.linear
// CHECK: %[[O:.+]], %[[LSE:.+]] = transformer.attention
// CHECK: %[[H:.+]] = transformer.add
// CHECK: %[[G:.+]] = transformer.linear
// CHECK: %[[U:.+]] = transformer.linear
// CHECK: return %{{.+}}, %[[T]], %[[Q]], %[[K]], %[[V]], %[[O]], %[[LSE]], %[[H]], %[[G]], %[[U]] :

// The weights that only gradients of the input need are not slots of the first adapted layer's backward function.

// CHECK-LABEL: func.func private @decoder.lora.backward_first(
// CHECK-NOT: "self_attn.q_proj.weight"
// CHECK-NOT: "self_attn.k_proj.weight"
// CHECK-NOT: "self_attn.v_proj.weight"
// CHECK: -> (tensor<6x48xf32> {transformer.grad = "self_attn.q_proj+k_proj.lora_A.weight"}, tensor<144x3xf32> {transformer.grad = "self_attn.q_proj.lora_B.weight"}, tensor<72x3xf32> {transformer.grad = "self_attn.k_proj.lora_B.weight"}) {
// CHECK-NOT: lora.down
// CHECK-COUNT-3: transpose_a
// CHECK-NOT: transpose_a
// CHECK-LABEL: func.func private @decoder.lora.backward(

// CHECK-LABEL: func.func @train_step(
// CHECK-SAME: %{{[^:]+}}: tensor<?xi32> {transformer.input = #transformer.input<ids>}, %{{[^:]+}}: tensor<4x?xi32> {transformer.input = #transformer.input<sequence>}, %{{[^:]+}}: tensor<?xi32> {transformer.input = #transformer.input<labels>}, %[[HYPER:[^:]+]]: tensor<8xf32> {transformer.input = #transformer.input<hyperparameters>}) -> (tensor<f32> {transformer.output = #transformer.output<loss>}, tensor<f32> {transformer.output = #transformer.output<norm>})
// CHECK: transformer.apply @embedding at "model.embed_tokens"
// CHECK: transformer.apply @decoder at "model.layers.0"
// CHECK: transformer.apply @decoder.lora.forward at "model.layers.1"
// CHECK: transformer.apply @decoder.forward at "model.layers.2"
// CHECK: transformer.apply @decoder.lora.forward at "model.layers.3"
// CHECK: transformer.apply @norm at "model.norm"
// CHECK: transformer.apply @head at "model.embed_tokens"
// CHECK: %[[LOSS:.+]], %{{.+}} = transformer.cross_entropy
// CHECK: transformer.apply @head.backward at "model.embed_tokens"
// CHECK: transformer.apply @norm.backward at "model.norm"
// CHECK: %[[G3:.+]]:2 = transformer.apply @decoder.lora.backward at "model.layers.3"
// CHECK: %{{.+}} = transformer.apply @decoder.backward at "model.layers.2"
// CHECK: %[[G1:.+]] = transformer.apply @decoder.lora.backward_first at "model.layers.1"
// CHECK-NOT: transformer.apply
// CHECK: %[[NORM:.+]] = transformer.gradient_norm %[[G3]]#1, %[[G1]]
// CHECK: transformer.adamw %[[G3]]#1, %[[G1]] norm %[[NORM]] hyperparameters %[[HYPER]]
// CHECK: return %[[LOSS]], %[[NORM]]

// Without fusion, each branch has its own gradient of A, and computes its narrow value again.
// SEPARATE: func.func private @decoder.lora.backward_first(
// SEPARATE-SAME: -> (tensor<3x48xf32> {transformer.grad = "self_attn.q_proj.lora_A.weight"}, tensor<144x3xf32> {transformer.grad = "self_attn.q_proj.lora_B.weight"}, tensor<3x48xf32> {transformer.grad = "self_attn.k_proj.lora_A.weight"}, tensor<72x3xf32> {transformer.grad = "self_attn.k_proj.lora_B.weight"}) {
// SEPARATE-COUNT-2: lora.down

// SGD: func.func @train_step(
// SGD: transformer.sgd
