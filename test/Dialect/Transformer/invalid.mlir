// RUN: lora-opt %s -split-input-file -verify-diagnostics

// A case for each constraint; the label of TransformerOps.td is in the function's name.

func.func @apply_c1(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected 'nothing' to be a function of the module}}
  %0 = transformer.apply @nothing at "a"(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// expected-note @below {{the block is here}}
func.func private @block(tensor<?x4xf32>, tensor<4xf32> {transformer.slot = "w"}) -> tensor<?x4xf32>
func.func @apply_c2(%x: tensor<?x4xf32>, %w: tensor<4xf32>) {
  // expected-error @below {{expected inputs of types 'tensor<?x4xf32>', but got 'tensor<?x4xf32>', 'tensor<4xf32>'}}
  %0 = transformer.apply @block at "a"(%x, %w) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// expected-note @below {{the block is here}}
func.func private @block(tensor<?x4xf32>, tensor<?x4xf32> {transformer.slot = "s", transformer.role = #transformer.role<state>})
    -> (tensor<?x4xf32>, tensor<?x4xf32> {transformer.next = "s"})
func.func @apply_c3_state_is_not_returned(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected results of types 'tensor<?x4xf32>', but got 'tensor<?x4xf32>', 'tensor<?x4xf32>'}}
  %0:2 = transformer.apply @block at "a"(%x) : (tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
  return
}

// -----

// expected-note @below {{the block is here}}
func.func private @block(tensor<?x4xf32>, tensor<4xf32> {transformer.slot = "w", transformer.role = #transformer.role<trainable>})
    -> (tensor<?x4xf32>, tensor<4xf32> {transformer.grad = "w"})
func.func @apply_c3_gradients(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected results of types 'tensor<?x4xf32>', '!transformer.gradients', but got 'tensor<?x4xf32>'}}
  %0 = transformer.apply @block at "a"(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

module attributes {transformer.model = #transformer.model<{embedding_layer = "model.tokens", output_layer = "head.out", vocab_size = 9 : i64}>} {
  func.func private @embedding(%ids: tensor<?xi32>, %w: tensor<8x4xf32> {transformer.slot = "weight"}) -> tensor<?x4xf32> {
    %0 = transformer.embedding %ids, %w : tensor<?xi32>, tensor<8x4xf32> -> tensor<?x4xf32>
    return %0 : tensor<?x4xf32>
  }
  func.func @apply_c5_embedding(%ids: tensor<?xi32>) {
    // expected-error @below {{expected the weight of 'model.tokens', the 'embedding_layer' of the model, to have 'vocab_size' = 9 rows, but got 'tensor<8x4xf32>'}}
    %0 = transformer.apply @embedding at "model.tokens"(%ids) : (tensor<?xi32>) -> tensor<?x4xf32>
    return
  }
}

// -----

module attributes {transformer.model = #transformer.model<{embedding_layer = "model.tokens", output_layer = "head.out", vocab_size = 9 : i64}>} {
  func.func private @head(%x: tensor<?x4xf32>, %d: tensor<8x4xf32> {transformer.slot = "weight"}, %w: tensor<9xf32> {transformer.slot = "out.weight"}) -> tensor<?x4xf32> {
    return %x : tensor<?x4xf32>
  }
  func.func @apply_c5_head(%x: tensor<?x4xf32>) {
    // expected-error @below {{expected the weight of 'head.out', the 'output_layer' of the model, to have 'vocab_size' = 9 rows, but got 'tensor<9xf32>'}}
    %0 = transformer.apply @head at "head"(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
    return
  }
}

// -----

func.func @embedding_c1_width(%ids: tensor<?xi32>, %t: tensor<9x4xf32>) {
  // expected-error @below {{expected result to be [?, 4], but got 'tensor<?x5xf32>'}}
  %0 = transformer.embedding %ids, %t : tensor<?xi32>, tensor<9x4xf32> -> tensor<?x5xf32>
  return
}

// -----

func.func @embedding_c1_tokens(%ids: tensor<3xi32>, %t: tensor<9x4xf32>) {
  // expected-error @below {{expected result to be [3, 4], but got 'tensor<2x4xf32>'}}
  %0 = transformer.embedding %ids, %t : tensor<3xi32>, tensor<9x4xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @embedding_of_i64(%ids: tensor<3xi64>, %t: tensor<9x4xf32>) {
  // expected-error @below {{operand #0 must be 1D tensor of 32-bit signless integer values}}
  %0 = transformer.embedding %ids, %t : tensor<3xi64>, tensor<9x4xf32> -> tensor<3x4xf32>
  return
}

// -----

func.func @linear_c1_weight(%x: tensor<?x4xf32>, %w: tensor<4x6xf32>) {
  // expected-error @below {{expected weight to be [4, 4], but got 'tensor<4x6xf32>'}}
  %0 = transformer.linear %x, %w : tensor<?x4xf32>, tensor<4x6xf32> -> tensor<?x6xf32>
  return
}

// -----

func.func @linear_c1_result(%x: tensor<?x4xf32>, %w: tensor<6x4xf32>) {
  // expected-error @below {{expected result to be [?, 6], but got 'tensor<?x4xf32>'}}
  %0 = transformer.linear %x, %w : tensor<?x4xf32>, tensor<6x4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @linear_c1_bias(%x: tensor<?x4xf32>, %w: tensor<6x4xf32>, %b: tensor<4xf32>) {
  // expected-error @below {{expected bias to be [6], but got 'tensor<4xf32>'}}
  %0 = transformer.linear %x, %w bias %b : tensor<?x4xf32>, tensor<6x4xf32>, tensor<4xf32> -> tensor<?x6xf32>
  return
}

// -----

func.func @linear_c2_weight(%x: tensor<?x4xbf16>, %w: tensor<6x4xf32>) {
  // expected-error @below {{expected weight to have element type 'bf16', but got 'f32'}}
  %0 = transformer.linear %x, %w : tensor<?x4xbf16>, tensor<6x4xf32> -> tensor<?x6xbf16>
  return
}

// -----

func.func @linear_c2_bias(%x: tensor<?x4xbf16>, %w: tensor<6x4xbf16>, %b: tensor<6xf32>) {
  // expected-error @below {{expected bias to have element type 'bf16', but got 'f32'}}
  %0 = transformer.linear %x, %w bias %b : tensor<?x4xbf16>, tensor<6x4xbf16>, tensor<6xf32> -> tensor<?x6xbf16>
  return
}

// -----

func.func @matmul_c1_inner(%a: tensor<?x4xf32>, %b: tensor<6x4xf32>) {
  // expected-error @below {{expected b to be [4, 4], but got 'tensor<6x4xf32>'}}
  %0 = transformer.matmul %a, %b : tensor<?x4xf32>, tensor<6x4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @matmul_c1_transposed(%a: tensor<3x4xf32>, %b: tensor<6x4xf32>) {
  // expected-error @below {{expected b to be [6, 3], but got 'tensor<6x4xf32>'}}
  %0 = transformer.matmul %a, %b {transpose_a, transpose_b} : tensor<3x4xf32>, tensor<6x4xf32> -> tensor<4x6xf32>
  return
}

// -----

func.func @matmul_c1_result(%a: tensor<3x4xf32>, %b: tensor<6x4xf32>) {
  // expected-error @below {{expected result to be [3, 6], but got 'tensor<6x3xf32>'}}
  %0 = transformer.matmul %a, %b {transpose_b} : tensor<3x4xf32>, tensor<6x4xf32> -> tensor<6x3xf32>
  return
}

// -----

func.func @matmul_c2(%a: tensor<3x4xf32>, %b: tensor<4x6xbf16>) {
  // expected-error @below {{expected b to have element type 'f32', but got 'bf16'}}
  %0 = transformer.matmul %a, %b : tensor<3x4xf32>, tensor<4x6xbf16> -> tensor<3x6xf32>
  return
}

// -----

func.func @sum_tokens_c1(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected result to be [4], but got 'tensor<5xf32>'}}
  %0 = transformer.sum_tokens %x : tensor<?x4xf32> -> tensor<5xf32>
  return
}

// -----

func.func @embedding_gradient_c1(%dy: tensor<3x4xf32>, %ids: tensor<3xi32>) {
  // expected-error @below {{expected dy to be [3, 5], but got 'tensor<3x4xf32>'}}
  %0 = transformer.embedding_gradient %dy, %ids : tensor<3x4xf32>, tensor<3xi32> -> tensor<9x5xf32>
  return
}

// -----

func.func @add_of_two_types(%x: tensor<?x4xf32>, %y: tensor<?x4xbf16>) {
  // expected-note @-1 {{prior use here}}
  // expected-error @below {{use of value '%y' expects different type than prior uses}}
  %0 = transformer.add %x, %y : tensor<?x4xf32>
  return
}

// -----

func.func @cast_c1(%x: tensor<3x4xf32>) {
  // expected-error @below {{expected result to be [3, 4], but got 'tensor<4x3xbf16>'}}
  %0 = transformer.cast %x : tensor<3x4xf32> -> tensor<4x3xbf16>
  return
}

// -----

func.func @scale_features_c1(%x: tensor<?x4xf32>, %s: tensor<3xf32>) {
  // expected-error @below {{expected scale to be [4], but got 'tensor<3xf32>'}}
  %0 = transformer.scale_features %x, %s : tensor<?x4xf32>, tensor<3xf32>
  return
}

// -----

func.func @slice_features_c1_end(%x: tensor<?x6xf32>) {
  // expected-error @below {{expected features [4, 7) to be among 6}}
  %0 = transformer.slice_features %x[4] : tensor<?x6xf32> -> tensor<?x3xf32>
  return
}

// -----

func.func @slice_features_c1_start(%x: tensor<?x6xf32>) {
  // expected-error @below {{expected features [-1, 2) to be among 6}}
  %0 = transformer.slice_features %x[-1] : tensor<?x6xf32> -> tensor<?x3xf32>
  return
}

// -----

func.func @slice_features_c1_type(%x: tensor<?x6xf32>) {
  // expected-error @below {{expected result to have element type 'f32', but got 'bf16'}}
  %0 = transformer.slice_features %x[0] : tensor<?x6xf32> -> tensor<?x3xbf16>
  return
}

// -----

func.func @pad_features_c1(%x: tensor<?x3xf32>) {
  // expected-error @below {{expected features [4, 7) to be among 6}}
  %0 = transformer.pad_features %x[4] : tensor<?x3xf32> -> tensor<?x6xf32>
  return
}

// -----

func.func @rms_norm_c1(%x: tensor<?x10xf32>, %w: tensor<4xf32>) {
  // expected-error @below {{expected the width of x to be a multiple of 4, but got 10}}
  %0 = transformer.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x10xf32>, tensor<4xf32>
  return
}

// -----

func.func @rms_norm_c2_zero(%x: tensor<?x4xf32>, %w: tensor<4xf32>) {
  // expected-error @below {{expected eps to be positive}}
  %0 = transformer.rms_norm %x, %w {eps = 0.0 : f64} : tensor<?x4xf32>, tensor<4xf32>
  return
}

// -----

func.func @rms_norm_c2_nan(%x: tensor<?x4xf32>, %w: tensor<4xf32>) {
  // expected-error @below {{expected eps to be positive}}
  %0 = transformer.rms_norm %x, %w {eps = 0x7FF8000000000000 : f64} : tensor<?x4xf32>, tensor<4xf32>
  return
}

// -----

func.func @rms_norm_gradient_c1(%dy: tensor<?x10xf32>, %x: tensor<?x10xf32>, %w: tensor<4xf32>) {
  // expected-error @below {{expected the width of x to be a multiple of 4, but got 10}}
  %0 = transformer.rms_norm_gradient %dy, %x, %w {eps = 1.0e-6 : f64} : tensor<?x10xf32>, tensor<4xf32>
  return
}

// -----

func.func @rms_norm_weight_gradient_c1(%dy: tensor<?x10xf32>, %x: tensor<?x10xf32>) {
  // expected-error @below {{expected the width of x to be a multiple of 4, but got 10}}
  %0 = transformer.rms_norm_weight_gradient %dy, %x {eps = 1.0e-6 : f64} : tensor<?x10xf32> -> tensor<4xf32>
  return
}

// -----

func.func @rotary_table_c1_rows(%s: tensor<3x?xi32>) {
  // expected-error @below {{expected sequence to be [4, ?], but got 'tensor<3x?xi32>'}}
  %c, %d = transformer.rotary_table %s {inverse_frequencies = array<f32: 1.0, 0.1>} : tensor<3x?xi32> -> tensor<?x2xf32>
  return
}

// -----

func.func @rotary_table_c1_frequencies(%s: tensor<4x?xi32>) {
  // expected-error @below {{expected cos to be [?, 2], but got 'tensor<?x3xf32>'}}
  %c, %d = transformer.rotary_table %s {inverse_frequencies = array<f32: 1.0, 0.1>} : tensor<4x?xi32> -> tensor<?x3xf32>
  return
}

// -----

func.func @rotary_c1(%x: tensor<?x10xf32>, %c: tensor<?x2xf32>, %s: tensor<?x2xf32>) {
  // expected-error @below {{expected the width of x to be a multiple of 4, but got 10}}
  %0 = transformer.rotary %x, %c, %s {head_dim = 4 : i64} : tensor<?x10xf32>, tensor<?x2xf32>
  return
}

// -----

func.func @rotary_c1_zero(%x: tensor<?x10xf32>, %c: tensor<?x2xf32>, %s: tensor<?x2xf32>) {
  // expected-error @below {{expected the width of x to be a multiple of 0, but got 10}}
  %0 = transformer.rotary %x, %c, %s {head_dim = 0 : i64} : tensor<?x10xf32>, tensor<?x2xf32>
  return
}

// -----

func.func @rotary_c2(%x: tensor<?x8xf32>, %c: tensor<?x3xf32>, %s: tensor<?x3xf32>) {
  // expected-error @below {{expected at most 2 angles for heads of width 4, but got 3}}
  %0 = transformer.rotary %x, %c, %s {head_dim = 4 : i64} : tensor<?x8xf32>, tensor<?x3xf32>
  return
}

// -----

func.func @cache_write_c1_width(%c: tensor<?x6xf32>, %x: tensor<?x4xf32>, %s: tensor<4x?xi32>) {
  // expected-error @below {{expected x to be [?, 6], but got 'tensor<?x4xf32>'}}
  %0 = transformer.cache_write %c, %x, %s : tensor<?x6xf32>, tensor<?x4xf32>, tensor<4x?xi32>
  return
}

// -----

func.func @cache_write_c1_type(%c: tensor<?x6xf32>, %x: tensor<?x6xbf16>, %s: tensor<4x?xi32>) {
  // expected-error @below {{expected x to have element type 'f32', but got 'bf16'}}
  %0 = transformer.cache_write %c, %x, %s : tensor<?x6xf32>, tensor<?x6xbf16>, tensor<4x?xi32>
  return
}

// -----

func.func @cache_write_c2(%c: tensor<?x6xf32>, %x: tensor<?x6xf32>, %s: tensor<4x?xi32>) -> tensor<?x6xf32> {
  // expected-error @below {{expected the cache to have no other use, because it is updated in place}}
  %0 = transformer.cache_write %c, %x, %s : tensor<?x6xf32>, tensor<?x6xf32>, tensor<4x?xi32>
  return %c : tensor<?x6xf32>
}

// -----

func.func @attention_c1_multiple(%q: tensor<?x12xf32>, %k: tensor<?x8xf32>, %s: tensor<4x?xi32>) {
  // expected-error @below {{expected heads to be a positive multiple of kv_heads, but got 3 and 2}}
  %o, %l = transformer.attention %q, %k, %k, %s {heads = 3 : i64, kv_heads = 2 : i64, scale = 0.5 : f64}
           : tensor<?x12xf32>, tensor<?x8xf32>, tensor<4x?xi32> -> tensor<?x3xf32>
  return
}

// -----

func.func @attention_c1_positive(%q: tensor<?x12xf32>, %k: tensor<?x8xf32>, %s: tensor<4x?xi32>) {
  // expected-error @below {{expected heads to be a positive multiple of kv_heads, but got 3 and 0}}
  %o, %l = transformer.attention %q, %k, %k, %s {heads = 3 : i64, kv_heads = 0 : i64, scale = 0.5 : f64}
           : tensor<?x12xf32>, tensor<?x8xf32>, tensor<4x?xi32> -> tensor<?x3xf32>
  return
}

// -----

func.func @attention_c2_q(%q: tensor<?x13xf32>, %k: tensor<?x4xf32>, %s: tensor<4x?xi32>) {
  // expected-error @below {{expected the width of q to be a multiple of 3, but got 13}}
  %o, %l = transformer.attention %q, %k, %k, %s {heads = 3 : i64, kv_heads = 1 : i64, scale = 0.5 : f64}
           : tensor<?x13xf32>, tensor<?x4xf32>, tensor<4x?xi32> -> tensor<?x3xf32>
  return
}

// -----

func.func @attention_c2_k(%q: tensor<?x12xf32>, %k: tensor<?x8xf32>, %s: tensor<4x?xi32>) {
  // expected-error @below {{expected k to be [?, 4], but got 'tensor<?x8xf32>'}}
  %o, %l = transformer.attention %q, %k, %k, %s {heads = 3 : i64, kv_heads = 1 : i64, scale = 0.5 : f64}
           : tensor<?x12xf32>, tensor<?x8xf32>, tensor<4x?xi32> -> tensor<?x3xf32>
  return
}

// -----

func.func @attention_c3_shape(%q: tensor<?x12xf32>, %k: tensor<?x4xf32>, %s: tensor<4x?xi32>) {
  // expected-error @below {{expected lse to be [?, 3], but got 'tensor<?x1xf32>'}}
  %o, %l = transformer.attention %q, %k, %k, %s {heads = 3 : i64, kv_heads = 1 : i64, scale = 0.5 : f64}
           : tensor<?x12xf32>, tensor<?x4xf32>, tensor<4x?xi32> -> tensor<?x1xf32>
  return
}

// -----

func.func @attention_c3_type(%q: tensor<?x12xbf16>, %k: tensor<?x4xbf16>, %s: tensor<4x?xi32>) {
  // expected-error @below {{expected lse to be of the accumulation type of q, but got 'bf16'}}
  %o, %l = transformer.attention %q, %k, %k, %s {heads = 3 : i64, kv_heads = 1 : i64, scale = 0.5 : f64}
           : tensor<?x12xbf16>, tensor<?x4xbf16>, tensor<4x?xi32> -> tensor<?x3xbf16>
  return
}

// -----

func.func @attention_c4(%q: tensor<?x12xf32>, %k: tensor<?x4xf32>, %s: tensor<4x?xi32>) {
  // expected-error @below {{expected window to be positive, but got 0}}
  %o, %l = transformer.attention %q, %k, %k, %s {heads = 3 : i64, kv_heads = 1 : i64, scale = 0.5 : f64, window = 0 : i64}
           : tensor<?x12xf32>, tensor<?x4xf32>, tensor<4x?xi32> -> tensor<?x3xf32>
  return
}

// -----

func.func @attention_sequence(%q: tensor<5x12xf32>, %k: tensor<?x4xf32>, %s: tensor<4x6xi32>) {
  // expected-error @below {{expected sequence to be [4, 5], but got 'tensor<4x6xi32>'}}
  %o, %l = transformer.attention %q, %k, %k, %s {heads = 3 : i64, kv_heads = 1 : i64, scale = 0.5 : f64}
           : tensor<5x12xf32>, tensor<?x4xf32>, tensor<4x6xi32> -> tensor<5x3xf32>
  return
}

// -----

func.func @attention_gradient_c1(%q: tensor<?x12xf32>, %k: tensor<?x4xf32>, %l: tensor<?x3xf32>, %s: tensor<4x?xi32>) {
  // expected-error @below {{expected heads to be a positive multiple of kv_heads, but got 3 and 2}}
  %a, %b, %c = transformer.attention_gradient %q, %q, %k, %k, %q, %l, %s {heads = 3 : i64, kv_heads = 2 : i64, scale = 0.5 : f64}
               : tensor<?x12xf32>, tensor<?x4xf32>, tensor<?x3xf32>, tensor<4x?xi32>
  return
}

// -----

func.func @attention_gradient_c2(%q: tensor<?x12xf32>, %k: tensor<?x8xf32>, %l: tensor<?x3xf32>, %s: tensor<4x?xi32>) {
  // expected-error @below {{expected k to be [?, 4], but got 'tensor<?x8xf32>'}}
  %a, %b, %c = transformer.attention_gradient %q, %q, %k, %k, %q, %l, %s {heads = 3 : i64, kv_heads = 1 : i64, scale = 0.5 : f64}
               : tensor<?x12xf32>, tensor<?x8xf32>, tensor<?x3xf32>, tensor<4x?xi32>
  return
}

// -----

func.func @attention_gradient_c3(%q: tensor<?x12xf32>, %k: tensor<?x4xf32>, %l: tensor<?x2xf32>, %s: tensor<4x?xi32>) {
  // expected-error @below {{expected lse to be [?, 3], but got 'tensor<?x2xf32>'}}
  %a, %b, %c = transformer.attention_gradient %q, %q, %k, %k, %q, %l, %s {heads = 3 : i64, kv_heads = 1 : i64, scale = 0.5 : f64}
               : tensor<?x12xf32>, tensor<?x4xf32>, tensor<?x2xf32>, tensor<4x?xi32>
  return
}

// -----

func.func @attention_gradient_c4(%q: tensor<?x12xf32>, %k: tensor<?x4xf32>, %l: tensor<?x3xf32>, %s: tensor<4x?xi32>) {
  // expected-error @below {{expected window to be positive, but got -3}}
  %a, %b, %c = transformer.attention_gradient %q, %q, %k, %k, %q, %l, %s {heads = 3 : i64, kv_heads = 1 : i64, scale = 0.5 : f64, window = -3 : i64}
               : tensor<?x12xf32>, tensor<?x4xf32>, tensor<?x3xf32>, tensor<4x?xi32>
  return
}

// -----

func.func @cross_entropy_c1_tokens(%x: tensor<5x9xf32>, %l: tensor<5xi32>) {
  // expected-error @below {{expected lse to be [5], but got 'tensor<6xf32>'}}
  %loss, %lse = transformer.cross_entropy %x, %l : tensor<5x9xf32>, tensor<5xi32> -> tensor<f32>, tensor<6xf32>
  return
}

// -----

func.func @cross_entropy_c1_type(%x: tensor<5x9xf32>, %l: tensor<5xi32>) {
  // expected-error @below {{expected lse to have element type 'f32', but got 'bf16'}}
  %loss, %lse = transformer.cross_entropy %x, %l : tensor<5x9xf32>, tensor<5xi32> -> tensor<f32>, tensor<5xbf16>
  return
}

// -----

func.func @cross_entropy_labels(%x: tensor<5x9xf32>, %l: tensor<6xi32>) {
  // expected-error @below {{expected labels to be [5], but got 'tensor<6xi32>'}}
  %loss, %lse = transformer.cross_entropy %x, %l : tensor<5x9xf32>, tensor<6xi32> -> tensor<f32>, tensor<5xf32>
  return
}

// -----

func.func @adamw_c1(%g: !transformer.gradients, %n: tensor<f32>, %h: tensor<4xf32>) {
  // expected-error @below {{expected hyperparameters to be [8], but got 'tensor<4xf32>'}}
  transformer.adamw %g norm %n hyperparameters %h : tensor<f32>, tensor<4xf32>
  return
}

// -----

func.func @sgd_c1(%g: !transformer.gradients, %n: tensor<f32>, %h: tensor<8xf32>) {
  // expected-error @below {{expected hyperparameters to be [4], but got 'tensor<8xf32>'}}
  transformer.sgd %g norm %n hyperparameters %h : tensor<f32>, tensor<8xf32>
  return
}

// -----

func.func @positions_c1(%s: tensor<3x?xi32>) {
  // expected-error @below {{expected sequence to be [4, ?], but got 'tensor<3x?xi32>'}}
  %0 = transformer.positions %s {offset = 0 : i64} : tensor<3x?xi32> -> tensor<?xi32>
  return
}

// -----

func.func @positions_c2(%s: tensor<4x?xi32>) {
  // expected-error @below {{expected offset not to be negative, but got -1}}
  %0 = transformer.positions %s {offset = -1 : i64} : tensor<4x?xi32> -> tensor<?xi32>
  return
}

// -----

func.func @linear_c3(%x: tensor<?x4xf32>, %w: tensor<4x4xf32, #transformer.conv1d>) {
  // expected-error @below {{expected the weight to be [out, in], but got 'tensor<4x4xf32, #transformer.conv1d>'}}
  %0 = transformer.linear %x, %w : tensor<?x4xf32>, tensor<4x4xf32, #transformer.conv1d> -> tensor<?x4xf32>
  return
}

// -----

func.func @softcap_c1(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected cap to be positive}}
  %0 = transformer.softcap %x {cap = 0.0 : f64} : tensor<?x4xf32>
  return
}

// -----

func.func @layer_norm_c1_weight(%x: tensor<?x4xf32>, %w: tensor<5xf32>, %b: tensor<4xf32>) {
  // expected-error @below {{expected weight to be [4], but got 'tensor<5xf32>'}}
  %0 = transformer.layer_norm %x, %w, %b {eps = 1.0e-5 : f64} : tensor<?x4xf32>, tensor<5xf32>, tensor<4xf32>
  return
}

// -----

func.func @layer_norm_c1_bias(%x: tensor<?x4xf32>, %w: tensor<4xf32>, %b: tensor<5xf32>) {
  // expected-error @below {{expected bias to be [4], but got 'tensor<5xf32>'}}
  %0 = transformer.layer_norm %x, %w, %b {eps = 1.0e-5 : f64} : tensor<?x4xf32>, tensor<4xf32>, tensor<5xf32>
  return
}

// -----

func.func @layer_norm_c2(%x: tensor<?x4xf32>, %w: tensor<4xf32>) {
  // expected-error @below {{expected eps to be positive}}
  %0 = transformer.layer_norm %x, %w, %w {eps = -1.0 : f64} : tensor<?x4xf32>, tensor<4xf32>, tensor<4xf32>
  return
}

// -----

func.func @layer_norm_gradient_c1(%x: tensor<?x4xf32>, %w: tensor<5xf32>) {
  // expected-error @below {{expected weight to be [4], but got 'tensor<5xf32>'}}
  %0 = transformer.layer_norm_gradient %x, %x, %w {eps = 1.0e-5 : f64} : tensor<?x4xf32>, tensor<5xf32>
  return
}

// -----

func.func @layer_norm_weight_gradient_c1(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected result to be [4], but got 'tensor<5xf32>'}}
  %0 = transformer.layer_norm_weight_gradient %x, %x {eps = 1.0e-5 : f64} : tensor<?x4xf32> -> tensor<5xf32>
  return
}

// -----

func.func @rotary_table_c1_operand(%s: tensor<4x?xi32>, %f: tensor<3xf32>) {
  // expected-error @below {{expected cos to be [?, 3], but got 'tensor<?x2xf32>'}}
  %c, %d = transformer.rotary_table %s frequencies %f : tensor<4x?xi32>, tensor<3xf32> -> tensor<?x2xf32>
  return
}

// -----

func.func @rotary_table_c2_none(%s: tensor<4x?xi32>) {
  // expected-error @below {{expected the frequencies either as an attribute or as an operand}}
  %c, %d = transformer.rotary_table %s : tensor<4x?xi32> -> tensor<?x2xf32>
  return
}

// -----

func.func @rotary_table_c2_both(%s: tensor<4x?xi32>, %f: tensor<2xf32>) {
  // expected-error @below {{expected the frequencies either as an attribute or as an operand}}
  %c, %d = transformer.rotary_table %s frequencies %f {inverse_frequencies = array<f32: 1.0, 0.1>} : tensor<4x?xi32>, tensor<2xf32> -> tensor<?x2xf32>
  return
}

// -----

func.func @attention_c4_softcap(%q: tensor<?x12xf32>, %k: tensor<?x4xf32>, %s: tensor<4x?xi32>) {
  // expected-error @below {{expected softcap to be positive}}
  %o, %l = transformer.attention %q, %k, %k, %s {heads = 3 : i64, kv_heads = 1 : i64, scale = 0.5 : f64, softcap = -2.0 : f64}
           : tensor<?x12xf32>, tensor<?x4xf32>, tensor<4x?xi32> -> tensor<?x3xf32>
  return
}

// -----

func.func @linear_of_a_vector(%x: tensor<4xf32>, %w: tensor<3x4xf32>) {
  // expected-error @below {{operand #0 must be 2D tensor of 32-bit float}}
  %y = transformer.linear %x, %w : tensor<4xf32>, tensor<3x4xf32> -> tensor<4xf32>
  return
}

// -----

func.func @activation_unknown(%x: tensor<2x4xf32>) {
  // expected-error @below {{expected a kind of activation, but got 'sliu': did you mean 'silu'}}
  %y = transformer.activation %x {kind = sliu} : tensor<2x4xf32>
  return
}

// -----

func.func @activation_without_kind(%x: tensor<2x4xf32>) {
  // expected-error @below {{expected {kind = silu}, or another kind}}
  %y = transformer.activation %x : tensor<2x4xf32>
  return
}
