// RUN: lora-opt %s -split-input-file -verify-diagnostics

// A case for each constraint; the label of OneDNNOps.td is in the function's name.

func.func @matmul_c1_inner(%a: tensor<3x4xf32>, %b: tensor<5x6xf32>, %c: tensor<3x6xf32>) {
  // expected-error @below {{expected the shapes to fit, but got 'tensor<3x4xf32>' times 'tensor<5x6xf32>' into 'tensor<3x6xf32>'}}
  %0 = onednn.matmul ins(%a, %b : tensor<3x4xf32>, tensor<5x6xf32>) outs(%c : tensor<3x6xf32>) -> tensor<3x6xf32>
  return
}

// -----

func.func @matmul_c1_transposed(%a: tensor<3x4xf32>, %b: tensor<4x6xf32>, %c: tensor<3x6xf32>) {
  // expected-error @below {{expected the shapes to fit, but got 'tensor<3x4xf32>' times 'tensor<4x6xf32>' into 'tensor<3x6xf32>'}}
  %0 = onednn.matmul ins(%a, %b : tensor<3x4xf32>, tensor<4x6xf32>) outs(%c : tensor<3x6xf32>) {transpose_b} -> tensor<3x6xf32>
  return
}

// -----

func.func @matmul_c1_rows(%a: tensor<3x4xf32>, %b: tensor<4x6xf32>, %c: tensor<4x6xf32>) {
  // expected-error @below {{expected the shapes to fit}}
  %0 = onednn.matmul ins(%a, %b : tensor<3x4xf32>, tensor<4x6xf32>) outs(%c : tensor<4x6xf32>) {transpose_a} -> tensor<4x6xf32>
  return
}

// -----

func.func @matmul_c1_bias(%a: tensor<3x4xf32>, %b: tensor<4x6xf32>, %v: tensor<3xf32>, %c: tensor<3x6xf32>) {
  // expected-error @below {{expected bias to have 6 values, but got 'tensor<3xf32>'}}
  %0 = onednn.matmul ins(%a, %b : tensor<3x4xf32>, tensor<4x6xf32>) bias(%v : tensor<3xf32>) outs(%c : tensor<3x6xf32>) -> tensor<3x6xf32>
  return
}

// -----

func.func @matmul_c1_post(%a: tensor<3x4xf32>, %b: tensor<4x6xf32>, %r: tensor<6x3xf32>, %c: tensor<3x6xf32>) {
  // expected-error @below {{expected a post operand to have the shape of c, but got 'tensor<6x3xf32>'}}
  %0 = onednn.matmul ins(%a, %b : tensor<3x4xf32>, tensor<4x6xf32>) post(%r : tensor<6x3xf32>) outs(%c : tensor<3x6xf32>)
       {post_ops = [#onednn.post_op<add>]} -> tensor<3x6xf32>
  return
}

// -----

func.func @matmul_c2(%a: tensor<3x4xf32>, %b: tensor<4x6xbf16>, %c: tensor<3x6xf32>) {
  // expected-error @below {{expected a and b to have one element type, but got 'tensor<3x4xf32>' and 'tensor<4x6xbf16>'}}
  %0 = onednn.matmul ins(%a, %b : tensor<3x4xf32>, tensor<4x6xbf16>) outs(%c : tensor<3x6xf32>) -> tensor<3x6xf32>
  return
}

// -----

func.func @matmul_c3_too_few(%a: tensor<3x4xf32>, %b: tensor<4x6xf32>, %r: tensor<3x6xf32>, %c: tensor<3x6xf32>) {
  // expected-error @below {{expected 2 post operands, but got 1}}
  %0 = onednn.matmul ins(%a, %b : tensor<3x4xf32>, tensor<4x6xf32>) post(%r : tensor<3x6xf32>) outs(%c : tensor<3x6xf32>)
       {post_ops = [#onednn.post_op<mul>, #onednn.post_op<silu>, #onednn.post_op<add>]} -> tensor<3x6xf32>
  return
}

// -----

func.func @matmul_c3_too_many(%a: tensor<3x4xf32>, %b: tensor<4x6xf32>, %r: tensor<3x6xf32>, %c: tensor<3x6xf32>) {
  // expected-error @below {{expected 0 post operands, but got 1}}
  %0 = onednn.matmul ins(%a, %b : tensor<3x4xf32>, tensor<4x6xf32>) post(%r : tensor<3x6xf32>) outs(%c : tensor<3x6xf32>)
       {post_ops = [#onednn.post_op<sum>]} -> tensor<3x6xf32>
  return
}

// -----

func.func @matmul_c4_not_transposed(%a: tensor<3x4xf32>, %b: tensor<4x6xf32, #onednn.packed<"any">>, %c: tensor<3x6xf32>) {
  // expected-error @below {{expected transpose_b with a packed b}}
  %0 = onednn.matmul ins(%a, %b : tensor<3x4xf32>, tensor<4x6xf32, #onednn.packed<"any">>) outs(%c : tensor<3x6xf32>) -> tensor<3x6xf32>
  return
}

// -----

func.func @matmul_c4_a(%a: tensor<3x4xf32, #onednn.packed<"any">>, %b: tensor<4x6xf32>, %c: tensor<3x6xf32>) {
  // expected-error @below {{expected a to be a row-major matrix of static shape, but got 'tensor<3x4xf32, #onednn.packed<"any">>'}}
  %0 = onednn.matmul ins(%a, %b : tensor<3x4xf32, #onednn.packed<"any">>, tensor<4x6xf32>) outs(%c : tensor<3x6xf32>) -> tensor<3x6xf32>
  return
}

// -----

func.func @matmul_c4_c(%a: tensor<3x4xf32>, %b: tensor<4x6xf32>, %c: tensor<3x6xf32, #onednn.packed<"any">>) {
  // expected-error @below {{expected c to be a row-major matrix}}
  %0 = onednn.matmul ins(%a, %b : tensor<3x4xf32>, tensor<4x6xf32>) outs(%c : tensor<3x6xf32, #onednn.packed<"any">>) -> tensor<3x6xf32, #onednn.packed<"any">>
  return
}

// -----

func.func @matmul_c4_post(%a: tensor<3x4xf32>, %b: tensor<4x6xf32>, %r: tensor<3x6xf32, #onednn.packed<"any">>, %c: tensor<3x6xf32>) {
  // expected-error @below {{expected a post operand to be a row-major matrix}}
  %0 = onednn.matmul ins(%a, %b : tensor<3x4xf32>, tensor<4x6xf32>) post(%r : tensor<3x6xf32, #onednn.packed<"any">>) outs(%c : tensor<3x6xf32>)
       {post_ops = [#onednn.post_op<add>]} -> tensor<3x6xf32>
  return
}

// -----

func.func @matmul_c5_bytes_without_layout(%a: memref<3x4xf32>, %b: memref<96xi8>, %c: memref<3x6xf32>) {
  // expected-error @below {{expected a weight of opaque bytes to have a layout and a shape, but got 'memref<96xi8>'}}
  onednn.matmul ins(%a, %b : memref<3x4xf32>, memref<96xi8>) outs(%c : memref<3x6xf32>) {transpose_b}
  return
}

// -----

func.func @matmul_c5_shape_of_a_vector(%a: memref<3x4xf32>, %b: memref<96xi8>, %c: memref<3x6xf32>) {
  // expected-error @below {{expected a weight of opaque bytes to have a layout and a shape}}
  onednn.matmul ins(%a, %b : memref<3x4xf32>, memref<96xi8>) outs(%c : memref<3x6xf32>)
    {transpose_b, b_layout = #onednn.packed<"BA16a64b">, b_shape = tensor<24xf32>}
  return
}

// -----

func.func @matmul_c5_layout_of_a_tensor(%a: tensor<3x4xf32>, %b: tensor<6x4xf32>, %c: tensor<3x6xf32>) {
  // expected-error @below {{expected a layout attribute only with a weight of opaque bytes, but got 'tensor<6x4xf32>'}}
  %0 = onednn.matmul ins(%a, %b : tensor<3x4xf32>, tensor<6x4xf32>) outs(%c : tensor<3x6xf32>)
       {transpose_b, b_layout = #onednn.packed<"BA16a64b">} -> tensor<3x6xf32>
  return
}

// -----

func.func @matmul_of_a_vector(%a: memref<4xf32>, %b: memref<4x6xf32>, %c: memref<3x6xf32>) {
  // expected-error @below {{expected a to be a row-major matrix of static shape, but got 'memref<4xf32>'}}
  onednn.matmul ins(%a, %b : memref<4xf32>, memref<4x6xf32>) outs(%c : memref<3x6xf32>)
  return
}

// -----

func.func @matmul_of_unknown_size(%a: memref<?x4xf32>, %b: memref<4x6xf32>, %c: memref<?x6xf32>) {
  // expected-error @below {{expected a to be a row-major matrix of static shape, but got 'memref<?x4xf32>'}}
  onednn.matmul ins(%a, %b : memref<?x4xf32>, memref<4x6xf32>) outs(%c : memref<?x6xf32>)
  return
}

// -----

func.func @matmul_without_result(%a: tensor<3x4xf32>, %b: tensor<4x6xf32>, %c: tensor<3x6xf32>) {
  // expected-error @below {{expected a result of the destination's type for a tensor, and none for a memref}}
  onednn.matmul ins(%a, %b : tensor<3x4xf32>, tensor<4x6xf32>) outs(%c : tensor<3x6xf32>)
  return
}

// -----

func.func @matmul_c6(%a: tensor<4x3xf32>, %b: tensor<4x6xf32>, %c: tensor<3x6xf32>) {
  // expected-error @below {{expected no transpose_a with token_rows}}
  %0 = onednn.matmul ins(%a, %b : tensor<4x3xf32>, tensor<4x6xf32>) outs(%c : tensor<3x6xf32>) {transpose_a, token_rows} -> tensor<3x6xf32>
  return
}

// -----

func.func @gather_c1_rows(%i: tensor<5xi32>, %t: tensor<9x4xf32>, %o: tensor<6x4xf32>) {
  // expected-error @below {{expected out to have a row of 'tensor<9x4xf32>' per index, but got 'tensor<6x4xf32>'}}
  %0 = onednn.gather ins(%i, %t : tensor<5xi32>, tensor<9x4xf32>) outs(%o : tensor<6x4xf32>) -> tensor<6x4xf32>
  return
}

// -----

func.func @gather_c1_width(%i: tensor<5xi32>, %t: tensor<9x4xf32>, %o: tensor<5x9xf32>) {
  // expected-error @below {{expected out to have a row of 'tensor<9x4xf32>' per index, but got 'tensor<5x9xf32>'}}
  %0 = onednn.gather ins(%i, %t : tensor<5xi32>, tensor<9x4xf32>) outs(%o : tensor<5x9xf32>) -> tensor<5x9xf32>
  return
}

// -----

func.func @gather_c1_type(%i: tensor<5xi32>, %t: tensor<9x4xf32>, %o: tensor<5x4xbf16>) {
  // expected-error @below {{expected out to have a row of 'tensor<9x4xf32>' per index, but got 'tensor<5x4xbf16>'}}
  %0 = onednn.gather ins(%i, %t : tensor<5xi32>, tensor<9x4xf32>) outs(%o : tensor<5x4xbf16>) -> tensor<5x4xbf16>
  return
}

// -----

func.func @gather_c2_bytes_without_layout(%i: memref<5xi32>, %t: memref<144xi8>, %o: memref<5x4xf32>) {
  // expected-error @below {{expected a weight of opaque bytes to have a layout and a shape, but got 'memref<144xi8>'}}
  onednn.gather ins(%i, %t : memref<5xi32>, memref<144xi8>) outs(%o : memref<5x4xf32>)
  return
}

// -----

func.func @gather_c2_shape_of_a_vector(%i: memref<5xi32>, %t: memref<144xi8>, %o: memref<5x4xf32>) {
  // expected-error @below {{expected a weight of opaque bytes to have a layout and a shape}}
  onednn.gather ins(%i, %t : memref<5xi32>, memref<144xi8>) outs(%o : memref<5x4xf32>)
    {table_layout = #onednn.packed<"BA16a64b">, table_shape = tensor<36xf32>}
  return
}

// -----

func.func @gather_into_a_vector(%i: memref<5xi32>, %t: memref<9x4xf32>, %o: memref<5xf32>) {
  // expected-error @below {{expected out to be a row-major matrix of static shape, but got 'memref<5xf32>'}}
  onednn.gather ins(%i, %t : memref<5xi32>, memref<9x4xf32>) outs(%o : memref<5xf32>)
  return
}

// -----

func.func @dynamic_tensor(%a: tensor<?x4xf32>, %b: tensor<4x6xf32>, %c: tensor<?x6xf32>) {
  // expected-error @below {{operand #0 must be}}
  %0 = onednn.matmul ins(%a, %b : tensor<?x4xf32>, tensor<4x6xf32>) outs(%c : tensor<?x6xf32>) -> tensor<?x6xf32>
  return
}
