// RUN: lora-opt %s -transformer-add-loss -split-input-file -verify-diagnostics

// expected-error @below {{expected a function 'hidden_states' to make the loss of}}
module {
  func.func @logits(%h: tensor<?x48xf32>) -> tensor<?x48xf32> {
    return %h : tensor<?x48xf32>
  }
}

// -----

// expected-error @below {{expected a function 'logits' to make the loss of}}
module {
  func.func @hidden_states(%ids: tensor<?xi32>, %seq: tensor<4x?xi32>) -> tensor<?xi32> {
    return %ids : tensor<?xi32>
  }
}

// -----

module {
  // expected-error @below {{expected 2 arguments and one result, but got}}
  func.func @hidden_states(%ids: tensor<?xi32>) -> tensor<?xi32> {
    return %ids : tensor<?xi32>
  }
  func.func @logits(%h: tensor<?x48xf32>) -> tensor<?x48xf32> {
    return %h : tensor<?x48xf32>
  }
}
