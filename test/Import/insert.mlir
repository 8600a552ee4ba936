// RUN: lora-opt %s -lora-insert="targets=q_proj,o_proj rank=2 alpha=3 seed=7" | FileCheck %s -enable-var-scope
// RUN: lora-opt %s -lora-insert="regex=.*\.1\..*_proj rank=2 train=false rslora=true" | FileCheck %s -check-prefix=REGEX
// RUN: lora-opt %s -lora-insert="targets=all-linear rank=2 rank-pattern=layers.0.q_proj=4,q_proj=1 alpha-pattern=o_proj=5" | FileCheck %s -check-prefix=PATTERN
// RUN: lora-opt %s -lora-insert="targets=q_proj layers=1 exclude=layers.0.q_proj" | FileCheck %s -check-prefix=LAYERS
// RUN: lora-opt %s -lora-insert=config=%fixtures/llama/adapter/adapter_config.json | FileCheck %s -check-prefix=CONFIG
// RUN: lora-opt %s -lora-insert=targets=q_proj,o_prj 2>&1 >/dev/null | FileCheck %s -check-prefix=WARN
// RUN: not lora-opt %s -lora-insert=targets=qproj 2>&1 >/dev/null | FileCheck %s -check-prefix=NONE
// RUN: not lora-opt %s -lora-insert=targets=norm 2>&1 >/dev/null | FileCheck %s -check-prefix=NORM
// RUN: not lora-opt %s -lora-insert="targets=q_proj regex=q" 2>&1 >/dev/null | FileCheck %s -check-prefix=BOTH
// RUN: not lora-opt %s -lora-insert="targets=q_proj rank-pattern=a" 2>&1 >/dev/null | FileCheck %s -check-prefix=NUMBER
// Adapters that PEFT makes without a warning.
// RUN: lora-opt %s -lora-insert="targets=q_proj,o_proj rank=5 alpha-pattern=q_proj=-3,o_proj=0 exclude=k_prj,layers.1.q_prj layers=0,7 rank-pattern=q_prj=2" -o %t 2>&1 | FileCheck %s -check-prefix=ODD
// Messages use the names of the options.
// RUN: not lora-opt %s -lora-insert="targets=q_proj rank=0" 2>&1 | FileCheck %s -check-prefix=RANK
// RUN: not lora-opt %s -lora-insert="targets=q_proj alpha=nan" 2>&1 | FileCheck %s -check-prefix=ALPHA
// RUN: not lora-opt %s -lora-insert="targets=q_proj alpha-pattern=q_proj=inf" 2>&1 | FileCheck %s -check-prefix=INF
// RUN: not lora-opt %s -lora-insert="targets=all-linear layers=1" 2>&1 | FileCheck %s -check-prefix=ALL
// RUN: not lora-opt %s -lora-insert="targets=q_proj layers-pattern=h" 2>&1 | FileCheck %s -check-prefix=LIST
// RUN: not lora-opt %s -lora-insert="regex=q_proj" 2>&1 | FileCheck %s -check-prefix=WHOLE
// RUN: not lora-opt %s -lora-insert 2>&1 | FileCheck %s -check-prefix=NOTARGETS
// RUN: not lora-opt %s -lora-insert="config=%fixtures/llama/adapter/adapter_config.json rank=3" 2>&1 | FileCheck %s -check-prefix=CONFIGRANK

// ODD: warning: lora-insert: the pattern 'q_prj' of rank-pattern or alpha-pattern matches no target: did you mean 'q_proj'
// ODD: warning: lora-insert: exclude has no effect: no layer is named 'k_prj': did you mean {{.*}}'q_proj'
// ODD: warning: lora-insert: exclude has no effect: no layer is named 'layers.1.q_prj': did you mean {{.*}}'layers.1.q_proj'
// ODD: warning: lora-insert: layers: the model has no layer 7
// ODD: warning: lora-insert: rank 5 of 'model.layers.0.q_proj' is above 4, the smaller dimension of its weight [4, 6]: a higher rank adds numbers, but no change of the weight (so for 2 branches)
// ODD: warning: lora-insert: alpha of 'model.layers.0.o_proj' is 0, so its branch adds nothing and does not learn
// ODD: warning: lora-insert: alpha of 'model.layers.0.q_proj' is negative, so its scale is -6.000000e-01
// RANK: error: lora-insert: expected 'rank' to be a positive integer, but got 0
// ALPHA: error: lora-insert: expected 'alpha' to be a finite number, but got nan
// INF: error: lora-insert: expected KEY=NUMBER in 'alpha-pattern', but got 'q_proj=inf'
// ALL: error: lora-insert: 'layers' and 'layers-pattern' limit names in 'targets', and cannot be used with 'targets=all-linear'; say the layers in 'regex'
// LIST: error: lora-insert: 'layers-pattern' names the list that 'layers' counts in, but 'layers' is not given
// WHOLE: error: lora-insert: regex selects no layer of the model: the whole of a path must match, for instance 'model.layers.0.q_proj'
// NOTARGETS: error: lora-insert: no targets are given, and this architecture has no usual targets; name them, for instance "all-linear"
// CONFIGRANK: error: lora-insert: expected either 'config' or 'rank', but got both; say it in {{.*}}adapter_config.json

// CHECK-LABEL: func.func private @block.lora(
// CHECK-SAME: tensor<2x6xf32> {transformer.role = #transformer.role<trainable>, transformer.slot = "q_proj.lora_A.weight", transformer.value = #transformer.init<kaiming_uniform, "q_proj.lora_A.weight", tensor<2x6xf32>, seed = 7>}
// CHECK-SAME: tensor<4x2xf32> {transformer.role = #transformer.role<trainable>, transformer.slot = "q_proj.lora_B.weight", transformer.value = #transformer.init<zeros, "q_proj.lora_B.weight", tensor<4x2xf32>, seed = 7>}
// CHECK: arith.constant dense<1.500000e+00> : tensor<2xf32>
// CHECK: lora.linear
// CHECK: lora.linear

// The first layer keeps the block; alpha / sqrt(rank) = 8 / sqrt(2).
// REGEX-LABEL: func.func private @block(
// REGEX-LABEL: func.func private @block.lora(
// REGEX-NOT: trainable
// REGEX: arith.constant dense<5.65685{{[0-9]*}}> : tensor<2xf32>
// REGEX: transformer.apply @block at "model.layers.0"
// REGEX: transformer.apply @block.lora at "model.layers.1"

// The first key that matches gives the rank; with all-linear the output embedding gets no branch.
// PATTERN: tensor<4x6xf32> {{.*}}"q_proj.lora_A.weight"
// PATTERN: tensor<1x6xf32> {{.*}}"q_proj.lora_A.weight"
// PATTERN-LABEL: func.func private @head(
// PATTERN: transformer.linear
// PATTERN: transformer.apply @block.lora at "model.layers.0"
// PATTERN: transformer.apply @block.lora_1 at "model.layers.1"

// LAYERS: transformer.apply @block at "model.layers.0"
// LAYERS: transformer.apply @block.lora at "model.layers.1"

// The fixture's config names q_proj, r 3, and v_proj, which is not here.
// CONFIG: tensor<3x6xf32> {{.*}}"q_proj.lora_A.weight"

// WARN: warning: lora-insert: no linear layer or embedding is named 'o_prj': did you mean 'o_proj'
// NONE: error: lora-insert: targets selects no layer of the model: no linear layer or embedding is named 'qproj': did you mean 'q_proj'
// NORM: error: lora-insert: targets selects 'model.layers.0.norm', which is neither a linear layer nor an embedding; PEFT refuses it too
// BOTH: error: lora-insert: expected either targets or regex, but got both
// NUMBER: error: lora-insert: expected KEY=NUMBER in 'rank-pattern', but got 'a'
module attributes {transformer.model = #transformer.model<{output_layer = "lm_head", vocab_size = 9 : i64}>} {
func.func private @block(%x: tensor<?x6xf32>, %n: tensor<6xf32> {transformer.slot = "norm.weight"},
    %q: tensor<4x6xf32> {transformer.slot = "q_proj.weight"}, %o: tensor<6x4xf32> {transformer.slot = "o_proj.weight"}) -> tensor<?x6xf32> {
  %0 = transformer.rms_norm %x, %n {eps = 1.0e-6 : f64} : tensor<?x6xf32>, tensor<6xf32>
  %1 = transformer.linear %0, %q : tensor<?x6xf32>, tensor<4x6xf32> -> tensor<?x4xf32>
  %2 = transformer.linear %1, %o : tensor<?x4xf32>, tensor<6x4xf32> -> tensor<?x6xf32>
  return %2 : tensor<?x6xf32>
}
func.func private @head(%x: tensor<?x6xf32>, %w: tensor<9x6xf32> {transformer.slot = "weight"}) -> tensor<?x9xf32> {
  %0 = transformer.linear %x, %w : tensor<?x6xf32>, tensor<9x6xf32> -> tensor<?x9xf32>
  return %0 : tensor<?x9xf32>
}
func.func @forward(%x: tensor<?x6xf32>) -> tensor<?x9xf32> {
  %0 = transformer.apply @block at "model.layers.0"(%x) : (tensor<?x6xf32>) -> tensor<?x6xf32>
  %1 = transformer.apply @block at "model.layers.1"(%0) : (tensor<?x6xf32>) -> tensor<?x6xf32>
  %2 = transformer.apply @head at "lm_head"(%1) : (tensor<?x6xf32>) -> tensor<?x9xf32>
  return %2 : tensor<?x9xf32>
}
}
