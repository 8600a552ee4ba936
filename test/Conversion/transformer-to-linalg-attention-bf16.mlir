// RUN: lora-opt %s -pass-pipeline='builtin.module(func.func(convert-transformer-to-linalg))' -split-input-file | FileCheck %s

module attributes {rt.target = #rt.target<{engine = "cpu", cpu = "znver4", features = ["avx512bf16", "avx512f"]}>} {
// Queries, keys and values are copied as pairs of bf16: keys by pairs of features, values by pairs of keys.

// CHECK-LABEL: func.func @pairs
// CHECK-SAME: (%[[Q:.+]]: tensor<64x256xbf16>, %[[K:.+]]: tensor<?x128xbf16>, %[[V:.+]]: tensor<?x128xbf16>,
// CHECK-DAG: %[[SCALE:.+]] = arith.constant dense<2.000000e-01> : vector<32xf32>
// CHECK-COUNT-2: vector.transfer_read %[[Q]]{{.*}} : tensor<64x256xbf16>, vector<32xbf16>
// CHECK: vector.bitcast {{.*}} : vector<32xbf16> to vector<16xi32>
// CHECK: scf.for {{.*}} -> (tensor<32x64xf32>, tensor<32xf32>, tensor<32x32xf32>, tensor<4x16xi32>)
// CHECK-COUNT-16: vector.transfer_read %[[K]]
// CHECK-COUNT-16: vector.transfer_write {{.*}} tensor<32x32xi32>
// CHECK-COUNT-2: vector.transfer_read %[[V]]
// CHECK-COUNT-2: vector.shuffle {{.*}} : vector<32xbf16>, vector<32xbf16>
// CHECK: vector.transfer_write {{.*}} tensor<16x64xi32>
// Scores of four rows: two vectors of sums each.
// CHECK: scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// CHECK-COUNT-64: x86vector.avx512.dot
// CHECK: scf.yield
// CHECK: arith.mulf %{{.+}}, %[[SCALE]]
// CHECK: x86vector.avx512.cvt.packed.f32_to_bf16
// CHECK: scf.for
// CHECK-COUNT-64: x86vector.avx512.dot
func.func @pairs(%q: tensor<64x256xbf16>, %k: tensor<?x128xbf16>, %v: tensor<?x128xbf16>, %seq: tensor<4x64xi32>) -> tensor<64x256xbf16> {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 4 : i64, kv_heads = 2 : i64, scale = 0.2 : f64}
             : tensor<64x256xbf16>, tensor<?x128xbf16>, tensor<4x64xi32> -> tensor<64x4xf32>
  return %o : tensor<64x256xbf16>
}

// One token of four heads that share keys.

// CHECK-LABEL: func.func @decode
// CHECK-SAME: (%{{.+}}: tensor<1x256xbf16>, %[[K:.+]]: tensor<?x64xbf16>, %[[V:.+]]: tensor<?x64xbf16>,
// CHECK: scf.forall
// CHECK-COUNT-16: vector.transfer_read %[[K]]
// CHECK-COUNT-2: vector.transfer_read %[[V]]
// CHECK: scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// CHECK-COUNT-64: x86vector.avx512.dot
// CHECK: scf.yield
func.func @decode(%q: tensor<1x256xbf16>, %k: tensor<?x64xbf16>, %v: tensor<?x64xbf16>, %seq: tensor<4x1xi32>) -> tensor<1x256xbf16> {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 4 : i64, kv_heads = 1 : i64, scale = 0.2 : f64}
             : tensor<1x256xbf16>, tensor<?x64xbf16>, tensor<4x1xi32> -> tensor<1x4xf32>
  return %o : tensor<1x256xbf16>
}

// Another type, and heads of another width.

// CHECK-LABEL: func.func @floats
// CHECK-NOT: x86vector
// CHECK-LABEL: func.func @width
// CHECK-NOT: x86vector
func.func @floats(%q: tensor<64x256xf32>, %k: tensor<?x128xf32>, %v: tensor<?x128xf32>, %seq: tensor<4x64xi32>) -> tensor<64x256xf32> {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 4 : i64, kv_heads = 2 : i64, scale = 0.2 : f64}
             : tensor<64x256xf32>, tensor<?x128xf32>, tensor<4x64xi32> -> tensor<64x4xf32>
  return %o : tensor<64x256xf32>
}
func.func @width(%q: tensor<64x160xbf16>, %k: tensor<?x80xbf16>, %v: tensor<?x80xbf16>, %seq: tensor<4x64xi32>) -> tensor<64x160xbf16> {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 2 : i64, kv_heads = 1 : i64, scale = 0.2 : f64}
             : tensor<64x160xbf16>, tensor<?x80xbf16>, tensor<4x64xi32> -> tensor<64x2xf32>
  return %o : tensor<64x160xbf16>
}
}

// -----

module attributes {rt.target = #rt.target<{engine = "cpu", cpu = "x86-64-v4", features = ["avx512f"]}>} {
// CHECK-LABEL: func.func @without
// CHECK-NOT: x86vector
func.func @without(%q: tensor<64x256xbf16>, %k: tensor<?x128xbf16>, %v: tensor<?x128xbf16>, %seq: tensor<4x64xi32>) -> tensor<64x256xbf16> {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 4 : i64, kv_heads = 2 : i64, scale = 0.2 : f64}
             : tensor<64x256xbf16>, tensor<?x128xbf16>, tensor<4x64xi32> -> tensor<64x4xf32>
  return %o : tensor<64x256xbf16>
}
}
