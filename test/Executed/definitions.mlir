// The results of the decompositions, on numbers that can be checked by hand. Only MLIR's own passes and runner are used.

// DEFINE: %{lower} = -one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" \
// DEFINE:   -cse -canonicalize -scf-forall-to-for -convert-linalg-to-loops -convert-scf-to-cf -expand-strided-metadata -lower-affine \
// DEFINE:   -arith-expand=include-bf16 -convert-vector-to-llvm -convert-math-to-llvm -convert-math-to-libm -convert-to-llvm \
// DEFINE:   -reconcile-unrealized-casts
// DEFINE: %{run} = mlir-runner -e main -entry-point-result=void -shared-libs=%mlir_libs/libmlir_runner_utils.so,%mlir_libs/libmlir_c_runner_utils.so
// RUN: lora-opt %s -convert-transformer-to-linalg %{lower} | %{run} | FileCheck %s
// RUN: lora-opt %s -convert-transformer-to-linalg=attention=reference %{lower} | %{run} | FileCheck %s

func.func private @printMemrefF32(memref<*xf32>)

func.func private @print(%x: tensor<?x?xf32>) {
  %buffer = bufferization.to_buffer %x : tensor<?x?xf32> to memref<?x?xf32>
  %unranked = memref.cast %buffer : memref<?x?xf32> to memref<*xf32>
  call @printMemrefF32(%unranked) : (memref<*xf32>) -> ()
  return
}

func.func @linear_algebra() {
  %x = arith.constant dense<[[1.0, 2.0], [3.0, -1.0]]> : tensor<2x2xf32>
  %w = arith.constant dense<[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]> : tensor<3x2xf32>
  %b = arith.constant dense<[10.0, 20.0, 30.0]> : tensor<3xf32>
  // CHECK: [11, 22, 33]
  // CHECK-NEXT: [13, 19, 32]
  %y = transformer.linear %x, %w bias %b : tensor<2x2xf32>, tensor<3x2xf32>, tensor<3xf32> -> tensor<2x3xf32>
  %y_ = tensor.cast %y : tensor<2x3xf32> to tensor<?x?xf32>
  call @print(%y_) : (tensor<?x?xf32>) -> ()

  // With a = [1, 1]: t = s * (3, 2) = (6, 4); b adds t, 0, -t.
  %a = arith.constant dense<1.0> : tensor<1x2xf32>
  %up = arith.constant dense<[[1.0], [0.0], [-1.0]]> : tensor<3x1xf32>
  %s = arith.constant dense<2.0> : tensor<1xf32>
  // CHECK: [7, 2, -3]
  // CHECK-NEXT: [7, -1, -2]
  %l = lora.linear %x, %w, %a, %up, %s : tensor<2x2xf32>, tensor<3x2xf32>, tensor<1x2xf32>, tensor<3x1xf32>, tensor<1xf32> -> tensor<2x3xf32>
  %l_ = tensor.cast %l : tensor<2x3xf32> to tensor<?x?xf32>
  call @print(%l_) : (tensor<?x?xf32>) -> ()

  // The same in two steps; t is stacked below that of another branch.
  %stack = arith.constant dense<[[5.0, 5.0], [1.0, 1.0]]> : tensor<2x2xf32>
  %ss = arith.constant dense<[9.0, 2.0]> : tensor<2xf32>
  // CHECK: [135, 6]
  // CHECK-NEXT: [90, 4]
  %t = lora.down %x, %stack, %ss : tensor<2x2xf32>, tensor<2x2xf32>, tensor<2xf32> -> tensor<2x2xf32>
  %t_ = tensor.cast %t : tensor<2x2xf32> to tensor<?x?xf32>
  call @print(%t_) : (tensor<?x?xf32>) -> ()
  // CHECK: [7, 2, -3]
  // CHECK-NEXT: [7, -1, -2]
  %u = lora.up %x, %w, %t[1], %up : tensor<2x2xf32>, tensor<3x2xf32>, tensor<2x2xf32>, tensor<3x1xf32> -> tensor<2x3xf32>
  %u_ = tensor.cast %u : tensor<2x3xf32> to tensor<?x?xf32>
  call @print(%u_) : (tensor<?x?xf32>) -> ()

  // xᵀ x
  // CHECK: [10, -1]
  // CHECK-NEXT: [-1, 5]
  %m = transformer.matmul %x, %x {transpose_a} : tensor<2x2xf32>, tensor<2x2xf32> -> tensor<2x2xf32>
  %m_ = tensor.cast %m : tensor<2x2xf32> to tensor<?x?xf32>
  call @print(%m_) : (tensor<?x?xf32>) -> ()

  %ids = arith.constant dense<[2, 0, 2]> : tensor<3xi32>
  // CHECK: [1, 1]
  // CHECK-NEXT: [1, 0]
  // CHECK-NEXT: [1, 1]
  %e = transformer.embedding %ids, %w : tensor<3xi32>, tensor<3x2xf32> -> tensor<3x2xf32>
  %e_ = tensor.cast %e : tensor<3x2xf32> to tensor<?x?xf32>
  call @print(%e_) : (tensor<?x?xf32>) -> ()
  // Rows of the table [[1, 0], [0, 1], [1, 1]] and of a = [1, 2, 3], times s = 2 and b = (1, -1): + (6, -6), (2, -2), (6, -6).
  %ea = arith.constant dense<[[1.0], [2.0], [3.0]]> : tensor<3x1xf32>
  %eb = arith.constant dense<[[1.0], [-1.0]]> : tensor<2x1xf32>
  // CHECK: [7, -5]
  // CHECK-NEXT: [3, -2]
  // CHECK-NEXT: [7, -5]
  %le = lora.embedding %ids, %w, %ea, %eb, %s : tensor<3xi32>, tensor<3x2xf32>, tensor<3x1xf32>, tensor<2x1xf32>, tensor<1xf32> -> tensor<3x2xf32>
  %le_ = tensor.cast %le : tensor<3x2xf32> to tensor<?x?xf32>
  call @print(%le_) : (tensor<?x?xf32>) -> ()
  // Rows 0 and 2 of w go to row 2, row 1 to row 0.
  // CHECK: [0, 1]
  // CHECK-NEXT: [0, 0]
  // CHECK-NEXT: [2, 1]
  %g = transformer.embedding_gradient %w, %ids : tensor<3x2xf32>, tensor<3xi32> -> tensor<3x2xf32>
  %g_ = tensor.cast %g : tensor<3x2xf32> to tensor<?x?xf32>
  call @print(%g_) : (tensor<?x?xf32>) -> ()

  // CHECK: [4, 1]
  %sum = transformer.sum_tokens %x : tensor<2x2xf32> -> tensor<2xf32>
  %sum2 = tensor.expand_shape %sum [[0, 1]] output_shape [1, 2] : tensor<2xf32> into tensor<1x2xf32>
  %sum_ = tensor.cast %sum2 : tensor<1x2xf32> to tensor<?x?xf32>
  call @print(%sum_) : (tensor<?x?xf32>) -> ()
  return
}

func.func @elementwise() {
  %x = arith.constant dense<[[1.0, -2.0, 0.0]]> : tensor<1x3xf32>
  // CHECK: [0.731059, -0.238406, 0]
  %silu = transformer.activation %x {kind = silu} : tensor<1x3xf32>
  %silu_ = tensor.cast %silu : tensor<1x3xf32> to tensor<?x?xf32>
  call @print(%silu_) : (tensor<?x?xf32>) -> ()
  // CHECK: [0.841345, -0.0455003, 0]
  %erf = transformer.activation %x {kind = gelu_erf} : tensor<1x3xf32>
  %erf_ = tensor.cast %erf : tensor<1x3xf32> to tensor<?x?xf32>
  call @print(%erf_) : (tensor<?x?xf32>) -> ()
  // CHECK: [0.841192, -0.0454023, 0]
  %tanh = transformer.activation %x {kind = gelu_tanh} : tensor<1x3xf32>
  %tanh_ = tensor.cast %tanh : tensor<1x3xf32> to tensor<?x?xf32>
  call @print(%tanh_) : (tensor<?x?xf32>) -> ()
  // CHECK: [1, 0, 0]
  %relu = transformer.activation %x {kind = relu} : tensor<1x3xf32>
  %relu_ = tensor.cast %relu : tensor<1x3xf32> to tensor<?x?xf32>
  call @print(%relu_) : (tensor<?x?xf32>) -> ()
  // x f'(x) = x s (1 + x (1 - s)) with s = 1 / (1 + exp(-x))
  // CHECK: [0.927671, 0.18156{{[0-9]}}, 0]
  %d = transformer.activation_gradient %x, %x {kind = silu} : tensor<1x3xf32>
  %d_ = tensor.cast %d : tensor<1x3xf32> to tensor<?x?xf32>
  call @print(%d_) : (tensor<?x?xf32>) -> ()

  // x x + x, scaled, features 1 and 2, at 1 among 4
  // CHECK: [0, 20, 0, 0]
  %s = arith.constant dense<[1.0, 10.0, 100.0]> : tensor<3xf32>
  %v0 = transformer.mul %x, %x : tensor<1x3xf32>
  %v1 = transformer.add %v0, %x : tensor<1x3xf32>
  %v2 = transformer.scale_features %v1, %s : tensor<1x3xf32>, tensor<3xf32>
  %v3 = transformer.slice_features %v2[1] : tensor<1x3xf32> -> tensor<1x2xf32>
  %v4 = transformer.pad_features %v3[1] : tensor<1x2xf32> -> tensor<1x4xf32>
  %v4_ = tensor.cast %v4 : tensor<1x4xf32> to tensor<?x?xf32>
  call @print(%v4_) : (tensor<?x?xf32>) -> ()

  // 1 + 2^-7 + 2^-9 lies between two values of bf16.
  // CHECK: [1.00781, -2, 3]
  %n = arith.constant dense<[[1.009765625, -2.0, 3.0]]> : tensor<1x3xf32>
  %v5 = transformer.cast %n : tensor<1x3xf32> -> tensor<1x3xbf16>
  %v6 = transformer.cast %v5 : tensor<1x3xbf16> -> tensor<1x3xf32>
  %v6_ = tensor.cast %v6 : tensor<1x3xf32> to tensor<?x?xf32>
  call @print(%v6_) : (tensor<?x?xf32>) -> ()
  return
}

func.func @norms() {
  // Two groups a row, mean squares 12.5 and 1.
  %x = arith.constant dense<[[3.0, 4.0, 1.0, -1.0]]> : tensor<1x4xf32>
  %w = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  // CHECK: [0.848528, 2.26274, 1, -2]
  %y = transformer.rms_norm %x, %w {eps = 1.0e-12 : f64} : tensor<1x4xf32>, tensor<2xf32>
  %y_ = tensor.cast %y : tensor<1x4xf32> to tensor<?x?xf32>
  call @print(%y_) : (tensor<?x?xf32>) -> ()
  // Second group: g = (1, 0), r = 1, (sum of g x) / 2 = 1/2: dx = g - x / 2. The first has dy = 0.
  %dy = arith.constant dense<[[0.0, 0.0, 1.0, 0.0]]> : tensor<1x4xf32>
  // CHECK: [0, 0, 0.5, 0.5]
  %dx = transformer.rms_norm_gradient %dy, %x, %w {eps = 1.0e-12 : f64} : tensor<1x4xf32>, tensor<2xf32>
  %dx_ = tensor.cast %dx : tensor<1x4xf32> to tensor<?x?xf32>
  call @print(%dx_) : (tensor<?x?xf32>) -> ()
  // x / rms over the groups: 0.848528 + 1, 1.13137 - 1
  %ones = arith.constant dense<1.0> : tensor<1x4xf32>
  // CHECK: [1.84853, 0.131371]
  %dw = transformer.rms_norm_weight_gradient %ones, %x {eps = 1.0e-12 : f64} : tensor<1x4xf32> -> tensor<2xf32>
  %dw2 = tensor.expand_shape %dw [[0, 1]] output_shape [1, 2] : tensor<2xf32> into tensor<1x2xf32>
  %dw_ = tensor.cast %dw2 : tensor<1x2xf32> to tensor<?x?xf32>
  call @print(%dw_) : (tensor<?x?xf32>) -> ()
  return
}

func.func @layer_norms() {
  // Mean 2, variance 5, root 1 / sqrt 5.
  %x = arith.constant dense<[[5.0, 3.0, 1.0, -1.0]]> : tensor<1x4xf32>
  %w = arith.constant dense<[1.0, 2.0, 1.0, 3.0]> : tensor<4xf32>
  %b = arith.constant dense<[0.0, 10.0, 0.0, 20.0]> : tensor<4xf32>
  // CHECK: [1.34164, 10.8944, -0.447214, 15.9751]
  %y = transformer.layer_norm %x, %w, %b {eps = 1.0e-12 : f64} : tensor<1x4xf32>, tensor<4xf32>, tensor<4xf32>
  %y_ = tensor.cast %y : tensor<1x4xf32> to tensor<?x?xf32>
  call @print(%y_) : (tensor<?x?xf32>) -> ()
  // g = (4, 0, 0, 0): mean(g) = 1, h = (3, 1, -1, -3) / sqrt 5, mean(g h) = 3 / sqrt 5, so g - mean(g) - h mean(g h) = (1.2, -1.6, -0.4, 0.8).
  %dy = arith.constant dense<[[4.0, 0.0, 0.0, 0.0]]> : tensor<1x4xf32>
  // CHECK: [0.536656, -0.715542, -0.178885, 0.357771]
  %dx = transformer.layer_norm_gradient %dy, %x, %w {eps = 1.0e-12 : f64} : tensor<1x4xf32>, tensor<4xf32>
  %dx_ = tensor.cast %dx : tensor<1x4xf32> to tensor<?x?xf32>
  call @print(%dx_) : (tensor<?x?xf32>) -> ()
  // CHECK: [5.36656, 0, 0, 0]
  %dw = transformer.layer_norm_weight_gradient %dy, %x {eps = 1.0e-12 : f64} : tensor<1x4xf32> -> tensor<4xf32>
  %dw2 = tensor.expand_shape %dw [[0, 1]] output_shape [1, 4] : tensor<4xf32> into tensor<1x4xf32>
  %dw_ = tensor.cast %dw2 : tensor<1x4xf32> to tensor<?x?xf32>
  call @print(%dw_) : (tensor<?x?xf32>) -> ()

  // 2 tanh(x / 2), and its slope times 4 where the value is 2 tanh(2.5) = 1.97323.
  // CHECK: [1.97323, 1.8103, 0.924234, -0.924234]
  %c = transformer.softcap %x {cap = 2.0 : f64} : tensor<1x4xf32>
  %c_ = tensor.cast %c : tensor<1x4xf32> to tensor<?x?xf32>
  call @print(%c_) : (tensor<?x?xf32>) -> ()
  // CHECK: [0.106369, 0, 0, 0]
  %dc = transformer.softcap_gradient %dy, %c {cap = 2.0 : f64} : tensor<1x4xf32>
  %dc_ = tensor.cast %dc : tensor<1x4xf32> to tensor<?x?xf32>
  call @print(%dc_) : (tensor<?x?xf32>) -> ()
  // CHECK: [-12.5, -7.5, -2.5, 2.5]
  %m = transformer.scale %x {factor = -2.5 : f64} : tensor<1x4xf32>
  %m_ = tensor.cast %m : tensor<1x4xf32> to tensor<?x?xf32>
  call @print(%m_) : (tensor<?x?xf32>) -> ()
  // CHECK: [0.999909, 0.995055, 0.761594, -0.761594]
  %h = transformer.activation %x {kind = tanh} : tensor<1x4xf32>
  %h_ = tensor.cast %h : tensor<1x4xf32> to tensor<?x?xf32>
  call @print(%h_) : (tensor<?x?xf32>) -> ()
  return
}

func.func @learned_positions() {
  // Positions 0 and 2 look up rows 1 and 3.
  %seq = arith.constant dense<[[0, 2], [0, 0], [1, 2], [2, 0]]> : tensor<4x2xi32>
  %table = arith.constant dense<[[0.0, 0.5], [1.0, 1.5], [2.0, 2.5], [3.0, 3.5]]> : tensor<4x2xf32>
  %rows = transformer.positions %seq {offset = 1 : i64} : tensor<4x2xi32> -> tensor<2xi32>
  // CHECK: [1, 1.5]
  // CHECK-NEXT: [3, 3.5]
  %e = transformer.embedding %rows, %table : tensor<2xi32>, tensor<4x2xf32> -> tensor<2x2xf32>
  %e_ = tensor.cast %e : tensor<2x2xf32> to tensor<?x?xf32>
  call @print(%e_) : (tensor<?x?xf32>) -> ()
  // Given frequencies 1 and 0.5, and a factor of 10.
  %f = arith.constant dense<[1.0, 0.5]> : tensor<2xf32>
  // CHECK: [10, 10]
  // CHECK-NEXT: [-4.16147, 5.40302]
  %cos, %sin = transformer.rotary_table %seq frequencies %f {factor = 10.0 : f64} : tensor<4x2xi32>, tensor<2xf32> -> tensor<2x2xf32>
  %cos_ = tensor.cast %cos : tensor<2x2xf32> to tensor<?x?xf32>
  call @print(%cos_) : (tensor<?x?xf32>) -> ()
  return
}

func.func @positions() {
  // Positions 0 and 2, frequencies 1 and 0.5.
  %seq = arith.constant dense<[[0, 2], [0, 0], [1, 2], [2, 0]]> : tensor<4x2xi32>
  %cos, %sin = transformer.rotary_table %seq {inverse_frequencies = array<f32: 1.0, 0.5>} : tensor<4x2xi32> -> tensor<2x2xf32>
  // CHECK: [1, 1]
  // CHECK-NEXT: [-0.416147, 0.540302]
  %cos_ = tensor.cast %cos : tensor<2x2xf32> to tensor<?x?xf32>
  call @print(%cos_) : (tensor<?x?xf32>) -> ()
  // CHECK: [0, 0]
  // CHECK-NEXT: [0.909297, 0.841471]
  %sin_ = tensor.cast %sin : tensor<2x2xf32> to tensor<?x?xf32>
  call @print(%sin_) : (tensor<?x?xf32>) -> ()

  // A quarter turn of the pairs (0, 2) and (1, 3), feature 4 passes; then back.
  %zero = arith.constant dense<0.0> : tensor<1x2xf32>
  %one = arith.constant dense<1.0> : tensor<1x2xf32>
  %x = arith.constant dense<[[1.0, 2.0, 3.0, 4.0, 5.0]]> : tensor<1x5xf32>
  // CHECK: [-3, -4, 1, 2, 5]
  %y = transformer.rotary %x, %zero, %one {head_dim = 5 : i64} : tensor<1x5xf32>, tensor<1x2xf32>
  %y_ = tensor.cast %y : tensor<1x5xf32> to tensor<?x?xf32>
  call @print(%y_) : (tensor<?x?xf32>) -> ()
  // CHECK: [1, 2, 3, 4, 5]
  %z = transformer.rotary %y, %zero, %one {head_dim = 5 : i64, inverse} : tensor<1x5xf32>, tensor<1x2xf32>
  %z_ = tensor.cast %z : tensor<1x5xf32> to tensor<?x?xf32>
  call @print(%z_) : (tensor<?x?xf32>) -> ()

  // Cache rows 2 and 0.
  %cache = arith.constant dense<[[1.0], [2.0], [3.0]]> : tensor<3x1xf32>
  %k = arith.constant dense<[[7.0], [8.0]]> : tensor<2x1xf32>
  // CHECK: {{\[\[}}8],
  // CHECK-NEXT: [2]
  // CHECK-NEXT: [7]
  %new = transformer.cache_write %cache, %k, %seq : tensor<3x1xf32>, tensor<2x1xf32>, tensor<4x2xi32>
  %new_ = tensor.cast %new : tensor<3x1xf32> to tensor<?x?xf32>
  call @print(%new_) : (tensor<?x?xf32>) -> ()
  return
}

func.func @attention() {
  // Queries of 0 weigh their keys alike: token 0 has keys 0 and 1, token 1 key 1 only because of the window, token 2 none.
  %q = arith.constant dense<0.0> : tensor<3x2xf32>
  %k = arith.constant dense<[[1.0], [2.0], [5.0]]> : tensor<3x1xf32>
  %v = arith.constant dense<[[1.0], [3.0], [100.0]]> : tensor<3x1xf32>
  %seq = arith.constant dense<[[0, 0, 0], [0, 0, 0], [2, 2, 0], [0, 0, 0]]> : tensor<4x3xi32>
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 2 : i64, kv_heads = 1 : i64, scale = 1.0 : f64} : tensor<3x2xf32>, tensor<3x1xf32>, tensor<4x3xi32> -> tensor<3x2xf32>
  // CHECK: [2, 2]
  // CHECK-NEXT: [2, 2]
  // CHECK-NEXT: [0, 0]
  %o_ = tensor.cast %o : tensor<3x2xf32> to tensor<?x?xf32>
  call @print(%o_) : (tensor<?x?xf32>) -> ()
  // CHECK: [0.693147, 0.693147]
  // CHECK-NEXT: [0.693147, 0.693147]
  // CHECK-NEXT: [0, 0]
  %lse_ = tensor.cast %lse : tensor<3x2xf32> to tensor<?x?xf32>
  call @print(%lse_) : (tensor<?x?xf32>) -> ()
  // CHECK: [3, 3]
  // CHECK-NEXT: [3, 3]
  // CHECK-NEXT: [0, 0]
  %w, %wlse = transformer.attention %q, %k, %v, %seq {heads = 2 : i64, kv_heads = 1 : i64, scale = 1.0 : f64, window = 1 : i64} : tensor<3x2xf32>, tensor<3x1xf32>, tensor<4x3xi32> -> tensor<3x2xf32>
  %w_ = tensor.cast %w : tensor<3x2xf32> to tensor<?x?xf32>
  call @print(%w_) : (tensor<?x?xf32>) -> ()

  // dy is 1 at token 0, head 0: p = (1/2, 1/2), d = 2, ds = p (v - 2) = (-1/2, 1/2), dq = ds k, dv = p.
  %dy = arith.constant dense<[[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]> : tensor<3x2xf32>
  %dq, %dk, %dv = transformer.attention_gradient %dy, %q, %k, %v, %o, %lse, %seq {heads = 2 : i64, kv_heads = 1 : i64, scale = 1.0 : f64} : tensor<3x2xf32>, tensor<3x1xf32>, tensor<3x2xf32>, tensor<4x3xi32>
  // CHECK: [0.5, 0]
  // CHECK-NEXT: [0, 0]
  // CHECK-NEXT: [0, 0]
  %dq_ = tensor.cast %dq : tensor<3x2xf32> to tensor<?x?xf32>
  call @print(%dq_) : (tensor<?x?xf32>) -> ()
  // CHECK: [0.5]
  // CHECK-NEXT: [0.5]
  // CHECK-NEXT: [0]
  %dv_ = tensor.cast %dv : tensor<3x1xf32> to tensor<?x?xf32>
  call @print(%dv_) : (tensor<?x?xf32>) -> ()

  // A query of 1 instead: p = (1, e) / (1 + e), dk = ds q.
  %q1 = arith.constant dense<1.0> : tensor<3x2xf32>
  %o1, %lse1 = transformer.attention %q1, %k, %v, %seq {heads = 2 : i64, kv_heads = 1 : i64, scale = 1.0 : f64} : tensor<3x2xf32>, tensor<3x1xf32>, tensor<4x3xi32> -> tensor<3x2xf32>
  // CHECK: [2.46212, 2.46212]
  %o1_ = tensor.cast %o1 : tensor<3x2xf32> to tensor<?x?xf32>
  call @print(%o1_) : (tensor<?x?xf32>) -> ()
  %dq1, %dk1, %dv1 = transformer.attention_gradient %dy, %q1, %k, %v, %o1, %lse1, %seq {heads = 2 : i64, kv_heads = 1 : i64, scale = 1.0 : f64} : tensor<3x2xf32>, tensor<3x1xf32>, tensor<3x2xf32>, tensor<4x3xi32>
  // CHECK: [-0.393224]
  // CHECK-NEXT: [0.393224]
  // CHECK-NEXT: [0]
  %dk1_ = tensor.cast %dk1 : tensor<3x1xf32> to tensor<?x?xf32>
  call @print(%dk1_) : (tensor<?x?xf32>) -> ()
  return
}

func.func @loss() {
  // Equal logits: log 4 for the one labelled token.
  %logits = arith.constant dense<7.0> : tensor<2x4xf32>
  %labels = arith.constant dense<[1, -100]> : tensor<2xi32>
  %loss, %lse = transformer.cross_entropy %logits, %labels : tensor<2x4xf32>, tensor<2xi32> -> tensor<f32>, tensor<2xf32>
  // CHECK: [1.38629]
  %loss2 = tensor.expand_shape %loss [] output_shape [1, 1] : tensor<f32> into tensor<1x1xf32>
  %loss_ = tensor.cast %loss2 : tensor<1x1xf32> to tensor<?x?xf32>
  call @print(%loss_) : (tensor<?x?xf32>) -> ()
  %dloss = arith.constant dense<2.0> : tensor<f32>
  // CHECK: [0.5, -1.5, 0.5, 0.5]
  // CHECK-NEXT: [0, 0, 0, 0]
  %d = transformer.cross_entropy_gradient %dloss, %logits, %labels, %lse : tensor<f32>, tensor<2x4xf32>, tensor<2xi32>, tensor<2xf32>
  %d_ = tensor.cast %d : tensor<2x4xf32> to tensor<?x?xf32>
  call @print(%d_) : (tensor<?x?xf32>) -> ()
  return
}

func.func @main() {
  call @linear_algebra() : () -> ()
  call @elementwise() : () -> ()
  call @norms() : () -> ()
  call @layer_norms() : () -> ()
  call @learned_positions() : () -> ()
  call @positions() : () -> ()
  call @attention() : () -> ()
  call @loss() : () -> ()
  return
}
