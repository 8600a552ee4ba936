// RUN: lora-opt %s -convert-transformer-to-onednn | FileCheck %s -enable-var-scope

// CHECK-LABEL: func.func @linear
// CHECK-SAME: (%[[X:.+]]: tensor<16x48xbf16>, %[[W:.+]]: tensor<144x48xbf16>, %[[B:.+]]: tensor<144xbf16>)
func.func @linear(%x: tensor<16x48xbf16>, %w: tensor<144x48xbf16>, %b: tensor<144xbf16>) -> tensor<16x144xf32> {
  // CHECK: %[[OUT:.+]] = tensor.empty() : tensor<16x144xf32>
  // CHECK: %[[Y:.+]] = onednn.matmul ins(%[[X]], %[[W]] : tensor<16x48xbf16>, tensor<144x48xbf16>) bias(%[[B]] : tensor<144xbf16>)
  // CHECK-SAME: outs(%[[OUT]] : tensor<16x144xf32>) {transpose_b}
  // CHECK: return %[[Y]]
  %y = transformer.linear %x, %w bias %b : tensor<16x48xbf16>, tensor<144x48xbf16>, tensor<144xbf16> -> tensor<16x144xf32>
  return %y : tensor<16x144xf32>
}

// All products of a branch keep the information about their rows.
// CHECK-LABEL: func.func @token_rows
func.func @token_rows(%x: tensor<16x48xf32>, %w: tensor<72x48xf32>, %a: tensor<3x48xf32>, %b: tensor<72x3xf32>, %s: tensor<3xf32>) -> (tensor<16x72xf32>, tensor<16x72xf32>) {
  // CHECK-COUNT-4: onednn.matmul {{.+}}token_rows, transpose_b}
  %y = transformer.linear %x, %w {transformer.token_rows} : tensor<16x48xf32>, tensor<72x48xf32> -> tensor<16x72xf32>
  %z = lora.linear %x, %w, %a, %b, %s {transformer.token_rows} : tensor<16x48xf32>, tensor<72x48xf32>, tensor<3x48xf32>, tensor<72x3xf32>, tensor<3xf32> -> tensor<16x72xf32>
  return %y, %z : tensor<16x72xf32>, tensor<16x72xf32>
}

// CHECK-LABEL: func.func @transposed
func.func @transposed(%dy: tensor<16x144xf32>, %t: tensor<16x3xf32>) -> tensor<144x3xf32> {
  // CHECK: onednn.matmul ins(%{{.+}}, %{{.+}} : tensor<16x144xf32>, tensor<16x3xf32>) outs(%{{.+}} : tensor<144x3xf32>) {transpose_a}
  %db = transformer.matmul %dy, %t {transpose_a} : tensor<16x144xf32>, tensor<16x3xf32> -> tensor<144x3xf32>
  return %db : tensor<144x3xf32>
}

// CHECK-LABEL: func.func @branch
// CHECK-SAME: (%[[X:.+]]: tensor<16x48xf32>, %[[W:.+]]: tensor<72x48xf32>, %[[T:.+]]: tensor<16x6xf32>, %[[B:.+]]: tensor<72x3xf32>)
func.func @branch(%x: tensor<16x48xf32>, %w: tensor<72x48xf32>, %t: tensor<16x6xf32>, %b: tensor<72x3xf32>) -> tensor<16x72xf32> {
  // The base product, then the up-projection added to it in place.
  // CHECK: %[[BASE:.+]] = onednn.matmul ins(%[[X]], %[[W]]
  // CHECK: %[[PART:.+]] = transformer.slice_features %[[T]][3] : tensor<16x6xf32> -> tensor<16x3xf32>
  // CHECK: onednn.matmul ins(%[[PART]], %[[B]] : tensor<16x3xf32>, tensor<72x3xf32>) outs(%[[BASE]] : tensor<16x72xf32>)
  // CHECK-SAME: post_ops = [#onednn.post_op<sum>]
  %y = lora.up %x, %w, %t[3], %b : tensor<16x48xf32>, tensor<72x48xf32>, tensor<16x6xf32>, tensor<72x3xf32> -> tensor<16x72xf32>
  return %y : tensor<16x72xf32>
}

// CHECK-LABEL: func.func @down
func.func @down(%x: tensor<16x48xf32>, %a: tensor<6x48xf32>, %s: tensor<6xf32>) -> tensor<16x6xf32> {
  // CHECK: %[[U:.+]] = onednn.matmul
  // CHECK: transformer.scale_features %[[U]]
  %t = lora.down %x, %a, %s : tensor<16x48xf32>, tensor<6x48xf32>, tensor<6xf32> -> tensor<16x6xf32>
  return %t : tensor<16x6xf32>
}

// An unfused branch becomes its two products.
// CHECK-LABEL: func.func @unfused
func.func @unfused(%x: tensor<16x48xf32>, %w: tensor<72x48xf32>, %a: tensor<3x48xf32>, %b: tensor<72x3xf32>, %s: tensor<3xf32>) -> tensor<16x72xf32> {
  // CHECK-COUNT-3: onednn.matmul
  // CHECK-NOT: lora.
  %y = lora.linear %x, %w, %a, %b, %s : tensor<16x48xf32>, tensor<72x48xf32>, tensor<3x48xf32>, tensor<72x3xf32>, tensor<3xf32> -> tensor<16x72xf32>
  return %y : tensor<16x72xf32>
}

// oneDNN supports neither f64 nor a dynamic number of tokens.
// CHECK-LABEL: func.func @others
// CHECK-NOT: onednn
func.func @others(%x: tensor<16x48xf64>, %w: tensor<72x48xf64>, %z: tensor<?x48xf32>, %v: tensor<72x48xf32>) -> (tensor<16x72xf64>, tensor<?x72xf32>) {
  %y = transformer.linear %x, %w : tensor<16x48xf64>, tensor<72x48xf64> -> tensor<16x72xf64>
  %u = transformer.linear %z, %v : tensor<?x48xf32>, tensor<72x48xf32> -> tensor<?x72xf32>
  return %y, %u : tensor<16x72xf64>, tensor<?x72xf32>
}
