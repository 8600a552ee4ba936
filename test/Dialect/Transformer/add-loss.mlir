// RUN: lora-opt %s -transformer-add-loss | FileCheck %s --implicit-check-not="func.func @hidden_states" --implicit-check-not="func.func @logits"
// RUN: lora-opt %s -transformer-add-loss=keep | FileCheck %s --check-prefix=KEEP

func.func private @embedding(%ids: tensor<?xi32>, %t: tensor<259x48xbf16> {transformer.slot = "weight"}) -> tensor<?x48xbf16> {
  %0 = transformer.embedding %ids, %t : tensor<?xi32>, tensor<259x48xbf16> -> tensor<?x48xbf16>
  return %0 : tensor<?x48xbf16>
}
func.func private @head(%h: tensor<?x48xbf16>, %w: tensor<259x48xbf16> {transformer.slot = "weight"}) -> tensor<?x259xf32> {
  %0 = transformer.linear %h, %w : tensor<?x48xbf16>, tensor<259x48xbf16> -> tensor<?x259xf32>
  return %0 : tensor<?x259xf32>
}
// KEEP: func.func @hidden_states
func.func @hidden_states(%ids: tensor<?xi32>, %seq: tensor<4x?xi32>) -> tensor<?x48xbf16> {
  %0 = transformer.apply @embedding at "model.embed_tokens"(%ids) : (tensor<?xi32>) -> tensor<?x48xbf16>
  return %0 : tensor<?x48xbf16>
}
// KEEP: func.func @logits
func.func @logits(%h: tensor<?x48xbf16>) -> tensor<?x259xf32> {
  %0 = transformer.apply @head at "lm_head"(%h) : (tensor<?x48xbf16>) -> tensor<?x259xf32>
  return %0 : tensor<?x259xf32>
}

// The loss is f32 though the model is bf16.

// KEEP: func.func @loss
// CHECK-LABEL: func.func @loss(
// CHECK-SAME: %[[IDS:[^:]+]]: tensor<?xi32> {transformer.input = #transformer.input<ids>}, %{{[^:]+}}: tensor<4x?xi32> {transformer.input = #transformer.input<sequence>}, %[[LABELS:[^:]+]]: tensor<?xi32> {transformer.input = #transformer.input<labels>}) -> (tensor<f32> {transformer.output = #transformer.output<loss>}) {
// CHECK-NEXT: %[[H:.+]] = transformer.apply @embedding at "model.embed_tokens"(%[[IDS]])
// CHECK-NEXT: %[[L:.+]] = transformer.apply @head at "lm_head"(%[[H]])
// CHECK-NEXT: %[[LOSS:.+]], %{{.+}} = transformer.cross_entropy %[[L]], %[[LABELS]] : tensor<?x259xf32>, tensor<?xi32> -> tensor<f32>, tensor<?xf32>
// CHECK-NEXT: return %[[LOSS]] : tensor<f32>
