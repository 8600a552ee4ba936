// RUN: lora-opt %s | lora-opt | FileCheck %s

// A block with parameters, state and a trainable slot, and an entry that applies it.

// CHECK-LABEL: func.func private @decoder
// CHECK-SAME: transformer.slot = "norm.weight"
// CHECK-SAME: transformer.role = #transformer.role<state>
// CHECK-SAME: transformer.next = "key_cache"
func.func private @decoder(%x: tensor<?x48xf32>, %seq: tensor<4x?xi32>,
    %n: tensor<48xf32> {transformer.slot = "norm.weight"},
    %w: tensor<72x48xf32> {transformer.slot = "k_proj.weight", transformer.role = #transformer.role<trainable>,
      transformer.value = #transformer.cast<#transformer.base<"k_proj.weight", tensor<72x48xbf16>> to tensor<72x48xf32>>},
    %kc: tensor<?x72xf32> {transformer.slot = "key_cache", transformer.role = #transformer.role<state>})
    -> (tensor<?x48xf32>, tensor<?x72xf32> {transformer.next = "key_cache"}) {
  // CHECK: transformer.rms_norm %{{.+}}, %{{.+}} {eps = 9.9{{.+}}E-7 : f64} : tensor<?x48xf32>, tensor<48xf32>
  %a = transformer.rms_norm %x, %n {eps = 1.0e-6 : f64} : tensor<?x48xf32>, tensor<48xf32>
  // CHECK: transformer.linear %{{.+}}, %{{.+}} : tensor<?x48xf32>, tensor<72x48xf32> -> tensor<?x72xf32>
  %k = transformer.linear %a, %w : tensor<?x48xf32>, tensor<72x48xf32> -> tensor<?x72xf32>
  // CHECK: transformer.cache_write
  %kc1 = transformer.cache_write %kc, %k, %seq : tensor<?x72xf32>, tensor<?x72xf32>, tensor<4x?xi32>
  // CHECK: transformer.add %{{.+}}, %{{.+}} : tensor<?x48xf32>
  %y = transformer.add %x, %a : tensor<?x48xf32>
  return %y, %kc1 : tensor<?x48xf32>, tensor<?x72xf32>
}

// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<?x48xf32>, %seq: tensor<4x?xi32>) -> tensor<?x48xf32> {
  // CHECK: transformer.apply @decoder at "model.layers.0"(%{{.+}}, %{{.+}}) : (tensor<?x48xf32>, tensor<4x?xi32>) -> tensor<?x48xf32>
  %0 = transformer.apply @decoder at "model.layers.0"(%x, %seq) : (tensor<?x48xf32>, tensor<4x?xi32>) -> tensor<?x48xf32>
  %1 = transformer.apply @decoder at "model.layers.1"(%0, %seq) : (tensor<?x48xf32>, tensor<4x?xi32>) -> tensor<?x48xf32>
  return %1 : tensor<?x48xf32>
}

// The example of each operation, as in TransformerOps.td, and other forms.

// CHECK-LABEL: func.func @apply(
func.func @apply(%0: tensor<?x48xf32>, %seq: tensor<4x?xi32>) {
  // CHECK: %{{.+}} = transformer.apply @decoder at "model.layers.0"(%{{.+}}, %{{.+}}) : (tensor<?x48xf32>, tensor<4x?xi32>) -> tensor<?x48xf32>
  // CHECK: %{{.+}} = transformer.apply @decoder at "model.layers.1"(%{{.+}}, %{{.+}}) {values = {norm.weight = #transformer.init<ones, "norm.weight", tensor<48xf32>, seed = 0>}} : (tensor<?x48xf32>, tensor<4x?xi32>) -> tensor<?x48xf32>
  %1 = transformer.apply @decoder at "model.layers.0"(%0, %seq)
       : (tensor<?x48xf32>, tensor<4x?xi32>) -> tensor<?x48xf32>
  %2 = transformer.apply @decoder at "model.layers.1"(%1, %seq)
       {values = {norm.weight = #transformer.init<ones, "norm.weight", tensor<48xf32>, seed = 0>}}
       : (tensor<?x48xf32>, tensor<4x?xi32>) -> tensor<?x48xf32>
  return
}

// CHECK-LABEL: func.func @embedding(
func.func @embedding(%ids: tensor<?xi32>, %table: tensor<259x48xf32>) {
  // CHECK: %{{.+}} = transformer.embedding %{{.+}}, %{{.+}} : tensor<?xi32>, tensor<259x48xf32> -> tensor<?x48xf32>
  %0 = transformer.embedding %ids, %table : tensor<?xi32>, tensor<259x48xf32> -> tensor<?x48xf32>
  return
}

// CHECK-LABEL: func.func @linear(
func.func @linear(%x: tensor<?x48xf32>, %w: tensor<144x48xf32>, %b: tensor<144xf32>) {
  // CHECK: %{{.+}} = transformer.linear %{{.+}}, %{{.+}} bias %{{.+}} : tensor<?x48xf32>, tensor<144x48xf32>, tensor<144xf32> -> tensor<?x144xf32>
  // CHECK: %{{.+}} = transformer.linear %{{.+}}, %{{.+}} : tensor<?x48xf32>, tensor<144x48xf32> -> tensor<?x144xf32>
  %y = transformer.linear %x, %w bias %b : tensor<?x48xf32>, tensor<144x48xf32>, tensor<144xf32> -> tensor<?x144xf32>
  %z = transformer.linear %x, %w : tensor<?x48xf32>, tensor<144x48xf32> -> tensor<?x144xf32>
  return
}

// CHECK-LABEL: func.func @matmul(
func.func @matmul(%dy: tensor<?x144xf32>, %w: tensor<144x48xf32>, %t: tensor<?x3xf32>) {
  // CHECK: %{{.+}} = transformer.matmul %{{.+}}, %{{.+}} : tensor<?x144xf32>, tensor<144x48xf32> -> tensor<?x48xf32>
  // CHECK: %{{.+}} = transformer.matmul %{{.+}}, %{{.+}} {transpose_a} : tensor<?x144xf32>, tensor<?x3xf32> -> tensor<144x3xf32>
  %dx = transformer.matmul %dy, %w : tensor<?x144xf32>, tensor<144x48xf32> -> tensor<?x48xf32>
  %db = transformer.matmul %dy, %t {transpose_a} : tensor<?x144xf32>, tensor<?x3xf32> -> tensor<144x3xf32>
  return
}

// CHECK-LABEL: func.func @sum_tokens(
func.func @sum_tokens(%dy: tensor<?x144xbf16>) {
  // CHECK: %{{.+}} = transformer.sum_tokens %{{.+}} : tensor<?x144xbf16> -> tensor<144xf32>
  %db = transformer.sum_tokens %dy : tensor<?x144xbf16> -> tensor<144xf32>
  return
}

// CHECK-LABEL: func.func @embedding_gradient(
func.func @embedding_gradient(%dy: tensor<?x48xf32>, %ids: tensor<?xi32>) {
  // CHECK: %{{.+}} = transformer.embedding_gradient %{{.+}}, %{{.+}} : tensor<?x48xf32>, tensor<?xi32> -> tensor<259x48xf32>
  %d = transformer.embedding_gradient %dy, %ids : tensor<?x48xf32>, tensor<?xi32> -> tensor<259x48xf32>
  return
}

// CHECK-LABEL: func.func @add(
func.func @add(%x: tensor<?x48xf32>, %r: tensor<?x48xf32>) {
  // CHECK: %{{.+}} = transformer.add %{{.+}}, %{{.+}} : tensor<?x48xf32>
  %y = transformer.add %x, %r : tensor<?x48xf32>
  return
}

// CHECK-LABEL: func.func @mul(
func.func @mul(%gate: tensor<?x80xf32>, %up: tensor<?x80xf32>) {
  // CHECK: %{{.+}} = transformer.mul %{{.+}}, %{{.+}} : tensor<?x80xf32>
  %y = transformer.mul %gate, %up : tensor<?x80xf32>
  return
}

// CHECK-LABEL: func.func @activation(
func.func @activation(%x: tensor<?x80xf32>) {
  // CHECK: %{{.+}} = transformer.activation %{{.+}} {kind = silu} : tensor<?x80xf32>
  %y = transformer.activation %x {kind = silu} : tensor<?x80xf32>
  return
}

// CHECK-LABEL: func.func @activation_gradient(
func.func @activation_gradient(%dy: tensor<?x80xf32>, %x: tensor<?x80xf32>) {
  // CHECK: %{{.+}} = transformer.activation_gradient %{{.+}}, %{{.+}} {kind = silu} : tensor<?x80xf32>
  %dx = transformer.activation_gradient %dy, %x {kind = silu} : tensor<?x80xf32>
  return
}

// CHECK-LABEL: func.func @cast(
func.func @cast(%master: tensor<3x48xf32>) {
  // CHECK: %{{.+}} = transformer.cast %{{.+}} : tensor<3x48xf32> -> tensor<3x48xbf16>
  %a = transformer.cast %master : tensor<3x48xf32> -> tensor<3x48xbf16>
  return
}

// CHECK-LABEL: func.func @scale_features(
func.func @scale_features(%x: tensor<?x6xbf16>, %s: tensor<6xf32>) {
  // CHECK: %{{.+}} = transformer.scale_features %{{.+}}, %{{.+}} : tensor<?x6xbf16>, tensor<6xf32>
  %y = transformer.scale_features %x, %s : tensor<?x6xbf16>, tensor<6xf32>
  return
}

// CHECK-LABEL: func.func @slice_features(
func.func @slice_features(%x: tensor<?x6xf32>) {
  // CHECK: %{{.+}} = transformer.slice_features %{{.+}}[3] : tensor<?x6xf32> -> tensor<?x3xf32>
  %y = transformer.slice_features %x[3] : tensor<?x6xf32> -> tensor<?x3xf32>
  return
}

// CHECK-LABEL: func.func @pad_features(
func.func @pad_features(%x: tensor<?x3xf32>) {
  // CHECK: %{{.+}} = transformer.pad_features %{{.+}}[3] : tensor<?x3xf32> -> tensor<?x6xf32>
  %y = transformer.pad_features %x[3] : tensor<?x3xf32> -> tensor<?x6xf32>
  return
}

// CHECK-LABEL: func.func @rms_norm(
func.func @rms_norm(%x: tensor<?x144xf32>, %w: tensor<24xf32>) {
  // CHECK: %{{.+}} = transformer.rms_norm %{{.+}}, %{{.+}} {eps = 9.9999999999999995E-7 : f64} : tensor<?x144xf32>, tensor<24xf32>
  %y = transformer.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x144xf32>, tensor<24xf32>
  return
}

// CHECK-LABEL: func.func @rms_norm_gradient(
func.func @rms_norm_gradient(%dy: tensor<?x144xf32>, %x: tensor<?x144xf32>, %w: tensor<24xf32>) {
  // CHECK: %{{.+}} = transformer.rms_norm_gradient %{{.+}}, %{{.+}}, %{{.+}} {eps = 9.9999999999999995E-7 : f64} : tensor<?x144xf32>, tensor<24xf32>
  %dx = transformer.rms_norm_gradient %dy, %x, %w {eps = 1.0e-6 : f64} : tensor<?x144xf32>, tensor<24xf32>
  return
}

// CHECK-LABEL: func.func @rms_norm_weight_gradient(
func.func @rms_norm_weight_gradient(%dy: tensor<?x144xf32>, %x: tensor<?x144xf32>) {
  // CHECK: %{{.+}} = transformer.rms_norm_weight_gradient %{{.+}}, %{{.+}} {eps = 9.9999999999999995E-7 : f64} : tensor<?x144xf32> -> tensor<24xf32>
  %dw = transformer.rms_norm_weight_gradient %dy, %x {eps = 1.0e-6 : f64} : tensor<?x144xf32> -> tensor<24xf32>
  return
}

// CHECK-LABEL: func.func @rotary_table(
func.func @rotary_table(%seq: tensor<4x?xi32>, %f: tensor<2xf32>) {
  // CHECK: %{{.+}}, %{{.+}} = transformer.rotary_table %{{.+}} {inverse_frequencies = array<f32: 1.000000e+00, 1.000000e-01>} : tensor<4x?xi32> -> tensor<?x2xf32>
  // CHECK: %{{.+}}, %{{.+}} = transformer.rotary_table %{{.+}} frequencies %{{.+}} {factor = 1.190000e+00 : f64} : tensor<4x?xi32>, tensor<2xf32> -> tensor<?x2xf32>
  %cos, %sin = transformer.rotary_table %seq {inverse_frequencies = array<f32: 1.0, 0.1>}
               : tensor<4x?xi32> -> tensor<?x2xf32>
  %cos2, %sin2 = transformer.rotary_table %seq frequencies %f {factor = 1.19 : f64}
                 : tensor<4x?xi32>, tensor<2xf32> -> tensor<?x2xf32>
  return
}

// CHECK-LABEL: func.func @rotary(
func.func @rotary(%x: tensor<?x144xf32>, %cos: tensor<?x12xf32>, %sin: tensor<?x12xf32>) {
  // CHECK: %{{.+}} = transformer.rotary %{{.+}}, %{{.+}}, %{{.+}} {head_dim = 24 : i64} : tensor<?x144xf32>, tensor<?x12xf32>
  %y = transformer.rotary %x, %cos, %sin {head_dim = 24 : i64} : tensor<?x144xf32>, tensor<?x12xf32>
  return
}

// CHECK-LABEL: func.func @cache_write(
func.func @cache_write(%cache: tensor<?x72xf32>, %k: tensor<?x72xf32>, %seq: tensor<4x?xi32>) {
  // CHECK: %{{.+}} = transformer.cache_write %{{.+}}, %{{.+}}, %{{.+}} : tensor<?x72xf32>, tensor<?x72xf32>, tensor<4x?xi32>
  %new = transformer.cache_write %cache, %k, %seq : tensor<?x72xf32>, tensor<?x72xf32>, tensor<4x?xi32>
  return
}

// CHECK-LABEL: func.func @attention(
func.func @attention(%q: tensor<?x144xf32>, %k: tensor<?x72xf32>, %v: tensor<?x72xf32>, %seq: tensor<4x?xi32>) {
  // CHECK: %{{.+}}, %{{.+}} = transformer.attention %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} {heads = 6 : i64, kv_heads = 3 : i64, scale = 2.040000e-01 : f64} : tensor<?x144xf32>, tensor<?x72xf32>, tensor<4x?xi32> -> tensor<?x6xf32>
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 6 : i64, kv_heads = 3 : i64, scale = 0.204 : f64}
             : tensor<?x144xf32>, tensor<?x72xf32>, tensor<4x?xi32> -> tensor<?x6xf32>
  return
}

// CHECK-LABEL: func.func @attention_gradient(
func.func @attention_gradient(%dy: tensor<?x144xf32>, %q: tensor<?x144xf32>, %k: tensor<?x72xf32>, %v: tensor<?x72xf32>, %o: tensor<?x144xf32>, %lse: tensor<?x6xf32>, %seq: tensor<4x?xi32>) {
  // CHECK: %{{.+}}, %{{.+}}, %{{.+}} = transformer.attention_gradient %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} {heads = 6 : i64, kv_heads = 3 : i64, scale = 2.040000e-01 : f64} : tensor<?x144xf32>, tensor<?x72xf32>, tensor<?x6xf32>, tensor<4x?xi32>
  %dq, %dk, %dv = transformer.attention_gradient %dy, %q, %k, %v, %o, %lse, %seq {heads = 6 : i64, kv_heads = 3 : i64, scale = 0.204 : f64}
                  : tensor<?x144xf32>, tensor<?x72xf32>, tensor<?x6xf32>, tensor<4x?xi32>
  return
}

// CHECK-LABEL: func.func @cross_entropy(
func.func @cross_entropy(%logits: tensor<?x259xf32>, %labels: tensor<?xi32>) {
  // CHECK: %{{.+}}, %{{.+}} = transformer.cross_entropy %{{.+}}, %{{.+}} : tensor<?x259xf32>, tensor<?xi32> -> tensor<f32>, tensor<?xf32>
  %loss, %lse = transformer.cross_entropy %logits, %labels : tensor<?x259xf32>, tensor<?xi32> -> tensor<f32>, tensor<?xf32>
  return
}

// CHECK-LABEL: func.func @cross_entropy_gradient(
func.func @cross_entropy_gradient(%dloss: tensor<f32>, %logits: tensor<?x259xf32>, %labels: tensor<?xi32>, %lse: tensor<?xf32>) {
  // CHECK: %{{.+}} = transformer.cross_entropy_gradient %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} : tensor<f32>, tensor<?x259xf32>, tensor<?xi32>, tensor<?xf32>
  %d = transformer.cross_entropy_gradient %dloss, %logits, %labels, %lse
       : tensor<f32>, tensor<?x259xf32>, tensor<?xi32>, tensor<?xf32>
  return
}

// CHECK-LABEL: func.func @gradient_norm(
func.func @gradient_norm(%g0: !transformer.gradients, %g1: !transformer.gradients) {
  // CHECK: %{{.+}} = transformer.gradient_norm %{{.+}}, %{{.+}} : tensor<f32>
  %norm = transformer.gradient_norm %g0, %g1 : tensor<f32>
  return
}

// CHECK-LABEL: func.func @adamw(
func.func @adamw(%g0: !transformer.gradients, %g1: !transformer.gradients, %norm: tensor<f32>, %h: tensor<8xf32>) {
  // CHECK: transformer.adamw %{{.+}}, %{{.+}} norm %{{.+}} hyperparameters %{{.+}} : tensor<f32>, tensor<8xf32>
  transformer.adamw %g0, %g1 norm %norm hyperparameters %h : tensor<f32>, tensor<8xf32>
  return
}

// CHECK-LABEL: func.func @sgd(
func.func @sgd(%g0: !transformer.gradients, %norm: tensor<f32>, %h: tensor<4xf32>) {
  // CHECK: transformer.sgd %{{.+}} norm %{{.+}} hyperparameters %{{.+}} : tensor<f32>, tensor<4xf32>
  transformer.sgd %g0 norm %norm hyperparameters %h : tensor<f32>, tensor<4xf32>
  return
}

// CHECK-LABEL: func.func @matmul_wider_result(
func.func @matmul_wider_result(%a: tensor<5x3xbf16>, %b: tensor<7x3xbf16>) {
  // CHECK: %{{.+}} = transformer.matmul %{{.+}}, %{{.+}} {transpose_b} : tensor<5x3xbf16>, tensor<7x3xbf16> -> tensor<5x7xf32>
  %y = transformer.matmul %a, %b {transpose_b} : tensor<5x3xbf16>, tensor<7x3xbf16> -> tensor<5x7xf32>
  return
}

// CHECK-LABEL: func.func @activations(
func.func @activations(%x: tensor<?x80xf64>) {
  // CHECK: %{{.+}} = transformer.activation %{{.+}} {kind = gelu_erf} : tensor<?x80xf64>
  // CHECK: %{{.+}} = transformer.activation %{{.+}} {kind = gelu_tanh} : tensor<?x80xf64>
  // CHECK: %{{.+}} = transformer.activation %{{.+}} {kind = relu} : tensor<?x80xf64>
  %0 = transformer.activation %x {kind = gelu_erf} : tensor<?x80xf64>
  // The attribute in full is the same.
  %1 = transformer.activation %x {kind = #transformer.activation_kind<gelu_tanh>} : tensor<?x80xf64>
  %2 = transformer.activation %x {kind = relu} : tensor<?x80xf64>
  return
}

// CHECK-LABEL: func.func @rotary_inverse(
func.func @rotary_inverse(%x: tensor<?x72xf32>, %cos: tensor<?x4xf32>, %sin: tensor<?x4xf32>) {
  // CHECK: %{{.+}} = transformer.rotary %{{.+}}, %{{.+}}, %{{.+}} {head_dim = 24 : i64, inverse} : tensor<?x72xf32>, tensor<?x4xf32>
  %y = transformer.rotary %x, %cos, %sin {head_dim = 24 : i64, inverse} : tensor<?x72xf32>, tensor<?x4xf32>
  return
}

// CHECK-LABEL: func.func @attention_with_window(
func.func @attention_with_window(%q: tensor<?x8xf64>, %k: tensor<?x4xf64>, %v: tensor<?x4xf64>, %seq: tensor<4x?xi32>) {
  // CHECK: %{{.+}}, %{{.+}} = transformer.attention %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} {heads = 2 : i64, kv_heads = 1 : i64, scale = 5.000000e-01 : f64, window = 3 : i64} : tensor<?x8xf64>, tensor<?x4xf64>, tensor<4x?xi32> -> tensor<?x2xf64>
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 2 : i64, kv_heads = 1 : i64, scale = 0.5 : f64, window = 3 : i64}
             : tensor<?x8xf64>, tensor<?x4xf64>, tensor<4x?xi32> -> tensor<?x2xf64>
  return
}

// CHECK-LABEL: func.func @positions(
func.func @positions(%seq: tensor<4x?xi32>) {
  // CHECK: %{{.+}} = transformer.positions %{{.+}} {offset = 2 : i64} : tensor<4x?xi32> -> tensor<?xi32>
  %rows = transformer.positions %seq {offset = 2 : i64} : tensor<4x?xi32> -> tensor<?xi32>
  return
}

// CHECK-LABEL: func.func @scale(
func.func @scale(%x: tensor<?x48xf32>) {
  // CHECK: %{{.+}} = transformer.scale %{{.+}} {factor = 6.928200e+00 : f64} : tensor<?x48xf32>
  %y = transformer.scale %x {factor = 6.9282 : f64} : tensor<?x48xf32>
  return
}

// CHECK-LABEL: func.func @softcap(
func.func @softcap(%x: tensor<?x259xf32>, %dy: tensor<?x259xf32>) {
  // CHECK: %{{.+}} = transformer.softcap %{{.+}} {cap = 3.000000e+01 : f64} : tensor<?x259xf32>
  // CHECK: %{{.+}} = transformer.softcap_gradient %{{.+}}, %{{.+}} {cap = 3.000000e+01 : f64} : tensor<?x259xf32>
  %y = transformer.softcap %x {cap = 30.0 : f64} : tensor<?x259xf32>
  %dx = transformer.softcap_gradient %dy, %y {cap = 30.0 : f64} : tensor<?x259xf32>
  return
}

// CHECK-LABEL: func.func @layer_norm(
func.func @layer_norm(%x: tensor<?x48xf32>, %dy: tensor<?x48xf32>, %w: tensor<48xf32>, %b: tensor<48xf32>) {
  // CHECK: %{{.+}} = transformer.layer_norm %{{.+}}, %{{.+}}, %{{.+}} {eps = 1.000000e-05 : f64} : tensor<?x48xf32>, tensor<48xf32>, tensor<48xf32>
  // CHECK: %{{.+}} = transformer.layer_norm_gradient %{{.+}}, %{{.+}}, %{{.+}} {eps = 1.000000e-05 : f64} : tensor<?x48xf32>, tensor<48xf32>
  // CHECK: %{{.+}} = transformer.layer_norm_weight_gradient %{{.+}}, %{{.+}} {eps = 1.000000e-05 : f64} : tensor<?x48xf32> -> tensor<48xf32>
  %y = transformer.layer_norm %x, %w, %b {eps = 1.0e-5 : f64} : tensor<?x48xf32>, tensor<48xf32>, tensor<48xf32>
  %dx = transformer.layer_norm_gradient %dy, %x, %w {eps = 1.0e-5 : f64} : tensor<?x48xf32>, tensor<48xf32>
  %dw = transformer.layer_norm_weight_gradient %dy, %x {eps = 1.0e-5 : f64} : tensor<?x48xf32> -> tensor<48xf32>
  return
}

// CHECK-LABEL: func.func @attention_softcap(
func.func @attention_softcap(%q: tensor<?x144xf32>, %k: tensor<?x72xf32>, %seq: tensor<4x?xi32>) {
  // CHECK: transformer.attention %{{.+}} {heads = 6 : i64, kv_heads = 3 : i64, scale = 2.040000e-01 : f64, softcap = 5.000000e+01 : f64, window = 9 : i64}
  %o, %lse = transformer.attention %q, %k, %k, %seq {heads = 6 : i64, kv_heads = 3 : i64, scale = 0.204 : f64, softcap = 50.0 : f64, window = 9 : i64}
             : tensor<?x144xf32>, tensor<?x72xf32>, tensor<4x?xi32> -> tensor<?x6xf32>
  return
}
