// RUN: lora-opt %s -lora-verify-training-memory -split-input-file -verify-diagnostics

// Parameters, their gradients, casts of trainable ones and activations are accepted; so is a weight of the same shape
// as a gradient of a matrix A.

func.func private @ok(%x: tensor<?x8xf32>, %dy: tensor<?x3xf32>,
    %w: tensor<3x8xf32> {transformer.slot = "q_proj.weight"},
    %a: tensor<3x8xf64> {transformer.slot = "q_proj.lora_A.weight", transformer.role = #transformer.role<trainable>},
    %b: tensor<3x3xf32> {transformer.slot = "q_proj.lora_B.weight", transformer.role = #transformer.role<trainable>})
    -> (tensor<?x3xf32>, tensor<3x8xf64> {transformer.grad = "q_proj.lora_A.weight"}) {
  %s = arith.constant dense<2.0> : tensor<3xf32>
  %a32 = transformer.cast %a : tensor<3x8xf64> -> tensor<3x8xf32>
  %y = lora.linear %x, %w, %a32, %b, %s : tensor<?x8xf32>, tensor<3x8xf32>, tensor<3x8xf32>, tensor<3x3xf32>, tensor<3xf32> -> tensor<?x3xf32>
  %d0 = transformer.matmul %dy, %x {transpose_a} : tensor<?x3xf32>, tensor<?x8xf32> -> tensor<3x8xf32>
  %d1 = transformer.matmul %y, %x {transpose_a} : tensor<?x3xf32>, tensor<?x8xf32> -> tensor<3x8xf32>
  %d2 = transformer.add %d0, %d1 : tensor<3x8xf32>
  %d = transformer.cast %d2 : tensor<3x8xf32> -> tensor<3x8xf64>
  return %y, %d : tensor<?x3xf32>, tensor<3x8xf64>
}

// -----

// A gradient of the frozen weight, in either orientation.

func.func private @up(%x: tensor<?x8xf32>, %w: tensor<6x8xf32> {transformer.slot = "q_proj.weight"}, %t: tensor<?x3xf32>,
    %b: tensor<6x3xf32> {transformer.slot = "q_proj.lora_B.weight"}) -> tensor<?x6xf32> {
  // expected-note @below {{the weight is adapted here}}
  %y = lora.up %x, %w, %t[0], %b : tensor<?x8xf32>, tensor<6x8xf32>, tensor<?x3xf32>, tensor<6x3xf32> -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}
func.func private @up.backward(%x: tensor<?x8xf32>, %dy: tensor<?x6xf32>) -> tensor<?x6xf32> {
  // expected-error @below {{expected no temporary with both dimensions of an adapted weight, but got 'tensor<8x6xf32>'}}
  %dw = transformer.matmul %x, %dy {transpose_a} : tensor<?x8xf32>, tensor<?x6xf32> -> tensor<8x6xf32>
  %z = transformer.matmul %x, %dw : tensor<?x8xf32>, tensor<8x6xf32> -> tensor<?x6xf32>
  return %z : tensor<?x6xf32>
}

// -----

// B A as a temporary.

func.func private @delta(%x: tensor<?x8xf32>, %w: tensor<6x8xf32> {transformer.slot = "q_proj.weight"},
    %a: tensor<3x8xf32> {transformer.slot = "q_proj.lora_A.weight", transformer.role = #transformer.role<trainable>},
    %b: tensor<6x3xf32> {transformer.slot = "q_proj.lora_B.weight", transformer.role = #transformer.role<trainable>}) -> tensor<?x6xf32> {
  %s = arith.constant dense<2.0> : tensor<3xf32>
  // expected-note @below {{the weight is adapted here}}
  %y = lora.linear %x, %w, %a, %b, %s : tensor<?x8xf32>, tensor<6x8xf32>, tensor<3x8xf32>, tensor<6x3xf32>, tensor<3xf32> -> tensor<?x6xf32>
  // expected-error @below {{expected no temporary with both dimensions of an adapted weight, but got 'tensor<6x8xf32>'}}
  %ba = transformer.matmul %b, %a : tensor<6x3xf32>, tensor<3x8xf32> -> tensor<6x8xf32>
  return %y : tensor<?x6xf32>
}

// -----

// A copy of the frozen weight.

func.func private @copy(%x: tensor<?x6xf32>, %w: tensor<6x6xf64> {transformer.slot = "q_proj.weight"},
    %a: tensor<3x6xf32> {transformer.slot = "q_proj.lora_A.weight", transformer.role = #transformer.role<trainable>},
    %b: tensor<6x3xf32> {transformer.slot = "q_proj.lora_B.weight", transformer.role = #transformer.role<trainable>}) -> tensor<?x6xf32> {
  %s = arith.constant dense<2.0> : tensor<3xf32>
  // expected-error @below {{expected no temporary with both dimensions of an adapted weight, but got 'tensor<6x6xf32>'}}
  %w32 = transformer.cast %w : tensor<6x6xf64> -> tensor<6x6xf32>
  // expected-note @below {{the weight is adapted here}}
  %y = lora.linear %x, %w32, %a, %b, %s : tensor<?x6xf32>, tensor<6x6xf32>, tensor<3x6xf32>, tensor<6x3xf32>, tensor<3xf32> -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// -----

// Scores that are kept: tokens x tokens.

func.func private @scores(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-error @below {{expected no value to be tokens x tokens, but got 'tensor<?x?xf32>'}}
  %s = transformer.matmul %q, %k {transpose_b} : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x?xf32>
  %y = transformer.matmul %s, %k : tensor<?x?xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// Without an adapter there is no adapted weight.

// expected-remark @below {{no weight carries a low-rank branch}}
module {
  func.func private @plain(%x: tensor<?x8xf32>, %dy: tensor<?x6xf32>) -> tensor<6x8xf32> {
    %dw = transformer.matmul %dy, %x {transpose_a} : tensor<?x6xf32>, tensor<?x8xf32> -> tensor<6x8xf32>
    return %dw : tensor<6x8xf32>
  }
}
