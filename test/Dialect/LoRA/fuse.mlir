// RUN: lora-opt %s -split-input-file -lora-fuse | FileCheck %s -enable-var-scope
// RUN: lora-opt %s -split-input-file -lora-fuse --remarks-filter=lora-fuse 2>&1 >/dev/null | FileCheck %s -check-prefix=REMARK
// RUN: lora-opt %s -split-input-file -lora-fuse -lora-merge | FileCheck %s -check-prefix=FUSED-MERGED

#qa = #transformer.adapter<"default", "attn.q.lora_A.weight", tensor<2x6xf32>>
#qb = #transformer.adapter<"default", "attn.q.lora_B.weight", tensor<4x2xf32>>
#ka = #transformer.adapter<"default", "attn.k.lora_A.weight", tensor<3x6xf32>>
#kb = #transformer.adapter<"default", "attn.k.lora_B.weight", tensor<5x3xf32>>

// Frozen branches of one input, of different ranks and scales; the stacked A is rounded after it is stacked.
// CHECK-LABEL: func.func private @frozen.lora(
// CHECK-SAME: %[[X:[^:]+]]: tensor<?x6xbf16>
// CHECK-SAME: %[[Q:[^:]+]]: tensor<4x6xbf16> {transformer.slot = "attn.q.weight"}
// CHECK-SAME: %[[A:[^:]+]]: tensor<5x6xbf16> {transformer.slot = "attn.q+k.lora_A.weight", transformer.value = #transformer.cast<#transformer.concat<[#transformer.adapter<"default", "attn.q.lora_A.weight", tensor<2x6xf32>>, #transformer.adapter<"default", "attn.k.lora_A.weight", tensor<3x6xf32>>], dim = 0, tensor<5x6xf32>> to tensor<5x6xbf16>>}
// CHECK-SAME: %[[QB:[^:]+]]: tensor<4x2xbf16> {transformer.slot = "attn.q.lora_B.weight"
// CHECK-SAME: %[[K:[^:]+]]: tensor<5x6xbf16> {transformer.slot = "attn.k.weight"}
// CHECK-SAME: %[[KB:[^:]+]]: tensor<5x3xbf16> {transformer.slot = "attn.k.lora_B.weight"
// CHECK-NEXT: %[[S:.+]] = arith.constant dense<[1.500000e+00, 1.500000e+00, 2.500000e+00, 2.500000e+00, 2.500000e+00]> : tensor<5xf32>
// CHECK-NEXT: %[[T:.+]] = lora.down %[[X]], %[[A]], %[[S]] : tensor<?x6xbf16>, tensor<5x6xbf16>, tensor<5xf32> -> tensor<?x5xbf16>
// CHECK-NEXT: %[[QY:.+]] = lora.up %[[X]], %[[Q]], %[[T]][0], %[[QB]] : {{.+}} -> tensor<?x4xbf16>
// CHECK-NEXT: %[[KY:.+]] = lora.up %[[X]], %[[K]], %[[T]][2], %[[KB]] : {{.+}} -> tensor<?x5xbf16>
// CHECK-NEXT: return %[[QY]], %[[KY]]
// REMARK: remark: [Passed] Fused | Category:lora-fuse | Function=frozen.lora | Branches=2, Reason="one skinny matmul in place of 2"

// FUSED-MERGED-LABEL: func.func private @frozen(
// FUSED-MERGED-SAME: {transformer.slot = "attn.q.weight", transformer.value = #lora.merge<#transformer.base<"attn.q.weight", tensor<4x6xbf16>>, #transformer.adapter<"default", "attn.q.lora_B.weight", tensor<4x2xf32>>, #transformer.adapter<"default", "attn.q.lora_A.weight", tensor<2x6xf32>>, dense<1.500000e+00> : tensor<2xf32>>}
func.func private @frozen.lora(%x: tensor<?x6xbf16>,
    %q: tensor<4x6xbf16> {transformer.slot = "attn.q.weight"},
    %qa: tensor<2x6xbf16> {transformer.slot = "attn.q.lora_A.weight", transformer.value = #transformer.cast<#qa to tensor<2x6xbf16>>},
    %qb: tensor<4x2xbf16> {transformer.slot = "attn.q.lora_B.weight", transformer.value = #transformer.cast<#qb to tensor<4x2xbf16>>},
    %k: tensor<5x6xbf16> {transformer.slot = "attn.k.weight"},
    %ka: tensor<3x6xbf16> {transformer.slot = "attn.k.lora_A.weight", transformer.value = #transformer.cast<#ka to tensor<3x6xbf16>>},
    %kb: tensor<5x3xbf16> {transformer.slot = "attn.k.lora_B.weight", transformer.value = #transformer.cast<#kb to tensor<5x3xbf16>>})
    -> (tensor<?x4xbf16>, tensor<?x5xbf16>) {
  %s = arith.constant dense<1.5> : tensor<2xf32>
  %r = arith.constant dense<2.5> : tensor<3xf32>
  %0 = lora.linear %x, %q, %qa, %qb, %s : tensor<?x6xbf16>, tensor<4x6xbf16>, tensor<2x6xbf16>, tensor<4x2xbf16>, tensor<2xf32> -> tensor<?x4xbf16>
  %1 = lora.linear %x, %k, %ka, %kb, %r : tensor<?x6xbf16>, tensor<5x6xbf16>, tensor<3x6xbf16>, tensor<5x3xbf16>, tensor<3xf32> -> tensor<?x5xbf16>
  return %0, %1 : tensor<?x4xbf16>, tensor<?x5xbf16>
}
func.func @forward(%x: tensor<?x6xbf16>) -> (tensor<?x4xbf16>, tensor<?x5xbf16>) {
  %0:2 = transformer.apply @frozen.lora at "layers.0"(%x) : (tensor<?x6xbf16>) -> (tensor<?x4xbf16>, tensor<?x5xbf16>)
  return %0#0, %0#1 : tensor<?x4xbf16>, tensor<?x5xbf16>
}

// -----

#qa = #transformer.init<kaiming_uniform, "q.lora_A.weight", tensor<2x6xf32>, seed = 0>
#ka = #transformer.init<kaiming_uniform, "k.lora_A.weight", tensor<2x6xf32>, seed = 0>

// Trainable A's are stored stacked, in f32, and cast once. A branch with another input is another group; a group of one stays.
// CHECK-LABEL: func.func private @trained.lora(
// CHECK-SAME: %[[X:[^:]+]]: tensor<?x6xbf16>, %[[Y:[^:]+]]: tensor<?x6xbf16>
// CHECK-SAME: %[[A:[^:]+]]: tensor<4x6xf32> {transformer.role = #transformer.role<trainable>, transformer.slot = "q+k.lora_A.weight", transformer.value = #transformer.concat<[#transformer.init<kaiming_uniform, "q.lora_A.weight", tensor<2x6xf32>, seed = 0>, #transformer.init<kaiming_uniform, "k.lora_A.weight", tensor<2x6xf32>, seed = 0>], dim = 0, tensor<4x6xf32>>}
// CHECK: %[[AC:.+]] = transformer.cast %[[A]] : tensor<4x6xf32> -> tensor<4x6xbf16>
// CHECK: lora.down %[[X]], %[[AC]]
// CHECK: lora.up
// CHECK: lora.up
// CHECK: lora.linear %[[Y]]
// REMARK: remark: [Passed] Fused | {{.*}}Function=trained.lora | Branches=2, Reason="one skinny matmul in place of 2"
// REMARK: remark: [Missed] NotFused | {{.*}}Function=trained.lora | Reason="no other branch reads its input"

func.func private @trained.lora(%x: tensor<?x6xbf16>, %y: tensor<?x6xbf16>, %w: tensor<4x6xbf16> {transformer.slot = "q.weight"},
    %qa: tensor<2x6xf32> {transformer.slot = "q.lora_A.weight", transformer.role = #transformer.role<trainable>, transformer.value = #qa},
    %qb: tensor<4x2xf32> {transformer.slot = "q.lora_B.weight", transformer.role = #transformer.role<trainable>},
    %v: tensor<4x6xbf16> {transformer.slot = "k.weight"},
    %ka: tensor<2x6xf32> {transformer.slot = "k.lora_A.weight", transformer.role = #transformer.role<trainable>, transformer.value = #ka},
    %kb: tensor<4x2xf32> {transformer.slot = "k.lora_B.weight", transformer.role = #transformer.role<trainable>},
    %oa: tensor<2x6xf32> {transformer.slot = "o.lora_A.weight", transformer.role = #transformer.role<trainable>},
    %ob: tensor<4x2xf32> {transformer.slot = "o.lora_B.weight", transformer.role = #transformer.role<trainable>})
    -> (tensor<?x4xbf16>, tensor<?x4xbf16>, tensor<?x4xbf16>) {
  %s = arith.constant dense<2.0> : tensor<2xf32>
  %0 = transformer.cast %qa : tensor<2x6xf32> -> tensor<2x6xbf16>
  %1 = transformer.cast %qb : tensor<4x2xf32> -> tensor<4x2xbf16>
  %2 = lora.linear %x, %w, %0, %1, %s : tensor<?x6xbf16>, tensor<4x6xbf16>, tensor<2x6xbf16>, tensor<4x2xbf16>, tensor<2xf32> -> tensor<?x4xbf16>
  %3 = transformer.cast %ka : tensor<2x6xf32> -> tensor<2x6xbf16>
  %4 = transformer.cast %kb : tensor<4x2xf32> -> tensor<4x2xbf16>
  %5 = lora.linear %x, %v, %3, %4, %s : tensor<?x6xbf16>, tensor<4x6xbf16>, tensor<2x6xbf16>, tensor<4x2xbf16>, tensor<2xf32> -> tensor<?x4xbf16>
  %6 = transformer.cast %oa : tensor<2x6xf32> -> tensor<2x6xbf16>
  %7 = transformer.cast %ob : tensor<4x2xf32> -> tensor<4x2xbf16>
  %8 = lora.linear %y, %v, %6, %7, %s : tensor<?x6xbf16>, tensor<4x6xbf16>, tensor<2x6xbf16>, tensor<4x2xbf16>, tensor<2xf32> -> tensor<?x4xbf16>
  return %2, %5, %8 : tensor<?x4xbf16>, tensor<?x4xbf16>, tensor<?x4xbf16>
}
func.func @forward(%x: tensor<?x6xbf16>) -> tensor<?x4xbf16> {
  %0:3 = transformer.apply @trained.lora at "layers.0"(%x, %x) : (tensor<?x6xbf16>, tensor<?x6xbf16>) -> (tensor<?x4xbf16>, tensor<?x4xbf16>, tensor<?x4xbf16>)
  return %0#0 : tensor<?x4xbf16>
}

// -----

// Branches with a scale that is not a constant, or with an A that two layers share, are not fused.
// CHECK-LABEL: func.func private @left(
// CHECK-COUNT-3: lora.linear
// REMARK: remark: [Missed] NotFused | {{.*}}Function=left | Reason="its scale is not a constant"
// REMARK: remark: [Missed] NotFused | {{.*}}Function=left | Reason="its A is not a slot of its own"
func.func private @left(%x: tensor<?x6xf32>, %s: tensor<2xf32>, %w: tensor<4x6xf32> {transformer.slot = "q.weight"},
    %a: tensor<2x6xf32> {transformer.slot = "q.lora_A.weight"}, %c: tensor<2x6xf32> {transformer.slot = "k.lora_A.weight"},
    %b: tensor<4x2xf32> {transformer.slot = "q.lora_B.weight"}) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %t = arith.constant dense<2.0> : tensor<2xf32>
  %0 = lora.linear %x, %w, %a, %b, %s : tensor<?x6xf32>, tensor<4x6xf32>, tensor<2x6xf32>, tensor<4x2xf32>, tensor<2xf32> -> tensor<?x4xf32>
  %1 = lora.linear %x, %w, %c, %b, %t : tensor<?x6xf32>, tensor<4x6xf32>, tensor<2x6xf32>, tensor<4x2xf32>, tensor<2xf32> -> tensor<?x4xf32>
  %2 = lora.linear %x, %w, %c, %b, %t : tensor<?x6xf32>, tensor<4x6xf32>, tensor<2x6xf32>, tensor<4x2xf32>, tensor<2xf32> -> tensor<?x4xf32>
  return %0, %1, %2 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}
func.func @forward(%x: tensor<?x6xf32>, %s: tensor<2xf32>) -> tensor<?x4xf32> {
  %0:3 = transformer.apply @left at "layers.0"(%x, %s) : (tensor<?x6xf32>, tensor<2xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>)
  return %0#0 : tensor<?x4xf32>
}
