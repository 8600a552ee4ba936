// RUN: lora-opt %s -split-input-file -verify-diagnostics

// A case for each constraint; the label of RTOps.td is in the function's name.

func.func @slot_c1(%ctx: !rt.context, %slots: !rt.slots) {
  // expected-error @below {{expected only the leading dimension to be dynamic, but got 'memref<4x?xf32>'}}
  %0 = rt.slot %ctx, %slots[0] : memref<4x?xf32>
  return
}

// -----

func.func @frame_view_c1_strided(%frame: !rt.frame) {
  // expected-error @below {{expected a contiguous buffer, but got 'memref<4x6xf32, strided<[8, 1]>>'}}
  %0 = rt.frame_view %frame[64] : memref<4x6xf32, strided<[8, 1]>>
  return
}

// -----

func.func @frame_view_c1_dynamic(%frame: !rt.frame) {
  // expected-error @below {{result #0 must be statically shaped memref}}
  %0 = rt.frame_view %frame[64] : memref<?x6xf32>
  return
}

// -----

func.func @frame_view_c2(%frame: !rt.frame) {
  // expected-error @below {{expected the offset to be a multiple of 64, not negative, but got 72}}
  %0 = rt.frame_view %frame[72] : memref<4x6xf32>
  return
}

// -----

func.func @frame_view_c2_negative(%frame: !rt.frame) {
  // expected-error @below {{expected the offset to be a multiple of 64, not negative, but got -64}}
  %0 = rt.frame_view %frame[-64] : memref<4x6xf32>
  return
}

// -----

func.func private @f(memref<4xf32>)
func.func @execute_c1(%ctx: !rt.context, %m: memref<4xf32>) {
  // expected-error @below {{expected 'f' to be an rt.primitive}}
  rt.execute %ctx, @f(%m) : memref<4xf32>
  return
}

// -----

func.func @execute_c1_missing(%ctx: !rt.context, %m: memref<4xf32>) {
  // expected-error @below {{expected 'matmul' to be an rt.primitive}}
  rt.execute %ctx, @matmul(%m) : memref<4xf32>
  return
}

// -----

rt.primitive @p <{kind = "matmul"}>
func.func @execute_group_c1_one(%ctx: !rt.context, %m: memref<4xf32>) {
  // expected-error @below {{expected 2 to 8 primitives, but got 1}}
  rt.execute_group %ctx, [@p](%m) counts [1] : memref<4xf32>
  return
}

// -----

rt.primitive @p <{kind = "matmul"}>
func.func @execute_group_c1_missing(%ctx: !rt.context, %m: memref<4xf32>) {
  // expected-error @below {{expected 'q' to be an rt.primitive}}
  rt.execute_group %ctx, [@p, @q](%m, %m) counts [1, 1] : memref<4xf32>, memref<4xf32>
  return
}

// -----

rt.primitive @p <{kind = "matmul"}>
func.func @execute_group_c2(%ctx: !rt.context, %m: memref<4xf32>) {
  // expected-error @below {{expected the positive counts of 2 primitives, in all 3}}
  rt.execute_group %ctx, [@p, @p](%m, %m, %m) counts [1, 1] : memref<4xf32>, memref<4xf32>, memref<4xf32>
  return
}

// -----

rt.primitive @p <{kind = "matmul"}>
func.func @execute_group_c2_negative(%ctx: !rt.context, %m: memref<4xf32>) {
  // expected-error @below {{expected the positive counts of 2 primitives, in all 3}}
  rt.execute_group %ctx, [@p, @p](%m, %m, %m) counts [-1, 4] : memref<4xf32>, memref<4xf32>, memref<4xf32>
  return
}

// -----

rt.primitive @p <{kind = "matmul"}>
func.func @execute_group_c2_zero(%ctx: !rt.context, %m: memref<4xf32>) {
  // expected-error @below {{expected the positive counts of 2 primitives, in all 3}}
  rt.execute_group %ctx, [@p, @p](%m, %m, %m) counts [0, 3] : memref<4xf32>, memref<4xf32>, memref<4xf32>
  return
}

// -----

func.func @parallel_for_grain(%ctx: !rt.context, %n: index) {
  // expected-error @below {{expected grain to be positive, but got 0}}
  rt.parallel_for %ctx, %i = %n to %n grain 0 {
    %j = arith.addi %i, %n : index
  }
  return
}

// -----

func.func @yield_outside() {
  // expected-error @below {{expects parent op 'rt.parallel_for'}}
  rt.yield
}

// -----

func.func private @kernel(index, index, memref<4xf32>) -> index
func.func @launch_c1_results(%ctx: !rt.context, %n: index, %m: memref<4xf32>) {
  // expected-error @below {{expected 'kernel' to be a function without results}}
  rt.launch %ctx, @kernel(%m) from %n to %n grain 1 : memref<4xf32>
  return
}

// -----

func.func @launch_c1_missing(%ctx: !rt.context, %n: index, %m: memref<4xf32>) {
  // expected-error @below {{expected 'kernel' to be a function without results}}
  rt.launch %ctx, @kernel(%m) from %n to %n grain 1 : memref<4xf32>
  return
}

// -----

func.func private @kernel(memref<4xf32>, index, index)
func.func @launch_c2_order(%ctx: !rt.context, %n: index, %m: memref<4xf32>) {
  // expected-error @below {{expected 'kernel' to take two indices, then the types of the captures}}
  rt.launch %ctx, @kernel(%m) from %n to %n grain 1 : memref<4xf32>
  return
}

// -----

func.func private @kernel(index, index, memref<5xf32>)
func.func @launch_c2_type(%ctx: !rt.context, %n: index, %m: memref<4xf32>) {
  // expected-error @below {{expected 'kernel' to take two indices, then the types of the captures}}
  rt.launch %ctx, @kernel(%m) from %n to %n grain 1 : memref<4xf32>
  return
}

// -----

// expected-error @below {{expected 'rt.target' to be #rt.target on a module}}
module attributes {rt.target = {engine = "cpu"}} {}

// -----

// expected-error @below {{unknown key 'gpu'; known: engine, cpu, features}}
module attributes {rt.target = #rt.target<{gpu = "x"}>} {}

// -----

// expected-error @below {{unknown key 'rows'; known: kind, m, n, k, a, b, c, transpose_a, transpose_b, token_rows, a_stride, b_stride, c_stride, b_layout, bias, post_ops}}
rt.primitive @p <{kind = "matmul", rows = 3 : i64}>

// -----

// expected-error @below {{primitive: 'a_stride' is smaller than a row}}
rt.primitive @p <{kind = "matmul", m = 2 : i64, n = 3 : i64, k = 5 : i64, a_stride = 4 : i64}>

// -----

// expected-error @below {{unknown value "pow" for 'kind'; known: sum, add, mul, silu, gelu_tanh, gelu_erf, relu, tanh}}
rt.primitive @p <{kind = "matmul", post_ops = [{kind = "pow"}]}>

// -----

// expected-error @below {{expected 'rt.entry' to be #rt.entry on a function}}
func.func private @f() attributes {rt.entry = {name = "f"}}

// -----

// expected-error @below {{expected a number of tokens from 0 on, but got -1}}
func.func private @f() attributes {rt.entry = #rt.entry<name = "f", function = "f", tokens = -1, inputs = [], outputs = []>}

// -----

// expected-error @below {{expected 'rt.slot_table' to be a list of #rt.slot and #rt.region on a module}}
module attributes {rt.slot_table = [{kind = "param"}]} {}

// -----

// expected-error @below {{expected a slot of kind param to have a value}}
module attributes {rt.slot_table = [#rt.slot<param, "layers.0", "w", tensor<4x6xf32>>]} {}

// -----

// expected-error @below {{expected a slot of kind state to have no offset}}
module attributes {rt.slot_table = [#rt.slot<state, "layers.0", "c", tensor<?x6xf32> offset = 16>]} {}

// -----

// A gradient without its trainable, and one at another offset.
// expected-error @below {{expected the gradient of 'layers.0.a' to belong to a trainable slot of its shape and offset}}
module attributes {rt.slot_table = [#rt.slot<gradient, "layers.0", "a", tensor<2x6xf32> offset = 16>]} {}

// -----

// expected-error @below {{expected the gradient of 'layers.0.a' to belong to a trainable slot of its shape and offset}}
module attributes {rt.slot_table = [
    #rt.slot<trainable, "layers.0", "a", tensor<2x6xf32> value = #transformer.init<zeros, "a", tensor<2x6xf32>, seed = 0> offset = 0>,
    #rt.slot<gradient, "layers.0", "a", tensor<2x6xf32> offset = 16>]} {}
