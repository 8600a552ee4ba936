// RUN: lora-opt %s -lora-add-gradient -split-input-file -verify-diagnostics
// RUN: not lora-opt %s -lora-add-gradient=functions=unsed -split-input-file 2>&1 | FileCheck %s

// CHECK: error: expected a function 'unsed' with a body to differentiate: did you mean 'unused'

// expected-error @below {{expected argument 1 to influence a result}}
func.func @unused(%x: tensor<?x6xf64>, %s: tensor<6xf64>) -> tensor<?x6xf64> {
  return %x : tensor<?x6xf64>
}

// -----

func.func @angles(%x: tensor<?x8xf64>, %cos: tensor<?x2xf64>, %sin: tensor<?x2xf64>) -> tensor<?x8xf64> {
  // expected-error @below {{expected rotary angles to be constants, but their gradient is asked for}}
  %y = transformer.rotary %x, %cos, %sin {head_dim = 4 : i64} : tensor<?x8xf64>, tensor<?x2xf64>
  return %y : tensor<?x8xf64>
}

// -----

func.func @lse(%x: tensor<?x8xf64>, %labels: tensor<?xi32>) -> tensor<?xf64> {
  // expected-error @below {{expected only the loss to be differentiated, but got a gradient of lse}}
  %loss, %lse = transformer.cross_entropy %x, %labels : tensor<?x8xf64>, tensor<?xi32> -> tensor<f64>, tensor<?xf64>
  return %lse : tensor<?xf64>
}
