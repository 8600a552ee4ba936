// RUN: lora-opt %s -split-input-file -verify-diagnostics | lora-opt -split-input-file | FileCheck %s

// Weight expressions of one application only, and what (C4) refuses.

func.func private @norm(%x: tensor<?x6xf32>, %w: tensor<6xf32> {transformer.slot = "norm.weight"}) -> tensor<?x6xf32> {
  %0 = transformer.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x6xf32>, tensor<6xf32>
  return %0 : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<?x6xf32>) -> tensor<?x6xf32> {
  // CHECK: transformer.apply @norm at "a"(%{{.+}}) {values = {norm.weight = #transformer.cast<#transformer.base<"norm.weight", tensor<6xbf16>> to tensor<6xf32>>}} : (tensor<?x6xf32>) -> tensor<?x6xf32>
  %0 = transformer.apply @norm at "a"(%x) {values = {norm.weight = #transformer.cast<#transformer.base<"norm.weight", tensor<6xbf16>> to tensor<6xf32>>}} : (tensor<?x6xf32>) -> tensor<?x6xf32>
  // CHECK: transformer.apply @norm at "b"(%{{.+}}) : (tensor<?x6xf32>) -> tensor<?x6xf32>
  %1 = transformer.apply @norm at "b"(%0) : (tensor<?x6xf32>) -> tensor<?x6xf32>
  return %1 : tensor<?x6xf32>
}

// -----

// expected-note @below {{the block is here}}
func.func private @norm(%x: tensor<?x6xf32>, %w: tensor<6xf32> {transformer.slot = "norm.weight"}) -> tensor<?x6xf32> {
  return %x : tensor<?x6xf32>
}

func.func @c4_unknown_slot(%x: tensor<?x6xf32>) -> tensor<?x6xf32> {
  // expected-error @below {{expected 'norm.bias' among the values to be a slot of 'norm' that is not a state}}
  %0 = transformer.apply @norm at "a"(%x) {values = {norm.bias = #transformer.base<"norm.bias", tensor<6xf32>>}} : (tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// -----

// expected-note @below {{the block is here}}
func.func private @cache(%x: tensor<?x6xf32>, %s: tensor<?x6xf32> {transformer.slot = "cache", transformer.role = #transformer.role<state>}) -> tensor<?x6xf32> {
  return %x : tensor<?x6xf32>
}

func.func @c4_state(%x: tensor<?x6xf32>) -> tensor<?x6xf32> {
  // expected-error @below {{expected 'cache' among the values to be a slot of 'cache' that is not a state}}
  %0 = transformer.apply @cache at "a"(%x) {values = {cache = #transformer.base<"cache", tensor<6x6xf32>>}} : (tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// -----

func.func private @norm(%x: tensor<?x6xf32>, %w: tensor<6xf32> {transformer.slot = "norm.weight"}) -> tensor<?x6xf32> {
  return %x : tensor<?x6xf32>
}

func.func @c4_not_an_expression(%x: tensor<?x6xf32>) -> tensor<?x6xf32> {
  // expected-error @below {{expected the value of 'norm.weight' to be a weight expression, but got 1 : i64}}
  %0 = transformer.apply @norm at "a"(%x) {values = {norm.weight = 1 : i64}} : (tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// -----

func.func private @norm(%x: tensor<?x6xf32>, %w: tensor<6xf32> {transformer.slot = "norm.weight"}) -> tensor<?x6xf32> {
  return %x : tensor<?x6xf32>
}

func.func @c4_type(%x: tensor<?x6xf32>) -> tensor<?x6xf32> {
  // expected-error @below {{expected the value of 'norm.weight' to have type 'tensor<6xf32>', but got 'tensor<6xbf16>'}}
  %0 = transformer.apply @norm at "a"(%x) {values = {norm.weight = #transformer.base<"norm.weight", tensor<6xbf16>>}} : (tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}
