// RUN: lora-opt %s -onednn-pack-weights | FileCheck %s -enable-var-scope
// RUN: lora-opt %s -onednn-pack-weights -onednn-resolve-layouts=layout=BA16a64b | FileCheck %s --check-prefix=TAG -enable-var-scope
// RUN: lora-opt %s -onednn-pack-weights -onednn-resolve-layouts=layout=plain | FileCheck %s --check-prefix=PLAIN -enable-var-scope

// A weight that only transposed products read is packed. One that its gradient reads too, a trainable one and a vector are not.
// CHECK-LABEL: func.func private @decoder
// CHECK-SAME: tensor<144x48xf32, #onednn.packed<"any">> {transformer.slot = "q.weight"}
// CHECK-SAME: tensor<144x48xf32> {transformer.slot = "k.weight"}
// CHECK-SAME: tensor<144x48xf32> {transformer.role = #transformer.role<trainable>, transformer.slot = "v.weight"}
// CHECK-SAME: tensor<144xf32> {transformer.slot = "q.bias"}
// TAG-LABEL: func.func private @decoder
// TAG-SAME: tensor<144x48xf32, #onednn.packed<"BA16a64b">> {transformer.slot = "q.weight"}
// PLAIN-NOT: #onednn.packed
func.func private @decoder(%x: tensor<16x48xf32>, %e: tensor<16x144xf32>, %f: tensor<16x48xf32>,
    %q: tensor<144x48xf32> {transformer.slot = "q.weight"},
    %k: tensor<144x48xf32> {transformer.slot = "k.weight"},
    %v: tensor<144x48xf32> {transformer.slot = "v.weight", transformer.role = #transformer.role<trainable>},
    %b: tensor<144xf32> {transformer.slot = "q.bias"}) -> (tensor<16x144xf32>, tensor<16x48xf32>) {
  // TAG: onednn.matmul ins(%{{.+}}, %{{.+}} : tensor<16x48xf32>, tensor<144x48xf32, #onednn.packed<"BA16a64b">>)
  %0 = onednn.matmul ins(%x, %q : tensor<16x48xf32>, tensor<144x48xf32>) bias(%b : tensor<144xf32>) outs(%e : tensor<16x144xf32>) {transpose_b} -> tensor<16x144xf32>
  %1 = onednn.matmul ins(%x, %k : tensor<16x48xf32>, tensor<144x48xf32>) post(%0 : tensor<16x144xf32>) outs(%e : tensor<16x144xf32>) {transpose_b, post_ops = [#onednn.post_op<mul>]} -> tensor<16x144xf32>
  %2 = onednn.matmul ins(%x, %v : tensor<16x48xf32>, tensor<144x48xf32>) post(%1 : tensor<16x144xf32>) outs(%e : tensor<16x144xf32>) {transpose_b, post_ops = [#onednn.post_op<add>]} -> tensor<16x144xf32>
  %3 = onednn.matmul ins(%2, %k : tensor<16x144xf32>, tensor<144x48xf32>) outs(%f : tensor<16x48xf32>) -> tensor<16x48xf32>
  return %2, %3 : tensor<16x144xf32>, tensor<16x48xf32>
}

// The table of tied embeddings is stored once, packed for the head; the embedding gathers from it.
// CHECK-LABEL: func.func private @tied
// CHECK-SAME: tensor<259x48xf32, #onednn.packed<"any">>
func.func private @tied(%ids: tensor<16xi32>, %w: tensor<259x48xf32> {transformer.slot = "weight"}) -> tensor<16x48xf32> {
  // CHECK: onednn.gather
  %0 = transformer.embedding %ids, %w : tensor<16xi32>, tensor<259x48xf32> -> tensor<16x48xf32>
  return %0 : tensor<16x48xf32>
}

// A table that is not tied stays plain.
// CHECK-LABEL: func.func private @untied
// CHECK-SAME: tensor<259x48xf32> {
func.func private @untied(%ids: tensor<16xi32>, %w: tensor<259x48xf32> {transformer.slot = "weight"}) -> tensor<16x48xf32> {
  // CHECK: transformer.embedding
  %0 = transformer.embedding %ids, %w : tensor<16xi32>, tensor<259x48xf32> -> tensor<16x48xf32>
  return %0 : tensor<16x48xf32>
}

func.func private @head(%x: tensor<16x48xf32>, %e: tensor<16x259xf32>, %w: tensor<259x48xf32> {transformer.slot = "weight"}) -> tensor<16x259xf32> {
  %0 = onednn.matmul ins(%x, %w : tensor<16x48xf32>, tensor<259x48xf32>) outs(%e : tensor<16x259xf32>) {transpose_b} -> tensor<16x259xf32>
  return %0 : tensor<16x259xf32>
}

func.func @forward(%ids: tensor<16xi32>, %e: tensor<16x144xf32>, %f: tensor<16x48xf32>, %l: tensor<16x259xf32>) -> (tensor<16x144xf32>, tensor<16x48xf32>, tensor<16x259xf32>, tensor<16x48xf32>) {
  %0 = transformer.apply @tied at "model.embed_tokens"(%ids) : (tensor<16xi32>) -> tensor<16x48xf32>
  %1:2 = transformer.apply @decoder at "model.layers.0"(%0, %e, %f) : (tensor<16x48xf32>, tensor<16x144xf32>, tensor<16x48xf32>) -> (tensor<16x144xf32>, tensor<16x48xf32>)
  %2 = transformer.apply @head at "model.embed_tokens"(%0, %l) : (tensor<16x48xf32>, tensor<16x259xf32>) -> tensor<16x259xf32>
  %3 = transformer.apply @untied at "model.positions"(%ids) : (tensor<16xi32>) -> tensor<16x48xf32>
  return %1#0, %1#1, %2, %3 : tensor<16x144xf32>, tensor<16x48xf32>, tensor<16x259xf32>, tensor<16x48xf32>
}
