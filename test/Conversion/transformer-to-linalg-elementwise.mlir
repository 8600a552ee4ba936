// RUN: lora-opt %s -convert-transformer-to-linalg | FileCheck %s -enable-var-scope

// CHECK-LABEL: func.func @add
func.func @add(%x: tensor<?x48xbf16>, %y: tensor<?x48xbf16>) -> tensor<?x48xbf16> {
  // CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]}
  // CHECK: ^bb0(%[[A:.+]]: bf16, %[[B:.+]]: bf16, %{{.+}}: bf16):
  // CHECK: %[[A32:.+]] = arith.extf %[[A]] : bf16 to f32
  // CHECK: %[[B32:.+]] = arith.extf %[[B]] : bf16 to f32
  // CHECK: %[[C:.+]] = arith.addf %[[A32]], %[[B32]]
  // CHECK: arith.truncf %[[C]] : f32 to bf16
  %0 = transformer.add %x, %y : tensor<?x48xbf16>
  return %0 : tensor<?x48xbf16>
}

// CHECK-LABEL: func.func @mul
func.func @mul(%x: tensor<7xf64>, %y: tensor<7xf64>) -> tensor<7xf64> {
  // CHECK: linalg.generic {{.*}} iterator_types = ["parallel"]}
  // CHECK: arith.mulf %{{.+}}, %{{.+}} : f64
  %0 = transformer.mul %x, %y : tensor<7xf64>
  return %0 : tensor<7xf64>
}

// CHECK-LABEL: func.func @silu
func.func @silu(%x: tensor<?x80xf32>) -> tensor<?x80xf32> {
  // CHECK: ^bb0(%[[X:.+]]: f32, %{{.+}}: f32):
  // CHECK: %[[N:.+]] = arith.negf %[[X]]
  // CHECK: %[[E:.+]] = math.exp %[[N]]
  // CHECK: %[[D:.+]] = arith.addf %[[E]], %{{.+}}
  // CHECK: arith.divf %[[X]], %[[D]]
  %0 = transformer.activation %x {kind = silu} : tensor<?x80xf32>
  return %0 : tensor<?x80xf32>
}

// CHECK-LABEL: func.func @gelu
func.func @gelu(%x: tensor<?x80xf32>) -> (tensor<?x80xf32>, tensor<?x80xf32>) {
  // CHECK: math.erf
  %0 = transformer.activation %x {kind = gelu_erf} : tensor<?x80xf32>
  // CHECK: math.tanh
  %1 = transformer.activation %x {kind = gelu_tanh} : tensor<?x80xf32>
  return %0, %1 : tensor<?x80xf32>, tensor<?x80xf32>
}

// CHECK-LABEL: func.func @relu
func.func @relu(%x: tensor<?x80xf32>, %dy: tensor<?x80xf32>) -> (tensor<?x80xf32>, tensor<?x80xf32>) {
  // CHECK: arith.maximumf
  %0 = transformer.activation %x {kind = relu} : tensor<?x80xf32>
  // CHECK: ^bb0(%[[DY:.+]]: f32, %[[X:.+]]: f32, %{{.+}}: f32):
  // CHECK: %[[P:.+]] = arith.cmpf ogt, %[[X]], %{{.+}}
  // CHECK: %[[F:.+]] = arith.select %[[P]]
  // CHECK: arith.mulf %[[DY]], %[[F]]
  %1 = transformer.activation_gradient %dy, %x {kind = relu} : tensor<?x80xf32>
  return %0, %1 : tensor<?x80xf32>, tensor<?x80xf32>
}

// bf16 and f16 have the same width, so a cast between them goes through f32.
// CHECK-LABEL: func.func @cast
func.func @cast(%x: tensor<3x48xf32>, %y: tensor<3x48xf16>) -> (tensor<3x48xbf16>, tensor<3x48xbf16>) {
  // CHECK: arith.truncf %{{.+}} : f32 to bf16
  %0 = transformer.cast %x : tensor<3x48xf32> -> tensor<3x48xbf16>
  // CHECK: arith.extf %{{.+}} : f16 to f32
  // CHECK: arith.truncf %{{.+}} : f32 to bf16
  %1 = transformer.cast %y : tensor<3x48xf16> -> tensor<3x48xbf16>
  return %0, %1 : tensor<3x48xbf16>, tensor<3x48xbf16>
}

// CHECK-LABEL: func.func @features
// CHECK-SAME: (%[[X:.+]]: tensor<?x6xbf16>, %[[S:.+]]: tensor<6xf32>)
func.func @features(%x: tensor<?x6xbf16>, %s: tensor<6xf32>) -> (tensor<?x6xbf16>, tensor<?x2xbf16>, tensor<?x11xbf16>) {
  // CHECK: linalg.generic {{.*}} ins(%[[X]], %[[S]] : tensor<?x6xbf16>, tensor<6xf32>)
  %0 = transformer.scale_features %x, %s : tensor<?x6xbf16>, tensor<6xf32>
  // CHECK: tensor.extract_slice %[[X]][0, 3] [%{{.+}}, 2] [1, 1]
  %1 = transformer.slice_features %x[3] : tensor<?x6xbf16> -> tensor<?x2xbf16>
  // CHECK: %[[ZEROS:.+]] = linalg.fill {{.*}} -> tensor<?x11xbf16>
  // CHECK: tensor.insert_slice %[[X]] into %[[ZEROS]][0, 4] [%{{.+}}, 6] [1, 1]
  %2 = transformer.pad_features %x[4] : tensor<?x6xbf16> -> tensor<?x11xbf16>
  return %0, %1, %2 : tensor<?x6xbf16>, tensor<?x2xbf16>, tensor<?x11xbf16>
}
