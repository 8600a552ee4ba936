// RUN: lora-opt %s -convert-rt-to-llvm -split-input-file -verify-diagnostics

// IR that is not lowered far enough; the message names the passes that lower it.

// expected-error @below {{expected buffers, but argument 0 is 'tensor<4x6xf32>'; run -lora-lower first}}
func.func @tensors(%x: tensor<4x6xf32>) {
  return
}

// -----

// expected-error @below {{expected buffers of static shapes, but argument 1 is 'memref<?x6xf32>'; run -lora-lower=tokens=N first}}
func.func @dynamic(%c: !rt.context, %x: memref<?x6xf32>) {
  return
}

// -----

func.func @graph() -> tensor<4xf32> {
  // expected-error @below {{'tensor.empty' op expected operations of rt, func, memref, arith, cf and index only; run -lora-lower, then -lora-to-llvm}}
  %0 = tensor.empty() : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @loop(%n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error @below {{'scf.for' op expected operations of rt, func, memref, arith, cf and index only; run -lora-to-llvm, of which this pass is the last part}}
  scf.for %i = %c0 to %n step %c1 {
  }
  return
}
