// RUN: lora-opt %s -convert-onednn-to-rt -split-input-file -verify-diagnostics | FileCheck %s -enable-var-scope

// Two operations of one kind share a primitive; another shape has its own.
// CHECK-DAG: rt.primitive @[[$P:matmul_16x144x48_bf16[_0-9]*]] <{a = "bf16", b = "bf16", b_layout = "BA16a64b2a", bias = "bf16", c = "bf16", k = 48 : i64, kind = "matmul", m = 16 : i64, n = 144 : i64, post_ops = [{kind = "silu"}, {dtype = "bf16", kind = "mul"}], transpose_b = true}>
// CHECK-DAG: rt.primitive @[[$D:matmul_144x3x16_f32[_0-9]*]] {{.+}}b_layout = "plain", c = "f32"{{.+}}transpose_a = true}>
// CHECK-DAG: rt.primitive @[[$G:gather_16x48_bf16[_0-9]*]] <{count = 16 : i64, dtype = "bf16", kind = "gather", layout = "BA16a64b2a", rows = 259 : i64, width = 48 : i64}>
// CHECK-NOT: rt.primitive
// CHECK-LABEL: func.func @f
// CHECK-SAME: (%[[CTX:.+]]: !rt.context, %[[X:.+]]: memref<16x48xbf16>, %[[W:.+]]: memref<1xi8>, %[[B:.+]]: memref<144xbf16>, %[[U:.+]]: memref<16x144xbf16>, %[[C:.+]]: memref<16x144xbf16>
func.func @f(%ctx: !rt.context, %x: memref<16x48xbf16>, %w: memref<1xi8>, %b: memref<144xbf16>, %u: memref<16x144xbf16>, %c: memref<16x144xbf16>,
             %dy: memref<16x144xf32>, %t: memref<16x3xf32>, %db: memref<144x3xf32>, %ids: memref<16xi32>) {
  // CHECK-NEXT: rt.execute %[[CTX]], @[[$P]](%[[X]], %[[W]], %[[B]], %[[U]], %[[C]])
  // CHECK-NEXT: rt.execute %[[CTX]], @[[$P]](%[[X]], %[[W]], %[[B]], %[[C]], %[[U]])
  onednn.matmul ins(%x, %w : memref<16x48xbf16>, memref<1xi8>) bias(%b : memref<144xbf16>) post(%u : memref<16x144xbf16>) outs(%c : memref<16x144xbf16>)
    {transpose_b, b_layout = #onednn.packed<"BA16a64b2a">, b_shape = tensor<144x48xbf16>, post_ops = [#onednn.post_op<silu>, #onednn.post_op<mul>]}
  onednn.matmul ins(%x, %w : memref<16x48xbf16>, memref<1xi8>) bias(%b : memref<144xbf16>) post(%c : memref<16x144xbf16>) outs(%u : memref<16x144xbf16>)
    {transpose_b, b_layout = #onednn.packed<"BA16a64b2a">, b_shape = tensor<144x48xbf16>, post_ops = [#onednn.post_op<silu>, #onednn.post_op<mul>]}
  // CHECK-NEXT: rt.execute %[[CTX]], @[[$D]]
  onednn.matmul ins(%dy, %t : memref<16x144xf32>, memref<16x3xf32>) outs(%db : memref<144x3xf32>) {transpose_a}
  // CHECK-NEXT: rt.execute %[[CTX]], @[[$G]](%[[W]], %{{.+}}, %[[X]])
  onednn.gather ins(%ids, %w : memref<16xi32>, memref<1xi8>) outs(%x : memref<16x48xbf16>)
    {table_layout = #onednn.packed<"BA16a64b2a">, table_shape = tensor<259x48xbf16>}
  return
}

// -----

// A slice of features is read in place.
// CHECK: rt.primitive {{.+}}a_stride = 96 : i64
// CHECK: rt.execute
func.func @strided(%ctx: !rt.context, %x: memref<16x48xf32, strided<[96, 1], offset: 12>>, %w: memref<72x48xf32>, %c: memref<16x72xf32>) {
  onednn.matmul ins(%x, %w : memref<16x48xf32, strided<[96, 1], offset: 12>>, memref<72x48xf32>) outs(%c : memref<16x72xf32>) {transpose_b}
  return
}

// -----

// A slice that is written is written in place.
// CHECK: rt.primitive {{.+}}c_stride = 96 : i64
// CHECK: rt.execute
func.func @strided_result(%ctx: !rt.context, %x: memref<16x48xf32>, %w: memref<72x48xf32>, %c: memref<16x72xf32, strided<[96, 1], offset: 6>>) {
  onednn.matmul ins(%x, %w : memref<16x48xf32>, memref<72x48xf32>) outs(%c : memref<16x72xf32, strided<[96, 1], offset: 6>>) {transpose_b}
  return
}

// -----

func.func @strided_columns(%ctx: !rt.context, %x: memref<16x48xf32>, %w: memref<72x48xf32>, %c: memref<16x72xf32, strided<[144, 2]>>) {
  // expected-error @below {{expected contiguous buffers, but got 'memref<16x72xf32, strided<[144, 2]>>'}}
  onednn.matmul ins(%x, %w : memref<16x48xf32>, memref<72x48xf32>) outs(%c : memref<16x72xf32, strided<[144, 2]>>) {transpose_b}
  return
}

// -----

func.func @no_context(%x: memref<16x48xf32>, %w: memref<72x48xf32>, %c: memref<16x72xf32>) {
  // expected-error @below {{expected to be in a function whose first argument is a !rt.context}}
  onednn.matmul ins(%x, %w : memref<16x48xf32>, memref<72x48xf32>) outs(%c : memref<16x72xf32>) {transpose_b}
  return
}

// -----

// The primitive says that its rows are tokens.
// CHECK: rt.primitive {{.+}}n = 72 : i64, post_ops = [], token_rows = true, transpose_b = true}>
// CHECK: rt.execute
func.func @token_rows(%ctx: !rt.context, %x: memref<16x48xf32>, %w: memref<72x48xf32>, %c: memref<16x72xf32>) {
  onednn.matmul ins(%x, %w : memref<16x48xf32>, memref<72x48xf32>) outs(%c : memref<16x72xf32>) {transpose_b, token_rows}
  return
}
