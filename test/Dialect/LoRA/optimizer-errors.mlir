// RUN: lora-opt %s -lora-optimizer -split-input-file -verify-diagnostics
// RUN: not lora-opt %s -lora-optimizer=optimizer=lion 2>&1 | FileCheck %s

// CHECK: error: --optimizer: unknown value 'lion'

module {
  // expected-error @below {{expected gradients to update parameters with}}
  func.func @train_step(%loss: tensor<f32>) -> tensor<f32> {
    return %loss : tensor<f32>
  }
}

// -----

// expected-error @below {{expected a training step 'train_step'; -lora-autodiff makes 'train_step'}}
module {
}
