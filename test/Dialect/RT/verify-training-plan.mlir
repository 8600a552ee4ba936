// RUN: lora-opt %s -rt-verify-training-plan -split-input-file -verify-diagnostics

// 1000 bytes for each token and 512 constant bytes: fewer than the 13824 of the weight.
module attributes {rt.slot_table = [
    #rt.slot<param, "layers.0", "k_proj.weight", tensor<72x48xf32> value = #transformer.base<"k_proj.weight", tensor<72x48xf32>>>,
    #rt.slot<trainable, "layers.0", "k_proj.lora_A.weight", tensor<3x48xf32> value = #transformer.init<zeros, "k_proj.lora_A.weight", tensor<3x48xf32>, seed = 0> offset = 0>]} {
  func.func @train_step.t8(%ctx: !rt.context) attributes {rt.frame_bytes = 8512 : i64, rt.entry = #rt.entry<name = "train_step.t8", function = "train_step", tokens = 8, inputs = [], outputs = []>} { return }
  func.func @train_step.t24(%ctx: !rt.context) attributes {rt.frame_bytes = 24512 : i64, rt.entry = #rt.entry<name = "train_step.t24", function = "train_step", tokens = 24, inputs = [], outputs = []>} { return }
}

// -----

// The same with a gradient that has the weight's shape.
module attributes {rt.slot_table = [
    #rt.slot<param, "layers.0", "k_proj.weight", tensor<72x48xf32> value = #transformer.base<"k_proj.weight", tensor<72x48xf32>>>,
    #rt.slot<trainable, "layers.0", "k_proj.lora_A.weight", tensor<3x48xf32> value = #transformer.init<zeros, "k_proj.lora_A.weight", tensor<3x48xf32>, seed = 0> offset = 0>]} {
  // expected-error @below {{expected the part of the frame that does not grow with the number of tokens to be smaller than the smallest adapted weight, 13824 bytes, but got 14336}}
  func.func @train_step.t8(%ctx: !rt.context) attributes {rt.frame_bytes = 22336 : i64, rt.entry = #rt.entry<name = "train_step.t8", function = "train_step", tokens = 8, inputs = [], outputs = []>} { return }
  func.func @train_step.t24(%ctx: !rt.context) attributes {rt.frame_bytes = 38336 : i64, rt.entry = #rt.entry<name = "train_step.t24", function = "train_step", tokens = 24, inputs = [], outputs = []>} { return }
}

// -----

// The weight of the large frame has no trainable at its path; and the constant part does not follow from one number of tokens.
module attributes {rt.slot_table = [
    #rt.slot<param, "layers.0", "k_proj.weight", tensor<72x48xf32> value = #transformer.base<"k_proj.weight", tensor<72x48xf32>>>,
    #rt.slot<trainable, "layers.1", "k_proj.lora_A.weight", tensor<3x48xf32> value = #transformer.init<zeros, "k_proj.lora_A.weight", tensor<3x48xf32>, seed = 0> offset = 0>]} {
  func.func @train_step.t8(%ctx: !rt.context) attributes {rt.frame_bytes = 22336 : i64, rt.entry = #rt.entry<name = "train_step.t8", function = "train_step", tokens = 8, inputs = [], outputs = []>} { return }
}
