// RUN: lora-opt %s -convert-transformer-to-linalg | FileCheck %s -enable-var-scope

// One group per row needs no view.
// CHECK-LABEL: func.func @rms_norm
// CHECK-SAME: (%[[X:.+]]: tensor<?x48xbf16>, %[[W:.+]]: tensor<48xbf16>)
func.func @rms_norm(%x: tensor<?x48xbf16>, %w: tensor<48xbf16>) -> tensor<?x48xbf16> {
  // CHECK-NOT: tensor.expand_shape
  // CHECK: %[[SUM:.+]] = linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]} ins(%[[X]] : tensor<?x48xbf16>) outs(%{{.+}} : tensor<?xf32>)
  // CHECK: %[[ROOT:.+]] = linalg.generic {{.*}} ins(%[[SUM]] : tensor<?xf32>) outs(%{{.+}} : tensor<?xf32>)
  // CHECK: math.sqrt
  // CHECK: arith.divf
  // CHECK: linalg.generic {{.*}} ins(%[[X]], %[[ROOT]], %[[W]] : {{.+}}) outs(%{{.+}} : tensor<?x48xbf16>)
  // CHECK-NOT: tensor.collapse_shape
  %y = transformer.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x48xbf16>, tensor<48xbf16>
  return %y : tensor<?x48xbf16>
}

// A group per head.
// CHECK-LABEL: func.func @rms_norm_heads
// CHECK-SAME: (%[[X:.+]]: tensor<?x144xf32>, %[[W:.+]]: tensor<24xf32>)
func.func @rms_norm_heads(%x: tensor<?x144xf32>, %w: tensor<24xf32>) -> tensor<?x144xf32> {
  // CHECK: %[[VIEW:.+]] = tensor.expand_shape %[[X]] {{\[}}[0], [1, 2]] output_shape [%{{.+}}, 6, 24]
  // CHECK: %[[SUM:.+]] = linalg.generic {{.*}} ins(%[[VIEW]] : tensor<?x6x24xf32>) outs(%{{.+}} : tensor<?x6xf32>)
  // CHECK: %[[Y:.+]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel"]}
  // CHECK: tensor.collapse_shape %[[Y]] {{\[}}[0], [1, 2]] : tensor<?x6x24xf32> into tensor<?x144xf32>
  %y = transformer.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x144xf32>, tensor<24xf32>
  return %y : tensor<?x144xf32>
}

// CHECK-LABEL: func.func @rms_norm_gradient
// CHECK-SAME: (%[[DY:.+]]: tensor<5x48xf32>, %[[X:.+]]: tensor<5x48xf32>, %[[W:.+]]: tensor<48xf32>)
func.func @rms_norm_gradient(%dy: tensor<5x48xf32>, %x: tensor<5x48xf32>, %w: tensor<48xf32>) -> tensor<5x48xf32> {
  // CHECK: linalg.generic {{.*}} ins(%[[X]] : tensor<5x48xf32>) outs(%{{.+}} : tensor<5xf32>)
  // CHECK: %[[ROOT:.+]] = linalg.generic
  // CHECK: %[[DOT:.+]] = linalg.generic {{.*}} ins(%[[DY]], %[[X]], %[[W]] : {{.+}}) outs(%{{.+}} : tensor<5xf32>)
  // CHECK: %[[FACTOR:.+]] = linalg.generic {{.*}} ins(%[[ROOT]], %[[DOT]] : tensor<5xf32>, tensor<5xf32>)
  // CHECK: linalg.generic {{.*}} ins(%[[DY]], %[[X]], %[[W]], %[[ROOT]], %[[FACTOR]] : {{.+}}) outs(%{{.+}} : tensor<5x48xf32>)
  %dx = transformer.rms_norm_gradient %dy, %x, %w {eps = 1.0e-6 : f64} : tensor<5x48xf32>, tensor<48xf32>
  return %dx : tensor<5x48xf32>
}

// CHECK-LABEL: func.func @rms_norm_weight_gradient
func.func @rms_norm_weight_gradient(%dy: tensor<?x144xbf16>, %x: tensor<?x144xbf16>) -> tensor<24xf32> {
  // CHECK: linalg.generic {{.*}} iterator_types = ["reduction", "reduction", "parallel"]} ins(%{{.+}}, %{{.+}}, %{{.+}} : tensor<?x6x24xbf16>, tensor<?x6x24xbf16>, tensor<?x6xf32>) outs(%{{.+}} : tensor<24xf32>)
  %dw = transformer.rms_norm_weight_gradient %dy, %x {eps = 1.0e-6 : f64} : tensor<?x144xbf16> -> tensor<24xf32>
  return %dw : tensor<24xf32>
}

// CHECK-LABEL: func.func @layer_norm
// CHECK-SAME: (%[[X:.+]]: tensor<?x48xbf16>, %[[W:.+]]: tensor<48xbf16>, %[[B:.+]]: tensor<48xbf16>)
func.func @layer_norm(%x: tensor<?x48xbf16>, %w: tensor<48xbf16>, %b: tensor<48xbf16>) -> tensor<?x48xbf16> {
  // CHECK: %[[SUM:.+]] = linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]} ins(%[[X]] : tensor<?x48xbf16>) outs(%{{.+}} : tensor<?xf32>)
  // CHECK: %[[MEAN:.+]] = linalg.generic {{.*}} ins(%[[SUM]] : tensor<?xf32>)
  // CHECK: %[[SQUARES:.+]] = linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]} ins(%[[X]], %[[MEAN]] : {{.+}}) outs(%{{.+}} : tensor<?xf32>)
  // CHECK: %[[ROOT:.+]] = linalg.generic {{.*}} ins(%[[SQUARES]] : tensor<?xf32>)
  // CHECK: math.sqrt
  // CHECK: linalg.generic {{.*}} ins(%[[X]], %[[MEAN]], %[[ROOT]], %[[W]], %[[B]] : {{.+}}) outs(%{{.+}} : tensor<?x48xbf16>)
  %y = transformer.layer_norm %x, %w, %b {eps = 1.0e-5 : f64} : tensor<?x48xbf16>, tensor<48xbf16>, tensor<48xbf16>
  return %y : tensor<?x48xbf16>
}
