// RUN: lora-opt %s -transformer-specialize-tokens="tokens=1,32 functions=forward,head" | FileCheck %s --implicit-check-not="func.func @other" --implicit-check-not="@decoder("
// RUN: lora-opt %s -transformer-specialize-tokens="tokens=5 functions=forward keep" | FileCheck %s --check-prefix=KEEP
// RUN: not lora-opt %s -transformer-specialize-tokens 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not lora-opt %s -transformer-specialize-tokens="tokens=4 functions=forwrd" 2>&1 | FileCheck %s --check-prefix=NEAR
// NONE: error: expected the option tokens with the numbers of tokens to make copies for, such as tokens=1,128
// NEAR: error: expected a function 'forwrd' to specialize: did you mean 'forward'
// RUN: not lora-opt %s -transformer-specialize-tokens="tokens=0 functions=forward" 2>&1 | FileCheck %s --check-prefix=ZERO
// RUN: not lora-opt %s -transformer-specialize-tokens="tokens=4 functions=missing" 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: lora-opt %s -transformer-specialize-tokens="tokens=1,32 functions=forward,head" --remarks-filter=transformer-specialize-tokens 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// ZERO: expected positive numbers of tokens, but got 0
// MISSING: expected a function 'missing' to specialize

// Two token counts of one block. The number of rows of the state stays dynamic; its width and the parameters do not change.

// CHECK-LABEL: func.func private @decoder.t32
// CHECK-SAME: (%{{.+}}: tensor<32x144xf32>, %{{.+}}: tensor<4x32xi32>
// CHECK-SAME: tensor<72x144xf32> {transformer.slot = "k_proj.weight"}
// CHECK-SAME: tensor<?x72xf32> {transformer.role = #transformer.role<state>, transformer.slot = "key_cache"}
// CHECK-SAME: -> (tensor<32x144xf32>, tensor<?x72xf32> {transformer.next = "key_cache"})
// CHECK-SAME: transformer.tokens = 32 : i64
// CHECK: transformer.linear {{.+}} {transformer.token_rows} : {{.+}} -> tensor<32x72xf32>
// CHECK-NOT: token_rows
// CHECK: transformer.cache_write {{.+}} : tensor<?x72xf32>, tensor<32x72xf32>, tensor<4x32xi32>
// CHECK: transformer.attention {{.+}} : tensor<32x144xf32>, tensor<?x72xf32>, tensor<4x32xi32> -> tensor<32x6xf32>
// CHECK-LABEL: func.func private @decoder.t1
// CHECK: transformer.linear {{.+}} -> tensor<1x72xf32>
// KEEP: func.func private @decoder(%{{.+}}: tensor<?x144xf32>
// KEEP: func.func private @decoder.t5(%{{.+}}: tensor<5x144xf32>
func.func private @decoder(%x: tensor<?x144xf32>, %seq: tensor<4x?xi32>,
    %w: tensor<72x144xf32> {transformer.slot = "k_proj.weight"},
    %kc: tensor<?x72xf32> {transformer.slot = "key_cache", transformer.role = #transformer.role<state>})
    -> (tensor<?x144xf32>, tensor<?x72xf32> {transformer.next = "key_cache"}) {
  %n = transformer.add %x, %x : tensor<?x144xf32>
  %k = transformer.linear %n, %w : tensor<?x144xf32>, tensor<72x144xf32> -> tensor<?x72xf32>
  %kc1 = transformer.cache_write %kc, %k, %seq : tensor<?x72xf32>, tensor<?x72xf32>, tensor<4x?xi32>
  %o, %lse = transformer.attention %x, %kc1, %kc1, %seq {heads = 6 : i64, kv_heads = 3 : i64, scale = 0.2 : f64}
    : tensor<?x144xf32>, tensor<?x72xf32>, tensor<4x?xi32> -> tensor<?x6xf32>
  return %o, %kc1 : tensor<?x144xf32>, tensor<?x72xf32>
}

// CHECK-LABEL: func.func @forward.t32(
// CHECK: transformer.apply @decoder.t32 at "model.layers.0"({{.+}}) : (tensor<32x144xf32>, tensor<4x32xi32>) -> tensor<32x144xf32>
// CHECK: transformer.apply @decoder.t32 at "model.layers.1"
// CHECK-LABEL: func.func @forward.t1(
// CHECK: transformer.apply @decoder.t1 at "model.layers.0"({{.+}}) : (tensor<1x144xf32>, tensor<4x1xi32>) -> tensor<1x144xf32>
// KEEP: func.func @forward(
// KEEP: transformer.apply @decoder at
// KEEP: func.func @forward.t5(
func.func @forward(%x: tensor<?x144xf32>, %seq: tensor<4x?xi32>) -> tensor<?x144xf32> {
  %0 = transformer.apply @decoder at "model.layers.0"(%x, %seq) : (tensor<?x144xf32>, tensor<4x?xi32>) -> tensor<?x144xf32>
  %1 = transformer.apply @decoder at "model.layers.1"(%0, %seq) : (tensor<?x144xf32>, tensor<4x?xi32>) -> tensor<?x144xf32>
  return %1 : tensor<?x144xf32>
}

// CHECK-LABEL: func.func @head.t32(
// CHECK-LABEL: func.func @head.t1(
func.func @head(%x: tensor<?x144xf32>) -> tensor<?x144xf32> {
  return %x : tensor<?x144xf32>
}

// A function that is not listed is removed, or left as it is.
// KEEP: func.func @other(%{{.+}}: tensor<?x144xf32>
func.func @other(%x: tensor<?x144xf32>) -> tensor<?x144xf32> {
  return %x : tensor<?x144xf32>
}


// REMARK: remark: [Analysis] Specialized | Category:transformer-specialize-tokens | Blocks=2, Entries=4
