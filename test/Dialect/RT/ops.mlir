// RUN: lora-opt %s | lora-opt | FileCheck %s

// The example of each operation, as in RTOps.td, and other forms.

func.func private @scale.kernel(index, index, memref<16xf32>)

// CHECK-LABEL: func.func @slot(
func.func @slot(%context: !rt.context, %slots: !rt.slots) {
  // CHECK: %{{.+}} = rt.slot %{{.+}}, %{{.+}}[3] : memref<144x48xbf16>
  %w = rt.slot %context, %slots[3] : memref<144x48xbf16>
  return
}

// CHECK-LABEL: func.func @slot_range(
func.func @slot_range(%slots: !rt.slots) {
  // CHECK: %{{.+}} = rt.slot_range %{{.+}}[14]
  %layer = rt.slot_range %slots[14]
  return
}

// CHECK-LABEL: func.func @frame_view(
func.func @frame_view(%frame: !rt.frame) {
  // CHECK: %{{.+}} = rt.frame_view %{{.+}}[128] : memref<16x144xf32>
  %b = rt.frame_view %frame[128] : memref<16x144xf32>
  return
}

// CHECK-LABEL: func.func @subframe(
func.func @subframe(%frame: !rt.frame) {
  // CHECK: %{{.+}} = rt.subframe %{{.+}}[4096]
  %f = rt.subframe %frame[4096]
  return
}

// CHECK: rt.primitive @matmul_16x144x48_bf16 <{k = 48 : i64, kind = "matmul", m = 16 : i64, n = 144 : i64}>
rt.primitive @matmul_16x144x48_bf16 <{kind = "matmul", m = 16 : i64, n = 144 : i64, k = 48 : i64}>

// CHECK-LABEL: func.func @execute(
func.func @execute(%context: !rt.context, %a: memref<16x48xbf16>, %w: memref<13824xi8>, %c: memref<16x144xbf16>) {
  // CHECK: rt.execute %{{.+}}, @matmul_16x144x48_bf16(%{{.+}}, %{{.+}}, %{{.+}}) : memref<16x48xbf16>, memref<13824xi8>, memref<16x144xbf16>
  rt.execute %context, @matmul_16x144x48_bf16(%a, %w, %c) : memref<16x48xbf16>, memref<13824xi8>, memref<16x144xbf16>
  return
}

rt.primitive @matmul_1x144x48_bf16 <{kind = "matmul", m = 1 : i64, n = 144 : i64, k = 48 : i64}>
rt.primitive @matmul_1x96x48_bf16 <{kind = "matmul", m = 1 : i64, n = 96 : i64, k = 48 : i64}>

// CHECK-LABEL: func.func @execute_group(
func.func @execute_group(%context: !rt.context, %a: memref<1x48xbf16>, %w: memref<1xi8>, %c: memref<1x144xbf16>, %v: memref<1xi8>, %d: memref<1x96xbf16>) {
  // CHECK: rt.execute_group %{{.+}}, [@matmul_1x144x48_bf16, @matmul_1x96x48_bf16](%{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}) counts [3, 3] : memref<1x48xbf16>,
  rt.execute_group %context, [@matmul_1x144x48_bf16, @matmul_1x96x48_bf16](%a, %w, %c, %a, %v, %d) counts [3, 3]
    : memref<1x48xbf16>, memref<1xi8>, memref<1x144xbf16>, memref<1x48xbf16>, memref<1xi8>, memref<1x96xbf16>
  return
}

// CHECK-LABEL: func.func @parallel_for(
func.func @parallel_for(%context: !rt.context, %c0: index, %c16: index, %m: memref<16xf32>) {
  // CHECK: rt.parallel_for %{{.+}}, %{{.+}} = %{{.+}} to %{{.+}} grain 4 {
  // CHECK: %{{.+}} = memref.load %{{.+}}[%{{.+}}] : memref<16xf32>
  // CHECK: }
  rt.parallel_for %context, %i = %c0 to %c16 grain 4 {
    %v = memref.load %m[%i] : memref<16xf32>
  }
  return
}

// CHECK-LABEL: func.func @launch(
func.func @launch(%context: !rt.context, %c0: index, %c16: index, %m: memref<16xf32>) {
  // CHECK: rt.launch %{{.+}}, @scale.kernel(%{{.+}}) from %{{.+}} to %{{.+}} grain 4 : memref<16xf32>
  rt.launch %context, @scale.kernel(%m) from %c0 to %c16 grain 4 : memref<16xf32>
  return
}

// CHECK-LABEL: func.func @state(
func.func @state(%context: !rt.context, %slots: !rt.slots) {
  // CHECK: %{{.+}} = rt.slot %{{.+}}, %{{.+}}[0] : memref<?x72xbf16>
  %k = rt.slot %context, %slots[0] : memref<?x72xbf16>
  return
}

// CHECK-LABEL: func.func @attributes_after_the_body(
func.func @attributes_after_the_body(%context: !rt.context, %c0: index, %c16: index) {
  // CHECK: rt.parallel_for %{{.+}}, %{{.+}} = %{{.+}} to %{{.+}} grain 1 {
  // CHECK: %{{.+}} = arith.addi %{{.+}}, %{{.+}} : index
  // CHECK: } {note = "kept"}
  rt.parallel_for %context, %i = %c0 to %c16 grain 1 {
    %j = arith.addi %i, %c0 : index
  } {note = "kept"}
  return
}

func.func private @plain.kernel(index, index)

// CHECK-LABEL: func.func @no_captures(
func.func @no_captures(%context: !rt.context, %c0: index, %c16: index) {
  // CHECK: rt.launch %{{.+}}, @plain.kernel() from %{{.+}} to %{{.+}} grain 1
  rt.launch %context, @plain.kernel() from %c0 to %c16 grain 1
  return
}

// CHECK-LABEL: func.func @advance(
func.func @advance(%slots: !rt.slots, %frame: !rt.frame, %i: index) {
  // CHECK: %{{.+}} = rt.advance %{{.+}} by %{{.+}} * 14 : !rt.slots
  %layer = rt.advance %slots by %i * 14 : !rt.slots
  // CHECK: %{{.+}} = rt.advance %{{.+}} by %{{.+}} * 4096 : !rt.frame
  %kept = rt.advance %frame by %i * 4096 : !rt.frame
  return
}
