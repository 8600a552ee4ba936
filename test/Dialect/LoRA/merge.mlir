// RUN: lora-opt %s -split-input-file -lora-merge | FileCheck %s -enable-var-scope
// RUN: lora-opt %s -split-input-file -lora-merge --remarks-filter=lora-merge 2>&1 >/dev/null | FileCheck %s -check-prefix=REMARK
// RUN: lora-opt %s -split-input-file -lora-merge -lora-unmerge | FileCheck %s -check-prefix=UNMERGE

#a = #transformer.adapter<"default", "q.lora_A.weight", tensor<2x6xf32>>
#b = #transformer.adapter<"default", "q.lora_B.weight", tensor<4x2xf32>>

// If every application has the branch, the value is in the block, which gets its old name again.
// The matrices lose their casts: the merge is computed from the adapter's own numbers.
// CHECK-LABEL: func.func private @block(
// CHECK-SAME: %[[X:[^:]+]]: tensor<?x6xbf16>, %[[W:[^:]+]]: tensor<4x6xbf16> {transformer.slot = "q.weight", transformer.value = #lora.merge<#transformer.base<"q.weight", tensor<4x6xbf16>>, #transformer.adapter<"default", "q.lora_B.weight", tensor<4x2xf32>>, #transformer.adapter<"default", "q.lora_A.weight", tensor<2x6xf32>>, dense<[1.500000e+00, 2.500000e+00]> : tensor<2xf32>>}) -> tensor<?x4xbf16> {
// CHECK-NEXT: %[[Y:.+]] = transformer.linear %[[X]], %[[W]] : tensor<?x6xbf16>, tensor<4x6xbf16> -> tensor<?x4xbf16>
// CHECK-NEXT: return %[[Y]]

// UNMERGE-LABEL: func.func private @block.lora(
// UNMERGE-SAME: tensor<4x6xbf16> {transformer.slot = "q.weight"}
// UNMERGE-SAME: tensor<2x6xbf16> {transformer.slot = "q.lora_A.weight", transformer.value = #transformer.cast<#transformer.adapter<"default", "q.lora_A.weight", tensor<2x6xf32>> to tensor<2x6xbf16>>}
// UNMERGE-SAME: tensor<4x2xbf16> {transformer.slot = "q.lora_B.weight", transformer.value = #transformer.cast<#transformer.adapter<"default", "q.lora_B.weight", tensor<4x2xf32>> to tensor<4x2xbf16>>}
// UNMERGE: arith.constant dense<[1.500000e+00, 2.500000e+00]> : tensor<2xf32>
// UNMERGE: lora.linear
func.func private @block.lora(%x: tensor<?x6xbf16>, %w: tensor<4x6xbf16> {transformer.slot = "q.weight"},
    %a: tensor<2x6xbf16> {transformer.slot = "q.lora_A.weight", transformer.value = #transformer.cast<#a to tensor<2x6xbf16>>},
    %b: tensor<4x2xbf16> {transformer.slot = "q.lora_B.weight", transformer.value = #transformer.cast<#b to tensor<4x2xbf16>>}) -> tensor<?x4xbf16> {
  %s = arith.constant dense<[1.5, 2.5]> : tensor<2xf32>
  %0 = lora.linear %x, %w, %a, %b, %s : tensor<?x6xbf16>, tensor<4x6xbf16>, tensor<2x6xbf16>, tensor<4x2xbf16>, tensor<2xf32> -> tensor<?x4xbf16>
  return %0 : tensor<?x4xbf16>
}
func.func @forward(%x: tensor<?x6xbf16>) -> tensor<?x4xbf16> {
  %0 = transformer.apply @block.lora at "layers.0"(%x) : (tensor<?x6xbf16>) -> tensor<?x4xbf16>
  return %0 : tensor<?x4xbf16>
}

// -----

#a = #transformer.adapter<"default", "q.lora_A.weight", tensor<2x6xf32>>
#b = #transformer.adapter<"default", "q.lora_B.weight", tensor<4x2xf32>>

// A layer with a branch and one without become the same function; the values are on the applications.
// CHECK-LABEL: func.func private @block(
// CHECK-SAME: tensor<4x6xf32> {transformer.slot = "q.weight"}
// CHECK-NOT: func.func private
// CHECK-LABEL: func.func @forward
// CHECK: transformer.apply @block at "layers.0"(%{{.+}}) : (tensor<?x6xf32>) -> tensor<?x4xf32>
// CHECK: transformer.apply @block at "layers.1"(%{{.+}}) {values = {q.weight = #lora.merge<#transformer.base<"q.weight", tensor<4x6xf32>>, {{.+}}, dense<2.000000e+00> : tensor<2xf32>>}} : (tensor<?x6xf32>) -> tensor<?x4xf32>

// UNMERGE: transformer.apply @block at "layers.0"
// UNMERGE: transformer.apply @block.lora at "layers.1"
func.func private @block(%x: tensor<?x6xf32>, %w: tensor<4x6xf32> {transformer.slot = "q.weight"}) -> tensor<?x4xf32> {
  %0 = transformer.linear %x, %w : tensor<?x6xf32>, tensor<4x6xf32> -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
func.func private @block.lora(%x: tensor<?x6xf32>, %w: tensor<4x6xf32> {transformer.slot = "q.weight"},
    %a: tensor<2x6xf32> {transformer.slot = "q.lora_A.weight", transformer.value = #a},
    %b: tensor<4x2xf32> {transformer.slot = "q.lora_B.weight", transformer.value = #b}) -> tensor<?x4xf32> {
  %s = arith.constant dense<2.0> : tensor<2xf32>
  %0 = lora.linear %x, %w, %a, %b, %s : tensor<?x6xf32>, tensor<4x6xf32>, tensor<2x6xf32>, tensor<4x2xf32>, tensor<2xf32> -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
func.func @forward(%x: tensor<?x6xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %0 = transformer.apply @block at "layers.0"(%x) : (tensor<?x6xf32>) -> tensor<?x4xf32>
  %1 = transformer.apply @block.lora at "layers.1"(%x) : (tensor<?x6xf32>) -> tensor<?x4xf32>
  return %0, %1 : tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

#a = #transformer.adapter<"default", "q.lora_A.weight", tensor<2x6xf32>>
#b = #transformer.adapter<"default", "q.lora_B.weight", tensor<4x2xf32>>
#c = #transformer.adapter<"default", "q.lora_B.weight", tensor<7x2xf32>>

// An f32 checkpoint that is computed in bf16: the merge is in f32, and rounding follows it once.
// CHECK-LABEL: func.func private @narrowed(
// CHECK-SAME: transformer.value = #transformer.cast<#lora.merge<#transformer.base<"q.weight", tensor<4x6xf32>>, #transformer.adapter<{{.+}}>, #transformer.adapter<{{.+}}>, dense<2.000000e+00> : tensor<2xf32>> to tensor<4x6xbf16>>
// UNMERGE-LABEL: func.func private @narrowed.lora(
// UNMERGE-SAME: {transformer.slot = "q.weight", transformer.value = #transformer.cast<#transformer.base<"q.weight", tensor<4x6xf32>> to tensor<4x6xbf16>>}
func.func private @narrowed.lora(%x: tensor<?x6xbf16>,
    %w: tensor<4x6xbf16> {transformer.slot = "q.weight", transformer.value = #transformer.cast<#transformer.base<"q.weight", tensor<4x6xf32>> to tensor<4x6xbf16>>},
    %a: tensor<2x6xbf16> {transformer.slot = "q.lora_A.weight", transformer.value = #transformer.cast<#a to tensor<2x6xbf16>>},
    %b: tensor<4x2xbf16> {transformer.slot = "q.lora_B.weight", transformer.value = #transformer.cast<#b to tensor<4x2xbf16>>}) -> tensor<?x4xbf16> {
  %s = arith.constant dense<2.0> : tensor<2xf32>
  %0 = lora.linear %x, %w, %a, %b, %s : tensor<?x6xbf16>, tensor<4x6xbf16>, tensor<2x6xbf16>, tensor<4x2xbf16>, tensor<2xf32> -> tensor<?x4xbf16>
  return %0 : tensor<?x4xbf16>
}
// A bf16 checkpoint that is computed in f32: the merge uses the widened weight.
// CHECK-LABEL: func.func private @widened(
// CHECK-SAME: transformer.value = #lora.merge<#transformer.cast<#transformer.base<"q.weight", tensor<4x6xbf16>> to tensor<4x6xf32>>,
// UNMERGE-LABEL: func.func private @widened.lora(
// UNMERGE-SAME: {transformer.slot = "q.weight", transformer.value = #transformer.cast<#transformer.base<"q.weight", tensor<4x6xbf16>> to tensor<4x6xf32>>}
func.func private @widened.lora(%x: tensor<?x6xf32>,
    %w: tensor<4x6xf32> {transformer.slot = "q.weight", transformer.value = #transformer.cast<#transformer.base<"q.weight", tensor<4x6xbf16>> to tensor<4x6xf32>>},
    %a: tensor<2x6xf32> {transformer.slot = "q.lora_A.weight", transformer.value = #a},
    %b: tensor<4x2xf32> {transformer.slot = "q.lora_B.weight", transformer.value = #b}) -> tensor<?x4xf32> {
  %s = arith.constant dense<2.0> : tensor<2xf32>
  %0 = lora.linear %x, %w, %a, %b, %s : tensor<?x6xf32>, tensor<4x6xf32>, tensor<2x6xf32>, tensor<4x2xf32>, tensor<2xf32> -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
// An f16 checkpoint that is computed in bf16: the merge is not rounded to f16 in between.
// CHECK-LABEL: func.func private @changed(
// CHECK-SAME: transformer.value = #transformer.cast<#lora.merge<#transformer.cast<#transformer.base<"q.weight", tensor<7x6xf16>> to tensor<7x6xf32>>, {{.+}}> to tensor<7x6xbf16>>
// UNMERGE-LABEL: func.func private @changed.lora(
// UNMERGE-SAME: {transformer.slot = "q.weight", transformer.value = #transformer.cast<#transformer.base<"q.weight", tensor<7x6xf16>> to tensor<7x6xbf16>>}
func.func private @changed.lora(%x: tensor<?x6xbf16>,
    %w: tensor<7x6xbf16> {transformer.slot = "q.weight", transformer.value = #transformer.cast<#transformer.base<"q.weight", tensor<7x6xf16>> to tensor<7x6xbf16>>},
    %a: tensor<2x6xbf16> {transformer.slot = "q.lora_A.weight", transformer.value = #transformer.cast<#a to tensor<2x6xbf16>>},
    %b: tensor<7x2xbf16> {transformer.slot = "q.lora_B.weight", transformer.value = #transformer.cast<#c to tensor<7x2xbf16>>}) -> tensor<?x7xbf16> {
  %s = arith.constant dense<2.0> : tensor<2xf32>
  %0 = lora.linear %x, %w, %a, %b, %s : tensor<?x6xbf16>, tensor<7x6xbf16>, tensor<2x6xbf16>, tensor<7x2xbf16>, tensor<2xf32> -> tensor<?x7xbf16>
  return %0 : tensor<?x7xbf16>
}
func.func @forward(%x: tensor<?x6xbf16>, %y: tensor<?x6xf32>) -> (tensor<?x4xbf16>, tensor<?x4xf32>, tensor<?x7xbf16>) {
  %0 = transformer.apply @narrowed.lora at "a"(%x) : (tensor<?x6xbf16>) -> tensor<?x4xbf16>
  %1 = transformer.apply @widened.lora at "b"(%y) : (tensor<?x6xf32>) -> tensor<?x4xf32>
  %2 = transformer.apply @changed.lora at "c"(%x) : (tensor<?x6xbf16>) -> tensor<?x7xbf16>
  return %0, %1, %2 : tensor<?x4xbf16>, tensor<?x4xf32>, tensor<?x7xbf16>
}

// -----

// Fused branches: each one takes its rows of A and of the scale from the concatenation.
// CHECK-LABEL: func.func private @fused(
// CHECK-SAME: {transformer.slot = "q.weight", transformer.value = #lora.merge<#transformer.base<"q.weight", tensor<4x6xf32>>, #transformer.base<"qb", tensor<4x2xf32>>, #transformer.base<"qa", tensor<2x6xf32>>, dense<2.000000e+00> : tensor<2xf32>>}
// CHECK-SAME: {transformer.slot = "k.weight", transformer.value = #lora.merge<#transformer.base<"k.weight", tensor<5x6xf32>>, #transformer.base<"kb", tensor<5x3xf32>>, #transformer.base<"ka", tensor<3x6xf32>>, dense<3.000000e+00> : tensor<3xf32>>}
// CHECK-NOT: lora.down
// CHECK: transformer.linear
// CHECK: transformer.linear
func.func private @fused(%x: tensor<?x6xf32>, %q: tensor<4x6xf32> {transformer.slot = "q.weight"}, %k: tensor<5x6xf32> {transformer.slot = "k.weight"},
    %a: tensor<5x6xf32> {transformer.slot = "q+k.lora_A.weight", transformer.value = #transformer.concat<[#transformer.base<"qa", tensor<2x6xf32>>, #transformer.base<"ka", tensor<3x6xf32>>], dim = 0, tensor<5x6xf32>>},
    %qb: tensor<4x2xf32> {transformer.slot = "q.lora_B.weight", transformer.value = #transformer.base<"qb", tensor<4x2xf32>>},
    %kb: tensor<5x3xf32> {transformer.slot = "k.lora_B.weight", transformer.value = #transformer.base<"kb", tensor<5x3xf32>>}) -> (tensor<?x4xf32>, tensor<?x5xf32>) {
  %s = arith.constant dense<[2.0, 2.0, 3.0, 3.0, 3.0]> : tensor<5xf32>
  %t = lora.down %x, %a, %s : tensor<?x6xf32>, tensor<5x6xf32>, tensor<5xf32> -> tensor<?x5xf32>
  %0 = lora.up %x, %q, %t[0], %qb : tensor<?x6xf32>, tensor<4x6xf32>, tensor<?x5xf32>, tensor<4x2xf32> -> tensor<?x4xf32>
  %1 = lora.up %x, %k, %t[2], %kb : tensor<?x6xf32>, tensor<5x6xf32>, tensor<?x5xf32>, tensor<5x3xf32> -> tensor<?x5xf32>
  return %0, %1 : tensor<?x4xf32>, tensor<?x5xf32>
}
func.func @forward(%x: tensor<?x6xf32>) -> (tensor<?x4xf32>, tensor<?x5xf32>) {
  %0:2 = transformer.apply @fused at "layers.0"(%x) : (tensor<?x6xf32>) -> (tensor<?x4xf32>, tensor<?x5xf32>)
  return %0#0, %0#1 : tensor<?x4xf32>, tensor<?x5xf32>
}

// -----

// Trainable branches are not merged, and neither is a weight that another operation reads.
// CHECK-LABEL: func.func private @left(
// CHECK: lora.linear
// CHECK: lora.linear
// REMARK: remark: [Missed] NotMerged | Category:lora-merge | Function=left | Reason="its matrices are not all frozen slots, and what trains is never folded away"
// REMARK: remark: [Missed] NotMerged | Category:lora-merge | Function=left | Reason="its weight 'k.weight' has another use, which must not see the merged one"
func.func private @left(%x: tensor<?x6xf32>, %q: tensor<4x6xf32> {transformer.slot = "q.weight"}, %k: tensor<4x6xf32> {transformer.slot = "k.weight"},
    %qa: tensor<2x6xf32> {transformer.slot = "q.lora_A.weight", transformer.role = #transformer.role<trainable>},
    %qb: tensor<4x2xf32> {transformer.slot = "q.lora_B.weight", transformer.role = #transformer.role<trainable>},
    %ka: tensor<2x6xf32> {transformer.slot = "k.lora_A.weight"}, %kb: tensor<4x2xf32> {transformer.slot = "k.lora_B.weight"})
    -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %s = arith.constant dense<2.0> : tensor<2xf32>
  %0 = lora.linear %x, %q, %qa, %qb, %s : tensor<?x6xf32>, tensor<4x6xf32>, tensor<2x6xf32>, tensor<4x2xf32>, tensor<2xf32> -> tensor<?x4xf32>
  %1 = lora.linear %x, %k, %ka, %kb, %s : tensor<?x6xf32>, tensor<4x6xf32>, tensor<2x6xf32>, tensor<4x2xf32>, tensor<2xf32> -> tensor<?x4xf32>
  %2 = transformer.linear %x, %k : tensor<?x6xf32>, tensor<4x6xf32> -> tensor<?x4xf32>
  return %0, %1, %2 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}
func.func @forward(%x: tensor<?x6xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %0:3 = transformer.apply @left at "layers.0"(%x) : (tensor<?x6xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>)
  return %0#0, %0#1, %0#2 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

#a = #transformer.adapter<"default", "q.lora_A.weight", tensor<2x6xf32>>
#b = #transformer.adapter<"default", "q.lora_B.weight", tensor<4x2xf32>>

// An application with its own values gets its own merge.
// CHECK-LABEL: func.func private @places(
// CHECK-SAME: {transformer.slot = "q.weight", transformer.value = #lora.merge<#transformer.base<"q.weight", tensor<4x6xf32>>, #transformer.adapter<"default", "q.lora_B.weight", tensor<4x2xf32>>, #transformer.adapter<"default", "q.lora_A.weight", tensor<2x6xf32>>, dense<2.000000e+00> : tensor<2xf32>>}
// CHECK: transformer.apply @places at "layers.0"(%{{.+}}) : (
// CHECK: transformer.apply @places at "layers.1"(%{{.+}}) {values = {q.weight = #lora.merge<#transformer.base<"q.weight", tensor<4x6xf32>>, #transformer.adapter<"default", "q.lora_B.weight", tensor<4x2xf32>>, #transformer.adapter<"other", "q.lora_A.weight", tensor<2x6xf32>>, dense<2.000000e+00> : tensor<2xf32>>}} : (
// UNMERGE: transformer.apply @places.lora at "layers.0"
// UNMERGE: transformer.apply @places.lora_1 at "layers.1"
func.func private @places.lora(%x: tensor<?x6xf32>, %w: tensor<4x6xf32> {transformer.slot = "q.weight"},
    %a: tensor<2x6xf32> {transformer.slot = "q.lora_A.weight", transformer.value = #a},
    %b: tensor<4x2xf32> {transformer.slot = "q.lora_B.weight", transformer.value = #b}) -> tensor<?x4xf32> {
  %s = arith.constant dense<2.0> : tensor<2xf32>
  %0 = lora.linear %x, %w, %a, %b, %s : tensor<?x6xf32>, tensor<4x6xf32>, tensor<2x6xf32>, tensor<4x2xf32>, tensor<2xf32> -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
func.func @forward(%x: tensor<?x6xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %0 = transformer.apply @places.lora at "layers.0"(%x) : (tensor<?x6xf32>) -> tensor<?x4xf32>
  %1 = transformer.apply @places.lora at "layers.1"(%x) {values = {q.lora_A.weight = #transformer.adapter<"other", "q.lora_A.weight", tensor<2x6xf32>>}} : (tensor<?x6xf32>) -> tensor<?x4xf32>
  return %0, %1 : tensor<?x4xf32>, tensor<?x4xf32>
}
