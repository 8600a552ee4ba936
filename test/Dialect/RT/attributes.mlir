// RUN: lora-opt %s | lora-opt | FileCheck %s

// The example of each attribute, as in RTOps.td.

// CHECK: module attributes {
// CHECK-SAME: rt.slot_table = [#rt.slot<param, "model.layers.0", "mlp.up_proj.weight", tensor<6x4xf32> value = #transformer.base<"mlp.up_proj.weight", tensor<6x4xf32>>>,
// CHECK-SAME: #rt.slot<trainable, "model.layers.0", "mlp.up_proj.lora_A.weight", tensor<2x4xf32> value = #transformer.init<zeros, "mlp.up_proj.lora_A.weight", tensor<2x4xf32>, seed = 0> offset = 16>,
// CHECK-SAME: #rt.slot<gradient, "model.layers.0", "mlp.up_proj.lora_A.weight", tensor<2x4xf32> offset = 16>,
// CHECK-SAME: #rt.region<theta, tensor<64xf32>>]
// CHECK-SAME: rt.target = #rt.target<{cpu = "znver4", engine = "cpu", features = ["avx2", "avx512f"]}>
module attributes {
    rt.target = #rt.target<{engine = "cpu", cpu = "znver4", features = ["avx2", "avx512f"]}>,
    rt.slot_table = [
      #rt.slot<param, "model.layers.0", "mlp.up_proj.weight", tensor<6x4xf32> value = #transformer.base<"mlp.up_proj.weight", tensor<6x4xf32>>>,
      #rt.slot<trainable, "model.layers.0", "mlp.up_proj.lora_A.weight", tensor<2x4xf32>
        value = #transformer.init<zeros, "mlp.up_proj.lora_A.weight", tensor<2x4xf32>, seed = 0> offset = 16>,
      #rt.slot<gradient, "model.layers.0", "mlp.up_proj.lora_A.weight", tensor<2x4xf32> offset = 16>,
      #rt.region<theta, tensor<64xf32>>]} {
  // CHECK: rt.primitive @gather
  // CHECK-SAME: <{count = 16 : i64, dtype = "bf16", kind = "gather", layout = "plain", rows = 259 : i64, width = 48 : i64}>
  rt.primitive @gather #rt.primitive_spec<{kind = "gather", rows = 259 : i64, width = 48 : i64, count = 16 : i64, dtype = "bf16", layout = "plain"}>
  // CHECK: rt.primitive @matmul_16x144x48
  rt.primitive @matmul_16x144x48 <{kind = "matmul", m = 16 : i64, n = 144 : i64, k = 48 : i64, a = "bf16", b = "bf16", c = "bf16"}>
  // CHECK: rt.entry = #rt.entry<name = "hidden_states.t16", function = "hidden_states", tokens = 16, inputs = ["ids", "sequence"], outputs = ["hidden"]>
  func.func private @hidden_states.t16() attributes {
    rt.entry = #rt.entry<name = "hidden_states.t16", function = "hidden_states", tokens = 16, inputs = ["ids", "sequence"], outputs = ["hidden"]>}
}
