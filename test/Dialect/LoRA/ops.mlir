// RUN: lora-opt %s | lora-opt | FileCheck %s

// The example of each operation, as in LoRAOps.td, and other forms.

// CHECK-LABEL: func.func @linear(
func.func @linear(%x: tensor<?x48xf32>, %w: tensor<144x48xf32>, %a: tensor<3x48xf32>, %b: tensor<144x3xf32>, %s: tensor<3xf32>, %c: tensor<144xf32>) {
  // CHECK: %{{.+}} = lora.linear %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} bias %{{.+}} : tensor<?x48xf32>, tensor<144x48xf32>, tensor<3x48xf32>, tensor<144x3xf32>, tensor<3xf32>, tensor<144xf32> -> tensor<?x144xf32>
  // CHECK: %{{.+}} = lora.linear %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} : tensor<?x48xf32>, tensor<144x48xf32>, tensor<3x48xf32>, tensor<144x3xf32>, tensor<3xf32> -> tensor<?x144xf32>
  %y = lora.linear %x, %w, %a, %b, %s bias %c
       : tensor<?x48xf32>, tensor<144x48xf32>, tensor<3x48xf32>, tensor<144x3xf32>, tensor<3xf32>, tensor<144xf32> -> tensor<?x144xf32>
  %z = lora.linear %x, %w, %a, %b, %s
       : tensor<?x48xf32>, tensor<144x48xf32>, tensor<3x48xf32>, tensor<144x3xf32>, tensor<3xf32> -> tensor<?x144xf32>
  return
}

// CHECK-LABEL: func.func @embedding(
func.func @embedding(%ids: tensor<?xi32>, %table: tensor<259x48xf32>, %a: tensor<259x3xf32>, %b: tensor<48x3xf32>, %s: tensor<3xf32>) {
  // CHECK: %{{.+}} = lora.embedding %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} : tensor<?xi32>, tensor<259x48xf32>, tensor<259x3xf32>, tensor<48x3xf32>, tensor<3xf32> -> tensor<?x48xf32>
  %y = lora.embedding %ids, %table, %a, %b, %s
       : tensor<?xi32>, tensor<259x48xf32>, tensor<259x3xf32>, tensor<48x3xf32>, tensor<3xf32> -> tensor<?x48xf32>
  return
}

// CHECK-LABEL: func.func @down(
func.func @down(%x: tensor<?x48xf32>, %a: tensor<6x48xf32>, %s: tensor<6xf32>) {
  // CHECK: %{{.+}} = lora.down %{{.+}}, %{{.+}}, %{{.+}} : tensor<?x48xf32>, tensor<6x48xf32>, tensor<6xf32> -> tensor<?x6xf32>
  %t = lora.down %x, %a, %s : tensor<?x48xf32>, tensor<6x48xf32>, tensor<6xf32> -> tensor<?x6xf32>
  return
}

// CHECK-LABEL: func.func @up(
func.func @up(%x: tensor<?x48xf32>, %w: tensor<72x48xf32>, %t: tensor<?x6xf32>, %b: tensor<72x3xf32>) {
  // CHECK: %{{.+}} = lora.up %{{.+}}, %{{.+}}, %{{.+}}[3], %{{.+}} : tensor<?x48xf32>, tensor<72x48xf32>, tensor<?x6xf32>, tensor<72x3xf32> -> tensor<?x72xf32>
  %y = lora.up %x, %w, %t[3], %b
       : tensor<?x48xf32>, tensor<72x48xf32>, tensor<?x6xf32>, tensor<72x3xf32> -> tensor<?x72xf32>
  return
}

// CHECK-LABEL: func.func @up_with_bias(
func.func @up_with_bias(%x: tensor<?x48xbf16>, %w: tensor<72x48xbf16>, %t: tensor<?x6xbf16>, %b: tensor<72x3xbf16>, %c: tensor<72xbf16>) {
  // CHECK: %{{.+}} = lora.up %{{.+}}, %{{.+}}, %{{.+}}[0], %{{.+}} bias %{{.+}} : tensor<?x48xbf16>, tensor<72x48xbf16>, tensor<?x6xbf16>, tensor<72x3xbf16>, tensor<72xbf16> -> tensor<?x72xbf16>
  %y = lora.up %x, %w, %t[0], %b bias %c : tensor<?x48xbf16>, tensor<72x48xbf16>, tensor<?x6xbf16>, tensor<72x3xbf16>, tensor<72xbf16> -> tensor<?x72xbf16>
  return
}

// CHECK-LABEL: func.func @down_static(
func.func @down_static(%x: tensor<5x48xbf16>, %a: tensor<6x48xbf16>, %s: tensor<6xf32>) {
  // CHECK: %{{.+}} = lora.down %{{.+}}, %{{.+}}, %{{.+}} : tensor<5x48xbf16>, tensor<6x48xbf16>, tensor<6xf32> -> tensor<5x6xbf16>
  %y = lora.down %x, %a, %s : tensor<5x48xbf16>, tensor<6x48xbf16>, tensor<6xf32> -> tensor<5x6xbf16>
  return
}
