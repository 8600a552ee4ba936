// RUN: lora-opt %s -lora-autodiff -split-input-file -verify-diagnostics

// expected-error @below {{expected a function 'loss' to differentiate; -transformer-add-loss makes 'loss'}}
module {
}

// -----

module {
  // expected-error @below {{expected one result, a floating-point tensor of rank 0, but got}}
  func.func @loss(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
    return %x : tensor<?x8xf32>
  }
}

// -----

module {
  // expected-error @below {{expected a block with a trainable slot, but nothing that it applies has one: attach the adapter with train}}
  func.func @loss(%x: tensor<f32>) -> tensor<f32> {
    return %x : tensor<f32>
  }
}

// -----

// An operation on the active path without a rule: the message names it, and gives advice.

func.func private @cached(%x: tensor<?x8xf32>, %seq: tensor<4x?xi32>,
    %w: tensor<8x8xf32> {transformer.slot = "weight", transformer.role = #transformer.role<trainable>},
    %kc: tensor<?x8xf32> {transformer.slot = "key_cache", transformer.role = #transformer.role<state>})
    -> (tensor<?x8xf32>, tensor<?x8xf32> {transformer.next = "key_cache"}) {
  %k = transformer.linear %x, %w : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  // expected-error @below {{'transformer.cache_write' op expected an operation with a gradient rule, because the loss depends on a trainable parameter through it}}
  // expected-note @below {{training has no cache: run -transformer-strip-cache first}}
  %kc1 = transformer.cache_write %kc, %k, %seq : tensor<?x8xf32>, tensor<?x8xf32>, tensor<4x?xi32>
  %o, %lse = transformer.attention %x, %kc1, %kc1, %seq {heads = 2 : i64, kv_heads = 2 : i64, scale = 0.5 : f64}
             : tensor<?x8xf32>, tensor<?x8xf32>, tensor<4x?xi32> -> tensor<?x2xf32>
  return %o, %kc1 : tensor<?x8xf32>, tensor<?x8xf32>
}
func.func @loss(%x: tensor<?x8xf32>, %seq: tensor<4x?xi32>, %labels: tensor<?xi32>) -> tensor<f32> {
  %0 = transformer.apply @cached at "layers.0"(%x, %seq) : (tensor<?x8xf32>, tensor<4x?xi32>) -> tensor<?x8xf32>
  %loss, %lse = transformer.cross_entropy %0, %labels : tensor<?x8xf32>, tensor<?xi32> -> tensor<f32>, tensor<?xf32>
  return %loss : tensor<f32>
}

// -----

// A rule that fails.

func.func private @scaled(%x: tensor<?x8xf32>,
    %w: tensor<6x8xf32> {transformer.slot = "weight"},
    %a: tensor<3x8xf32> {transformer.slot = "lora_A.weight"},
    %b: tensor<6x3xf32> {transformer.slot = "lora_B.weight"},
    %s: tensor<3xf32> {transformer.slot = "scale", transformer.role = #transformer.role<trainable>}) -> tensor<?x6xf32> {
  // expected-error @below {{expected the scale to be a constant, but its gradient is asked for}}
  %y = lora.linear %x, %w, %a, %b, %s : tensor<?x8xf32>, tensor<6x8xf32>, tensor<3x8xf32>, tensor<6x3xf32>, tensor<3xf32> -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}
func.func @loss(%x: tensor<?x8xf32>, %labels: tensor<?xi32>) -> tensor<f32> {
  %0 = transformer.apply @scaled at "layers.0"(%x) : (tensor<?x8xf32>) -> tensor<?x6xf32>
  %loss, %lse = transformer.cross_entropy %0, %labels : tensor<?x6xf32>, tensor<?xi32> -> tensor<f32>, tensor<?xf32>
  return %loss : tensor<f32>
}

// -----

// Two applications use one parameter, so their gradients would have to be added.

func.func private @head(%x: tensor<?x8xf32>,
    %w: tensor<8x8xf32> {transformer.slot = "weight", transformer.role = #transformer.role<trainable>}) -> tensor<?x8xf32> {
  %y = transformer.linear %x, %w : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @loss(%x: tensor<?x8xf32>, %labels: tensor<?xi32>) -> tensor<f32> {
  // expected-error @below {{expected one application to use trainable parameter 'tied.weight', but there are two}}
  %0 = transformer.apply @head at "tied"(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // expected-note @below {{the other one is here}}
  %1 = transformer.apply @head at "tied"(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %loss, %lse = transformer.cross_entropy %1, %labels : tensor<?x8xf32>, tensor<?xi32> -> tensor<f32>, tensor<?xf32>
  return %loss : tensor<f32>
}
