// RUN: lora-opt %s -lora-attach=adapter-dir=%fixtures/llama/adapter | FileCheck %s -enable-var-scope
// RUN: lora-opt %s -lora-attach="adapter-dir=%fixtures/llama/adapter train=true" | FileCheck %s -enable-var-scope -check-prefix=TRAIN
// RUN: lora-opt %s -lora-attach=adapter-dir=%fixtures/llama/adapter --remarks-filter=lora-attach 2>&1 >/dev/null | FileCheck %s -check-prefix=REMARK

// The adapter of the llama fixture: q_proj and v_proj of three layers, r = 3, alpha = 7, f32.
// 6 branches; 3 * (3 * (48 + 48) + 3 * (48 + 24)) parameters.
// REMARK: remark: [Analysis] Branches | Category:lora-attach | Branches=6, Operations=1, Parameters=1512

// All three layers have the same branches, so there is one copy of the block, and the original is removed.
// CHECK-NOT: func.func private @decoder(
// CHECK-LABEL: func.func private @decoder.lora(
// CHECK-SAME: %[[X:[^:]+]]: tensor<?x48xbf16>
// CHECK-SAME: %[[Q:[^:]+]]: tensor<48x48xbf16> {transformer.slot = "self_attn.q_proj.weight"}
// CHECK-SAME: %[[QA:[^:]+]]: tensor<3x48xbf16> {transformer.slot = "self_attn.q_proj.lora_A.weight", transformer.value = #transformer.cast<#transformer.adapter<"default", "self_attn.q_proj.lora_A.weight", tensor<3x48xf32>> to tensor<3x48xbf16>>}
// CHECK-SAME: %[[QB:[^:]+]]: tensor<48x3xbf16> {transformer.slot = "self_attn.q_proj.lora_B.weight", transformer.value = #transformer.cast<#transformer.adapter<"default", "self_attn.q_proj.lora_B.weight", tensor<48x3xf32>> to tensor<48x3xbf16>>}
// CHECK-SAME: %[[K:[^:]+]]: tensor<24x48xbf16> {transformer.slot = "self_attn.k_proj.weight"}
// CHECK-SAME: %[[V:[^:]+]]: tensor<24x48xbf16> {transformer.slot = "self_attn.v_proj.weight"}
// CHECK-SAME: %[[VA:[^:]+]]: tensor<3x48xbf16>
// CHECK-SAME: %[[VB:[^:]+]]: tensor<24x3xbf16>
// CHECK-SAME: %[[BIAS:[^:]+]]: tensor<24xbf16> {transformer.slot = "self_attn.v_proj.bias"}

// TRAIN-LABEL: func.func private @decoder.lora(
// TRAIN-SAME: %[[QA:[^:]+]]: tensor<3x48xf32> {transformer.role = #transformer.role<trainable>, transformer.slot = "self_attn.q_proj.lora_A.weight", transformer.value = #transformer.adapter<"default", "self_attn.q_proj.lora_A.weight", tensor<3x48xf32>>}
// TRAIN-SAME: %[[QB:[^:]+]]: tensor<48x3xf32> {transformer.role = #transformer.role<trainable>, transformer.slot = "self_attn.q_proj.lora_B.weight"
func.func private @decoder(%x: tensor<?x48xbf16>,
    %q: tensor<48x48xbf16> {transformer.slot = "self_attn.q_proj.weight"},
    %k: tensor<24x48xbf16> {transformer.slot = "self_attn.k_proj.weight"},
    %v: tensor<24x48xbf16> {transformer.slot = "self_attn.v_proj.weight"},
    %b: tensor<24xbf16> {transformer.slot = "self_attn.v_proj.bias"}) -> (tensor<?x48xbf16>, tensor<?x24xbf16>, tensor<?x24xf32>) {
  // CHECK: %[[S:.+]] = arith.constant dense<2.333{{[0-9]*}}> : tensor<3xf32>
  // CHECK-NEXT: lora.linear %[[X]], %[[Q]], %[[QA]], %[[QB]], %[[S]] : tensor<?x48xbf16>, tensor<48x48xbf16>, tensor<3x48xbf16>, tensor<48x3xbf16>, tensor<3xf32> -> tensor<?x48xbf16>
  // A layer that is not targeted stays as it is.
  // CHECK-NEXT: transformer.linear %[[X]], %[[K]] : tensor<?x48xbf16>, tensor<24x48xbf16> -> tensor<?x24xbf16>
  // CHECK-NEXT: lora.linear %[[X]], %[[V]], %[[VA]], %[[VB]], %[[S]] bias %[[BIAS]] : {{.+}} -> tensor<?x24xf32>
  // TRAIN: %[[A:.+]] = transformer.cast %[[QA]] : tensor<3x48xf32> -> tensor<3x48xbf16>
  // TRAIN: %[[B:.+]] = transformer.cast %[[QB]] : tensor<48x3xf32> -> tensor<48x3xbf16>
  // TRAIN: lora.linear %{{.+}}, %{{.+}}, %[[A]], %[[B]], %{{.+}}
  %0 = transformer.linear %x, %q : tensor<?x48xbf16>, tensor<48x48xbf16> -> tensor<?x48xbf16>
  %1 = transformer.linear %x, %k : tensor<?x48xbf16>, tensor<24x48xbf16> -> tensor<?x24xbf16>
  %2 = transformer.linear %x, %v bias %b : tensor<?x48xbf16>, tensor<24x48xbf16>, tensor<24xbf16> -> tensor<?x24xf32>
  return %0, %1, %2 : tensor<?x48xbf16>, tensor<?x24xbf16>, tensor<?x24xf32>
}

// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<?x48xbf16>) -> tensor<?x48xbf16> {
  // CHECK: transformer.apply @decoder.lora at "model.layers.0"
  // CHECK: transformer.apply @decoder.lora at "model.layers.1"
  // CHECK: transformer.apply @decoder.lora at "model.layers.2"
  %0:3 = transformer.apply @decoder at "model.layers.0"(%x) : (tensor<?x48xbf16>) -> (tensor<?x48xbf16>, tensor<?x24xbf16>, tensor<?x24xf32>)
  %1:3 = transformer.apply @decoder at "model.layers.1"(%0#0) : (tensor<?x48xbf16>) -> (tensor<?x48xbf16>, tensor<?x24xbf16>, tensor<?x24xf32>)
  %2:3 = transformer.apply @decoder at "model.layers.2"(%1#0) : (tensor<?x48xbf16>) -> (tensor<?x48xbf16>, tensor<?x24xbf16>, tensor<?x24xf32>)
  return %2#0 : tensor<?x48xbf16>
}
