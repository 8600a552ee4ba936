// RUN: lora-opt %s -lora-lower="tokens=1,32 functions=hidden_states" | FileCheck %s --implicit-check-not="= transformer." --implicit-check-not=linalg. --implicit-check-not=bufferization --implicit-check-not=scf.parallel --implicit-check-not=memref.copy

// A model of one layer, from its graph to loops and a planned frame.

// CHECK: module attributes {
// CHECK-SAME: rt.slot_table = [#rt.slot<param, "model.layers.0", "input_layernorm.weight"
// CHECK-LABEL: func.func private @decoder.t32(
// CHECK-SAME: %[[CTX:[A-Za-z0-9_.]+]]: !rt.context, %[[SLOTS:[A-Za-z0-9_.]+]]: !rt.slots, %[[FRAME:[A-Za-z0-9_.]+]]: !rt.frame
// CHECK-SAME: rt.frame_bytes
// CHECK: rt.slot %[[CTX]], %[[SLOTS]][2] : memref<?x24xf32>
// CHECK: rt.frame_view %[[FRAME]]
// CHECK: rt.parallel_for %[[CTX]]
// CHECK-LABEL: func.func @hidden_states.t32(
// CHECK-SAME: rt.entry = #rt.entry<name = "hidden_states.t32", function = "hidden_states", tokens = 32, inputs = ["ids", "sequence"], outputs = ["hidden"]>
// CHECK: call @decoder.t32
// CHECK-LABEL: func.func @hidden_states.t1(
// CHECK: call @decoder.t1
module {
  func.func private @decoder(%x: tensor<?x48xf32>, %seq: tensor<4x?xi32>, %n: tensor<48xf32> {transformer.slot = "input_layernorm.weight"},
      %wk: tensor<24x48xf32> {transformer.slot = "k_proj.weight"},
      %kc: tensor<?x24xf32> {transformer.slot = "key_cache", transformer.role = #transformer.role<state>})
      -> (tensor<?x48xf32>, tensor<?x24xf32> {transformer.next = "key_cache"}) {
    %a = transformer.rms_norm %x, %n {eps = 1.0e-6 : f64} : tensor<?x48xf32>, tensor<48xf32>
    %k = transformer.linear %a, %wk : tensor<?x48xf32>, tensor<24x48xf32> -> tensor<?x24xf32>
    %kc1 = transformer.cache_write %kc, %k, %seq : tensor<?x24xf32>, tensor<?x24xf32>, tensor<4x?xi32>
    %o, %lse = transformer.attention %a, %kc1, %kc1, %seq {heads = 4 : i64, kv_heads = 2 : i64, scale = 0.3 : f64}
      : tensor<?x48xf32>, tensor<?x24xf32>, tensor<4x?xi32> -> tensor<?x4xf32>
    %y = transformer.add %x, %o : tensor<?x48xf32>
    return %y, %kc1 : tensor<?x48xf32>, tensor<?x24xf32>
  }
  func.func @hidden_states(%x: tensor<?x48xf32> {transformer.input = #transformer.input<ids>}, %seq: tensor<4x?xi32> {transformer.input = #transformer.input<sequence>}) -> (tensor<?x48xf32> {transformer.output = #transformer.output<hidden>}) {
    %0 = transformer.apply @decoder at "model.layers.0"(%x, %seq) : (tensor<?x48xf32>, tensor<4x?xi32>) -> tensor<?x48xf32>
    return %0 : tensor<?x48xf32>
  }
}
