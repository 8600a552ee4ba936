// RUN: lora-opt %s -convert-transformer-to-linalg | FileCheck %s -enable-var-scope

// CHECK-LABEL: func.func @rotary_table
// CHECK-SAME: (%[[SEQ:.+]]: tensor<4x?xi32>)
func.func @rotary_table(%seq: tensor<4x?xi32>) -> (tensor<?x2xf64>, tensor<?x2xf64>) {
  // CHECK: %[[F:.+]] = arith.constant dense<[1.000000e+00, 1.000000e-01]> : tensor<2xf32>
  // CHECK: %[[P:.+]] = tensor.extract_slice %[[SEQ]][0, 0] [1, %{{.+}}] [1, 1] : tensor<4x?xi32> to tensor<?xi32>
  // CHECK: linalg.generic {{.*}} ins(%[[P]], %[[F]] : tensor<?xi32>, tensor<2xf32>) outs(%{{.+}} : tensor<?x2xf64>)
  // CHECK: %[[POS:.+]] = arith.sitofp %{{.+}} : i32 to f32
  // CHECK: %[[ANGLE:.+]] = arith.mulf %[[POS]], %{{.+}} : f32
  // CHECK: %[[WIDE:.+]] = arith.extf %[[ANGLE]] : f32 to f64
  // CHECK: math.cos %[[WIDE]]
  // CHECK: math.sin
  %cos, %sin = transformer.rotary_table %seq {inverse_frequencies = array<f32: 1.0, 0.1>} : tensor<4x?xi32> -> tensor<?x2xf64>
  return %cos, %sin : tensor<?x2xf64>, tensor<?x2xf64>
}

// 8 pairs of 24 features rotate, 8 pass.
// CHECK-LABEL: func.func @rotary
func.func @rotary(%x: tensor<?x48xf32>, %cos: tensor<?x8xf32>, %sin: tensor<?x8xf32>) -> tensor<?x48xf32> {
  // CHECK: %[[HEADS:.+]] = tensor.expand_shape
  // CHECK-DAG: %[[A:.+]] = tensor.extract_slice %[[HEADS]][0, 0, 0] [%{{.+}}, 2, 8] [1, 1, 1]
  // CHECK-DAG: %[[B:.+]] = tensor.extract_slice %[[HEADS]][0, 0, 8] [%{{.+}}, 2, 8] [1, 1, 1]
  // CHECK: %[[FIRST:.+]] = linalg.generic {{.*}} ins(%[[A]], %[[B]],
  // CHECK: arith.subf
  // CHECK: tensor.insert_slice %[[FIRST]] into %{{.+}}[0, 0, 0]
  // CHECK: %[[SECOND:.+]] = linalg.generic {{.*}} ins(%[[B]], %[[A]],
  // CHECK: arith.addf
  // CHECK: tensor.insert_slice %[[SECOND]] into %{{.+}}[0, 0, 8]
  // CHECK: %[[REST:.+]] = tensor.extract_slice %[[HEADS]][0, 0, 16] [%{{.+}}, 2, 8] [1, 1, 1]
  // CHECK: tensor.insert_slice %[[REST]] into %{{.+}}[0, 0, 16]
  %y = transformer.rotary %x, %cos, %sin {head_dim = 24 : i64} : tensor<?x48xf32>, tensor<?x8xf32>
  return %y : tensor<?x48xf32>
}

// CHECK-LABEL: func.func @rotary_inverse
func.func @rotary_inverse(%x: tensor<5x48xf32>, %cos: tensor<5x12xf32>, %sin: tensor<5x12xf32>) -> tensor<5x48xf32> {
  // CHECK: arith.addf
  // CHECK: arith.subf
  // CHECK-NOT: [0, 0, 24]
  %y = transformer.rotary %x, %cos, %sin {head_dim = 24 : i64, inverse} : tensor<5x48xf32>, tensor<5x12xf32>
  return %y : tensor<5x48xf32>
}

// CHECK-LABEL: func.func @cache_write
// CHECK-SAME: (%[[CACHE:.+]]: tensor<?x72xbf16>, %[[X:.+]]: tensor<5x72xbf16>, %[[SEQ:.+]]: tensor<4x5xi32>)
func.func @cache_write(%cache: tensor<?x72xbf16>, %x: tensor<5x72xbf16>, %seq: tensor<4x5xi32>) -> tensor<?x72xbf16> {
  // CHECK-DAG: %[[THREE:.+]] = arith.constant 3 : index
  // CHECK: scf.for %[[T:.+]] = %{{.+}} to %{{.+}} step %{{.+}} iter_args(%[[STATE:.+]] = %[[CACHE]])
  // CHECK: %[[ROW:.+]] = tensor.extract %[[SEQ]][%[[THREE]], %[[T]]]
  // CHECK: %[[INDEX:.+]] = arith.index_cast %[[ROW]]
  // CHECK: %[[PART:.+]] = tensor.extract_slice %[[X]][%[[T]], 0] [1, 72] [1, 1]
  // CHECK: tensor.insert_slice %[[PART]] into %[[STATE]][%[[INDEX]], 0] [1, 72] [1, 1]
  %new = transformer.cache_write %cache, %x, %seq : tensor<?x72xbf16>, tensor<5x72xbf16>, tensor<4x5xi32>
  return %new : tensor<?x72xbf16>
}
