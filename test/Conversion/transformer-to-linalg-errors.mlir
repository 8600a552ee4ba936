// RUN: lora-opt %s -convert-transformer-to-linalg -split-input-file -verify-diagnostics

// A decomposition cannot read a packed weight.
func.func @packed(%x: tensor<16x48xbf16>, %w: tensor<144x48xbf16, #onednn.packed<"any">>) -> tensor<16x144xbf16> {
  // expected-error @below {{'transformer.linear' op expected operands without a layout, because the decomposition reads plain tensors}}
  %y = transformer.linear %x, %w : tensor<16x48xbf16>, tensor<144x48xbf16, #onednn.packed<"any">> -> tensor<16x144xbf16>
  return %y : tensor<16x144xbf16>
}

// -----

// Operations on whole blocks are not decomposed.
func.func private @block(%x: tensor<?x48xf32>) -> tensor<?x48xf32>
func.func @apply(%x: tensor<?x48xf32>) -> tensor<?x48xf32> {
  %y = transformer.apply @block at "model.norm"(%x) : (tensor<?x48xf32>) -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}
