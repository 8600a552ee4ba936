// RUN: lora-opt %s -convert-transformer-to-linalg | FileCheck %s -enable-var-scope

// CHECK-DAG: #[[$X:.+]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[$W:.+]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-DAG: #[[$Y:.+]] = affine_map<(d0, d1, d2) -> (d0, d1)>
// CHECK-DAG: #[[$T:.+]] = affine_map<(d0, d1, d2) -> (d1, d0)>
// CHECK-DAG: #[[$ROW:.+]] = affine_map<(d0, d1) -> (d1)>
// CHECK-DAG: #[[$TOKEN:.+]] = affine_map<(d0, d1) -> (d0)>

// The bias begins the sum; products of bf16 are summed in f32 and rounded once.
// CHECK-LABEL: func.func @linear
// CHECK-SAME: (%[[A:.+]]: tensor<?x48xbf16>, %[[B:.+]]: tensor<144x48xbf16>, %[[C:.+]]: tensor<144xbf16>)
func.func @linear(%x: tensor<?x48xbf16>, %w: tensor<144x48xbf16>, %b: tensor<144xbf16>) -> tensor<?x144xbf16> {
  // CHECK: %[[INIT:.+]] = linalg.generic {{.*}} ins(%[[C]] : tensor<144xbf16>) outs(%{{.+}} : tensor<?x144xf32>)
  // CHECK: %[[SUM:.+]] = linalg.generic {indexing_maps = [#[[$X]], #[[$W]], #[[$Y]]], iterator_types = ["parallel", "parallel", "reduction"]}
  // CHECK-SAME: ins(%[[A]], %[[B]] : {{.+}}) outs(%[[INIT]] : tensor<?x144xf32>)
  // CHECK: ^bb0(%[[L:.+]]: bf16, %[[R:.+]]: bf16, %[[ACC:.+]]: f32):
  // CHECK: %[[L32:.+]] = arith.extf %[[L]] : bf16 to f32
  // CHECK: %[[R32:.+]] = arith.extf %[[R]] : bf16 to f32
  // CHECK: %[[P:.+]] = arith.mulf %[[L32]], %[[R32]] fastmath<contract> : f32
  // CHECK: arith.addf %[[ACC]], %[[P]] fastmath<reassoc,contract> : f32
  // CHECK: linalg.generic {{.*}} ins(%[[SUM]] : tensor<?x144xf32>) outs(%{{.+}} : tensor<?x144xbf16>)
  // CHECK: arith.truncf %{{.+}} : f32 to bf16
  %y = transformer.linear %x, %w bias %b : tensor<?x48xbf16>, tensor<144x48xbf16>, tensor<144xbf16> -> tensor<?x144xbf16>
  return %y : tensor<?x144xbf16>
}

// A result of the compute type is the sum itself; f64 stays f64.
// CHECK-LABEL: func.func @linear_f64
func.func @linear_f64(%x: tensor<5x48xf64>, %w: tensor<144x48xf64>) -> tensor<5x144xf64> {
  // CHECK: %[[INIT:.+]] = linalg.fill ins(%{{.+}} : f64) outs(%{{.+}} : tensor<5x144xf64>)
  // CHECK: %[[SUM:.+]] = linalg.generic {{.*}} outs(%[[INIT]] : tensor<5x144xf64>)
  // CHECK-NOT: arith.extf
  // CHECK-NOT: arith.truncf
  // CHECK: return %[[SUM]]
  %y = transformer.linear %x, %w : tensor<5x48xf64>, tensor<144x48xf64> -> tensor<5x144xf64>
  return %y : tensor<5x144xf64>
}

// The innermost loop runs along the rows of b.
// CHECK-LABEL: func.func @matmul
func.func @matmul(%dy: tensor<?x144xf32>, %w: tensor<144x48xf32>) -> tensor<?x48xf32> {
  // CHECK: linalg.generic {indexing_maps = [#[[$Y]], #[[$W]], #[[$X]]], iterator_types = ["parallel", "reduction", "parallel"]}
  %dx = transformer.matmul %dy, %w : tensor<?x144xf32>, tensor<144x48xf32> -> tensor<?x48xf32>
  return %dx : tensor<?x48xf32>
}

// CHECK-LABEL: func.func @matmul_transpose_a
func.func @matmul_transpose_a(%dy: tensor<?x144xbf16>, %t: tensor<?x3xbf16>) -> tensor<144x3xf32> {
  // CHECK: linalg.generic {indexing_maps = [#[[$T]], #[[$W]], #[[$X]]], iterator_types = ["parallel", "reduction", "parallel"]}
  // CHECK-SAME: outs(%{{.+}} : tensor<144x3xf32>)
  // CHECK-NOT: arith.truncf
  %db = transformer.matmul %dy, %t {transpose_a} : tensor<?x144xbf16>, tensor<?x3xbf16> -> tensor<144x3xf32>
  return %db : tensor<144x3xf32>
}

// CHECK-LABEL: func.func @matmul_transpose_b
func.func @matmul_transpose_b(%x: tensor<?x48xf32>, %w: tensor<144x48xf32>) -> tensor<?x144xf32> {
  // CHECK: linalg.generic {indexing_maps = [#[[$X]], #[[$W]], #[[$Y]]], iterator_types = ["parallel", "parallel", "reduction"]}
  %y = transformer.matmul %x, %w {transpose_b} : tensor<?x48xf32>, tensor<144x48xf32> -> tensor<?x144xf32>
  return %y : tensor<?x144xf32>
}

// The branch adds to the sum of the base; t = s * (x Aᵀ) is not rounded.
// CHECK-LABEL: func.func @lora_linear
// CHECK-SAME: (%[[A:.+]]: tensor<?x48xbf16>, %[[B:.+]]: tensor<144x48xbf16>, %[[LA:.+]]: tensor<3x48xbf16>, %[[LB:.+]]: tensor<144x3xbf16>, %[[S:.+]]: tensor<3xf32>)
func.func @lora_linear(%x: tensor<?x48xbf16>, %w: tensor<144x48xbf16>, %a: tensor<3x48xbf16>, %b: tensor<144x3xbf16>, %s: tensor<3xf32>) -> tensor<?x144xbf16> {
  // CHECK: %[[U:.+]] = linalg.generic {{.*}} ins(%[[A]], %[[LA]] : {{.+}}) outs(%{{.+}} : tensor<?x3xf32>)
  // CHECK: %[[T:.+]] = linalg.generic {{.*}} ins(%[[U]], %[[S]] : tensor<?x3xf32>, tensor<3xf32>) outs(%{{.+}} : tensor<?x3xf32>)
  // CHECK: %[[BASE:.+]] = linalg.generic {{.*}} ins(%[[A]], %[[B]] : {{.+}}) outs(%{{.+}} : tensor<?x144xf32>)
  // CHECK: %[[SUM:.+]] = linalg.generic {{.*}} ins(%[[T]], %[[LB]] : {{.+}}) outs(%[[BASE]] : tensor<?x144xf32>)
  // CHECK: linalg.generic {{.*}} ins(%[[SUM]] : tensor<?x144xf32>) outs(%{{.+}} : tensor<?x144xbf16>)
  %y = lora.linear %x, %w, %a, %b, %s : tensor<?x48xbf16>, tensor<144x48xbf16>, tensor<3x48xbf16>, tensor<144x3xbf16>, tensor<3xf32> -> tensor<?x144xbf16>
  return %y : tensor<?x144xbf16>
}

// A token's row of the table and its scaled row of A; both are in f32 until the end.
// CHECK-LABEL: func.func @lora_embedding
// CHECK-SAME: %[[IDS:.+]]: tensor<?xi32>, %[[TABLE:.+]]: tensor<259x48xbf16>, %[[A:.+]]: tensor<259x3xbf16>, %[[B:.+]]: tensor<48x3xbf16>, %[[S:.+]]: tensor<3xf32>
func.func @lora_embedding(%ids: tensor<?xi32>, %table: tensor<259x48xbf16>, %a: tensor<259x3xbf16>, %b: tensor<48x3xbf16>, %s: tensor<3xf32>) -> tensor<?x48xbf16> {
  // CHECK: %[[DOWN:.+]] = linalg.generic {{.*}} ins(%[[IDS]], %[[S]] :
  // CHECK: tensor.extract %[[A]]
  // CHECK: arith.mulf
  // CHECK: -> tensor<?x3xf32>
  // CHECK: %[[ROWS:.+]] = linalg.generic {{.*}} ins(%[[IDS]] :
  // CHECK: tensor.extract %[[TABLE]]
  // CHECK: arith.extf
  // CHECK: -> tensor<?x48xf32>
  // CHECK: linalg.generic {{.*}} ins(%[[DOWN]], %[[B]] : {{.*}}) outs(%[[ROWS]] :
  // CHECK: arith.truncf
  %y = lora.embedding %ids, %table, %a, %b, %s : tensor<?xi32>, tensor<259x48xbf16>, tensor<259x3xbf16>, tensor<48x3xbf16>, tensor<3xf32> -> tensor<?x48xbf16>
  return %y : tensor<?x48xbf16>
}

// CHECK-LABEL: func.func @lora_down
func.func @lora_down(%x: tensor<?x48xf32>, %a: tensor<6x48xf32>, %s: tensor<6xf32>) -> tensor<?x6xf32> {
  // CHECK: %[[U:.+]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]
  // CHECK: linalg.generic {{.*}} ins(%[[U]], %{{.+}} : tensor<?x6xf32>, tensor<6xf32>)
  %t = lora.down %x, %a, %s : tensor<?x48xf32>, tensor<6x48xf32>, tensor<6xf32> -> tensor<?x6xf32>
  return %t : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @lora_up
// CHECK-SAME: (%{{.+}}: tensor<?x48xf32>, %{{.+}}: tensor<72x48xf32>, %[[T:.+]]: tensor<?x6xf32>, %[[B:.+]]: tensor<72x3xf32>)
func.func @lora_up(%x: tensor<?x48xf32>, %w: tensor<72x48xf32>, %t: tensor<?x6xf32>, %b: tensor<72x3xf32>) -> tensor<?x72xf32> {
  // CHECK: %[[PART:.+]] = tensor.extract_slice %[[T]][0, 3] [%{{.+}}, 3] [1, 1] : tensor<?x6xf32> to tensor<?x3xf32>
  // CHECK: %[[BASE:.+]] = linalg.generic {{.*}} outs(%{{.+}} : tensor<?x72xf32>)
  // CHECK: linalg.generic {{.*}} ins(%[[PART]], %[[B]] : {{.+}}) outs(%[[BASE]] : tensor<?x72xf32>)
  %y = lora.up %x, %w, %t[3], %b : tensor<?x48xf32>, tensor<72x48xf32>, tensor<?x6xf32>, tensor<72x3xf32> -> tensor<?x72xf32>
  return %y : tensor<?x72xf32>
}

// CHECK-LABEL: func.func @sum_tokens
func.func @sum_tokens(%dy: tensor<?x144xbf16>) -> tensor<144xf32> {
  // CHECK: linalg.generic {indexing_maps = [#{{.+}}, #[[$ROW]]], iterator_types = ["reduction", "parallel"]}
  // CHECK-SAME: outs(%{{.+}} : tensor<144xf32>)
  %db = transformer.sum_tokens %dy : tensor<?x144xbf16> -> tensor<144xf32>
  return %db : tensor<144xf32>
}

// CHECK-LABEL: func.func @embedding
// CHECK-SAME: (%[[IDS:.+]]: tensor<?xi32>, %[[TABLE:.+]]: tensor<259x48xbf16>)
func.func @embedding(%ids: tensor<?xi32>, %table: tensor<259x48xbf16>) -> tensor<?x48xf32> {
  // CHECK: linalg.generic {indexing_maps = [#[[$TOKEN]], #{{.+}}], iterator_types = ["parallel", "parallel"]} ins(%[[IDS]] : tensor<?xi32>)
  // CHECK: ^bb0(%[[ID:.+]]: i32, %{{.+}}: f32):
  // CHECK: %[[R:.+]] = arith.index_cast %[[ID]] : i32 to index
  // CHECK: %[[COLUMN:.+]] = linalg.index 1 : index
  // CHECK: %[[E:.+]] = tensor.extract %[[TABLE]][%[[R]], %[[COLUMN]]]
  // CHECK: arith.extf %[[E]] : bf16 to f32
  %0 = transformer.embedding %ids, %table : tensor<?xi32>, tensor<259x48xbf16> -> tensor<?x48xf32>
  return %0 : tensor<?x48xf32>
}

// Tokens are visited in order, because two of them may have the same id.
// CHECK-LABEL: func.func @embedding_gradient
// CHECK-SAME: (%[[DY:.+]]: tensor<?x48xbf16>, %[[IDS:.+]]: tensor<?xi32>)
func.func @embedding_gradient(%dy: tensor<?x48xbf16>, %ids: tensor<?xi32>) -> tensor<259x48xf32> {
  // CHECK: %[[ZEROS:.+]] = linalg.fill {{.*}} -> tensor<259x48xf32>
  // CHECK: %[[SUM:.+]] = scf.for %[[I:.+]] = %{{.+}} to %{{.+}} step %{{.+}} iter_args(%[[ACC:.+]] = %[[ZEROS]])
  // CHECK: %[[ID:.+]] = tensor.extract %[[IDS]][%[[I]]]
  // CHECK: %[[R:.+]] = arith.index_cast %[[ID]]
  // CHECK: %[[OLD:.+]] = tensor.extract_slice %[[ACC]][%[[R]], 0] [1, 48] [1, 1]
  // CHECK: %[[NEW:.+]] = linalg.generic {{.*}} outs(%[[OLD]] : tensor<1x48xf32>)
  // CHECK: tensor.insert_slice %[[NEW]] into %[[ACC]][%[[R]], 0] [1, 48] [1, 1]
  // CHECK: return %[[SUM]]
  %d = transformer.embedding_gradient %dy, %ids : tensor<?x48xbf16>, tensor<?xi32> -> tensor<259x48xf32>
  return %d : tensor<259x48xf32>
}
