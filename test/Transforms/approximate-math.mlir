// RUN: lora-opt %s -approximate-math | FileCheck %s

// CHECK-LABEL: func.func @narrow(
// CHECK-NOT:     math.exp
// CHECK-NOT:     math.tanh
// CHECK-NOT:     math.erf
// CHECK:         return
func.func @narrow(%x: f32, %v: vector<8xf32>, %b: bf16) -> (f32, vector<8xf32>, bf16) {
  %0 = math.exp %x : f32
  %1 = math.tanh %v : vector<8xf32>
  %2 = math.erf %b : bf16
  return %0, %1, %2 : f32, vector<8xf32>, bf16
}

// Not approximated: the polynomial is not accurate near multiples of pi, or the type is f64.

// CHECK-LABEL: func.func @stays(
// CHECK:         math.sin
// CHECK:         math.cos
// CHECK:         math.exp %{{.+}} : f64
func.func @stays(%x: f32, %y: f64) -> (f32, f32, f64) {
  %0 = math.sin %x : f32
  %1 = math.cos %x : f32
  %2 = math.exp %y : f64
  return %0, %1, %2 : f32, f32, f64
}
