// The output of lora-opt for users: names of values, and one line for each diagnostic.

// Names in the text are kept, through every pass. `%0` gets the name of its module, `%arg1` that of its slot.
// RUN: lora-opt %s -o %t.mlir
// RUN: FileCheck %s -check-prefix=NAMES < %t.mlir
// RUN: lora-opt %t.mlir -cse -canonicalize | FileCheck %s -check-prefix=NAMES
// RUN: lora-opt %s --mlir-use-nameloc-as-prefix=false | FileCheck %s -check-prefix=NUMBERS

// Branches are named after their slots, gradients after the values that they belong to.
// RUN: lora-opt %s -lora-insert="targets=q_proj rank=2" -o %t.insert.mlir
// RUN: FileCheck %s -check-prefix=INSERT < %t.insert.mlir
// RUN: lora-opt %t.insert.mlir -lora-fuse -lora-autodiff | FileCheck %s -check-prefix=GRADIENTS

// The line of a module is too long to be useful, so no diagnostic repeats it.
// RUN: not lora-opt %s -lora-attach 2>&1 | count 1
// RUN: not lora-opt %s -lora-attach 2>&1 | FileCheck %s -check-prefix=ERROR --match-full-lines --implicit-check-not=transformer.model
// RUN: lora-opt %s -lora-insert="targets=q_proj,k_prj rank=3" -o %t.out 2>&1 | FileCheck %s -check-prefix=WARNING --match-full-lines --implicit-check-not=transformer.model
// RUN: lora-opt %s -lora-insert="targets=q_proj rank=3" --remarks-filter=lora-insert -o %t.out 2>&1 | FileCheck %s -check-prefix=REMARK --implicit-check-not=transformer.model
// An option shows the operation.
// RUN: not lora-opt %s -lora-attach --mlir-print-op-on-diagnostic 2>&1 | FileCheck %s -check-prefix=OPERATION

// A pass that is asked for by name says that it found nothing to do; one in a pipeline does not.
// RUN: lora-opt %s -lora-merge -transformer-strip-cache -o %t.out 2>&1 | count 2
// RUN: lora-opt %s -lora-merge -transformer-strip-cache -o %t.out 2>&1 | FileCheck %s -check-prefix=IDLE --match-full-lines
// RUN: lora-opt %s -lora-lower=tokens=4 -o %t.out 2>&1 | count 0
// RUN: not lora-opt %s -transformer-specialize-tokens -o %t.out 2>&1 | FileCheck %s -check-prefix=TOKENS
// RUN: lora-opt %s -convert-transformer-to-onednn -o %t.out 2>&1 | FileCheck %s -check-prefix=DYNAMIC

// NAMES: func.func private @block(%x: tensor<?x6xf32>, %q_proj.weight: tensor<4x6xf32>
// NAMES-NEXT: %q_proj = transformer.linear %x, %q_proj.weight
// NAMES-NEXT: %act = transformer.activation %q_proj {kind = silu}
// NAMES-NEXT: return %act
// NAMES: %model.layers.0 = transformer.apply @block at "model.layers.0"(%hidden)

// NUMBERS: func.func private @block(%arg0: tensor<?x6xf32>, %arg1: tensor<4x6xf32>
// NUMBERS-NEXT: %0 = transformer.linear %arg0, %arg1

// INSERT: func.func private @block.lora(%x: {{.*}}, %q_proj.weight: {{.*}}, %q_proj.lora_A.weight: {{.*}}, %q_proj.lora_B.weight: {{.*}})
// INSERT: %q_proj = lora.linear %x, %q_proj.weight, %q_proj.lora_A.weight, %q_proj.lora_B.weight, %cst

// GRADIENTS: func.func private @block.lora.backward_first(%d.act: tensor<?x4xf32>, %q_proj{{.*}}, %x: tensor<?x6xf32>,
// GRADIENTS: %d.q_proj.lora_B.weight = transformer.matmul
// GRADIENTS: return %d.q_proj.lora_A.weight, %d.q_proj.lora_B.weight
// GRADIENTS: %d.model.layers.0 = transformer.apply @block.lora.backward_first

// ERROR: {{.*}}lora-opt.mlir:[[#]]:1: error: expected the option adapter-dir with the folder of a PEFT adapter

// WARNING: {{.*}}lora-opt.mlir:[[#]]:1: warning: lora-insert: no linear layer or embedding is named 'k_prj': did you mean 'q_proj'{{.*}}

// REMARK: lora-opt.mlir:[[#]]:1: remark: [Analysis] Branches | Category:lora-insert | {{.*}}Branches=1

// OPERATION: error: expected the option adapter-dir
// OPERATION: note: see current operation
// OPERATION-NEXT: "builtin.module"

// IDLE: {{.*}}lora-opt.mlir:[[#]]:1: remark: -lora-merge found nothing to do (Folds frozen low-rank branches into weight expressions)
// IDLE-NEXT: {{.*}}lora-opt.mlir:[[#]]:1: remark: -transformer-strip-cache found nothing to do (Replaces the key/value cache by the keys and values of the call)

// TOKENS: error: expected the option tokens with the numbers of tokens to make copies for, such as tokens=1,128

// DYNAMIC: remark: 1 matrix products are left as they are, because their number of tokens is not fixed; run -transformer-specialize-tokens first

module attributes {transformer.model = #transformer.model<{family = "llama", hidden_size = 6 : i64, layers = 1 : i64, max_positions = 4 : i64}>} {
func.func private @block(%x: tensor<?x6xf32>, %arg1: tensor<4x6xf32> {transformer.slot = "q_proj.weight"}) -> tensor<?x4xf32> {
  %0 = transformer.linear %x, %arg1 : tensor<?x6xf32>, tensor<4x6xf32> -> tensor<?x4xf32>
  %act = transformer.activation %0 {kind = silu} : tensor<?x4xf32>
  return %act : tensor<?x4xf32>
}
func.func @loss(%hidden: tensor<?x6xf32>, %labels: tensor<?xi32>) -> tensor<f32> {
  %0 = transformer.apply @block at "model.layers.0"(%hidden) : (tensor<?x6xf32>) -> tensor<?x4xf32>
  %loss, %lse = transformer.cross_entropy %0, %labels : tensor<?x4xf32>, tensor<?xi32> -> tensor<f32>, tensor<?xf32>
  return %loss : tensor<f32>
}
}
