// RUN: lora-opt %s -convert-rt-to-llvm -split-input-file -verify-diagnostics | FileCheck %s

rt.primitive @first <{kind = "matmul"}>
rt.primitive @second <{kind = "gather"}>

// CHECK-LABEL: llvm.func internal @work.kernel(
// CHECK-SAME:    %{{.+}}: i64, %{{.+}}: i64, %{{.+}}: !llvm.ptr {llvm.noalias}, %{{.+}}: f32)
// CHECK-SAME:    no_inline
func.func private @work.kernel(%begin: index, %end: index, %m: memref<16xf32> {llvm.noalias}, %s: f32) attributes {rt.kernel} {
  memref.store %s, %m[%begin] : memref<16xf32>
  return
}

// Slots and views are addresses; a dynamic number of rows comes from the context.

// CHECK-LABEL: llvm.func internal @work(
// CHECK-SAME:    %[[CTX:.+]]: !llvm.ptr, %[[SLOTS:.+]]: !llvm.ptr, %[[FRAME:.+]]: !llvm.ptr, %[[OUT:.+]]: !llvm.ptr, %[[F:.+]]: f32)
// CHECK-DAG:     %[[COPY:.+]] = llvm.alloca %{{.+}} x f32
// CHECK-DAG:     %[[CAPTURES:.+]] = llvm.alloca %{{.+}} x !llvm.ptr
// CHECK:         %[[PLACE:.+]] = llvm.getelementptr inbounds %[[SLOTS]][24]
// CHECK:         %[[STATE:.+]] = llvm.load %[[PLACE]] invariant
// CHECK:         %[[ROWSAT:.+]] = llvm.getelementptr inbounds %[[CTX]][8]
// CHECK:         %[[ROWS:.+]] = llvm.load %[[ROWSAT]] invariant
// CHECK:         llvm.insertvalue %[[ROWS]], %{{.+}}[3, 0]
// CHECK:         %[[OFFSET:.+]] = llvm.mlir.constant(128 : i64)
// CHECK:         llvm.getelementptr inbounds %[[FRAME]][%[[OFFSET]]]

// A primitive is called by its index in the module.
// CHECK:         %[[INDEX:.+]] = llvm.mlir.constant(1 : i32)
// CHECK:         %[[SERVICES:.+]] = llvm.load %[[CTX]] invariant
// CHECK:         %[[AT:.+]] = llvm.getelementptr inbounds %[[SERVICES]][8]
// CHECK:         %[[EXECUTE:.+]] = llvm.load %[[AT]] invariant
// CHECK:         llvm.call %[[EXECUTE]](%[[CTX]], %[[INDEX]], %{{.+}})

// A scalar is captured by the address of a copy.
// CHECK:         llvm.store %[[F]], %[[COPY]]
// CHECK:         llvm.store %[[COPY]], %{{.+}}
// CHECK:         %[[BODY:.+]] = llvm.mlir.addressof @work.kernel.body
// CHECK:         %[[AT2:.+]] = llvm.getelementptr inbounds %{{.+}}[16]
// CHECK:         %[[FOR:.+]] = llvm.load %[[AT2]] invariant
// CHECK:         llvm.call %[[FOR]](%[[CTX]], %{{.+}}, %{{.+}}, %{{.+}}, %[[BODY]], %[[CAPTURES]])
func.func private @work(%ctx: !rt.context, %slots: !rt.slots, %frame: !rt.frame, %out: memref<16xf32>, %s: f32) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %state = rt.slot %ctx, %slots[3] : memref<?x5xf32>
  %view = rt.frame_view %frame[128] : memref<16xf32>
  rt.execute %ctx, @second(%state, %view) : memref<?x5xf32>, memref<16xf32>
  rt.launch %ctx, @work.kernel(%out, %s) from %c0 to %c16 grain 4 : memref<16xf32>, f32
  return
}

// A group is an array of indices, and an array of arrays of addresses.

// CHECK-LABEL: llvm.func internal @together(
// CHECK-DAG:     %[[ARGS:.+]] = llvm.alloca %{{.+}} x !llvm.ptr {alignment = 64 : i64}
// CHECK-DAG:     %[[PRIMITIVES:.+]] = llvm.alloca %{{.+}} x i32
// CHECK:         %[[ONE:.+]] = llvm.mlir.constant(1 : i32)
// CHECK:         llvm.store %[[ONE]], %[[PRIMITIVES]]
// CHECK:         %[[ZERO:.+]] = llvm.mlir.constant(0 : i32)
// CHECK:         llvm.getelementptr inbounds %[[PRIMITIVES]][4]
// CHECK:         llvm.store %[[ZERO]]
// CHECK:         %[[GROUP_AT:.+]] = llvm.getelementptr inbounds %{{.+}}[24]
// CHECK:         %[[GROUP:.+]] = llvm.load %[[GROUP_AT]] invariant
// CHECK:         %[[SIZE:.+]] = llvm.mlir.constant(2 : i32)
// CHECK:         llvm.call %[[GROUP]](%{{.+}}, %[[SIZE]], %[[PRIMITIVES]], %{{.+}})
func.func private @together(%ctx: !rt.context, %slots: !rt.slots, %frame: !rt.frame, %x: memref<16xf32>, %y: memref<16xf32>) {
  rt.execute_group %ctx, [@second, @first](%x, %y, %y) counts [1, 2] : memref<16xf32>, memref<16xf32>, memref<16xf32>
  return
}

// CHECK-LABEL: llvm.func internal @entry(
// CHECK-SAME:    always_inline
// CHECK:         %[[LAYER:.+]] = llvm.getelementptr inbounds %{{.+}}[40]
// CHECK:         %[[INNER:.+]] = llvm.getelementptr inbounds %{{.+}}[%{{.+}}]
// CHECK:         llvm.call @work(%{{.+}}, %[[LAYER]], %[[INNER]], %{{.+}}, %{{.+}})
func.func @entry(%ctx: !rt.context, %slots: !rt.slots, %frame: !rt.frame, %in: memref<16xf32>, %out: memref<16xf32>)
    attributes {rt.entry = #rt.entry<name = "work.t16", function = "work", tokens = 16, inputs = [], outputs = []>} {
  %layer = rt.slot_range %slots[5]
  %inner = rt.subframe %frame[4096]
  %s = arith.constant 2.5 : f32
  call @work(%ctx, %layer, %inner, %out, %s) : (!rt.context, !rt.slots, !rt.frame, memref<16xf32>, f32) -> ()
  return
}

// CHECK-LABEL: llvm.func internal @work.kernel.body(
// CHECK-SAME:    %[[C:.+]]: !llvm.ptr, %[[B:.+]]: i64, %[[E:.+]]: i64)
// CHECK:         %[[A:.+]] = llvm.getelementptr %[[C]][0]
// CHECK:         %[[M:.+]] = llvm.load %[[A]] : !llvm.ptr -> !llvm.ptr
// CHECK:         %[[P:.+]] = llvm.getelementptr %[[C]][1]
// CHECK:         %[[Q:.+]] = llvm.load %[[P]] : !llvm.ptr -> !llvm.ptr
// CHECK:         %[[S:.+]] = llvm.load %[[Q]] : !llvm.ptr -> f32
// CHECK:         llvm.call @work.kernel(%[[B]], %[[E]], %[[M]], %[[S]])

// CHECK-LABEL: llvm.func internal @entry.entry(
// CHECK-SAME:    %{{.+}}: !llvm.ptr, %{{.+}}: !llvm.ptr, %{{.+}}: !llvm.ptr, %[[IO:.+]]: !llvm.ptr)
// CHECK:         llvm.call @entry(
// CHECK:       llvm.mlir.global internal constant @lora.name.0("work.t16\00")
// CHECK:       llvm.func @lora_rt_code_query() -> !llvm.ptr

// -----

// The checksums of the manifest are stored in the table of the code, after its version and its entries.
// CHECK-LABEL: module @contract {
// CHECK:       llvm.mlir.global internal constant @lora.code() {{.*}} : !llvm.struct<(i32, i32, i64, ptr, array<8 x i64>)>
// CHECK:         %[[FIRST:.+]] = llvm.mlir.constant(11 : i64)
// CHECK:         llvm.insertvalue %[[FIRST]], %{{.+}}[4, 0]
// CHECK:         %[[LAST:.+]] = llvm.mlir.constant(-18 : i64)
// CHECK:         llvm.insertvalue %[[LAST]], %{{.+}}[4, 7]
module @contract attributes {rt.contract = array<i64: 11, 12, 13, 14, 15, 16, 17, -18>} {
}

// -----

// expected-error @below {{expected 'rt.contract' to have 8 numbers of i64}}
module attributes {rt.contract = array<i64: 11, 12>} {
}

// -----

// expected-error @below {{expected an entry to take a context, slots, a frame and buffers of static shapes}}
func.func @scalar(%ctx: !rt.context, %slots: !rt.slots, %frame: !rt.frame, %s: f32) attributes {rt.entry = #rt.entry<name = "scalar", function = "scalar", tokens = 0, inputs = [], outputs = []>} {
  return
}

// -----

// The plan provides workspace; it is never allocated here.
func.func private @allocates() {
  // expected-error @below {{failed to legalize operation 'memref.alloc'}}
  %m = memref.alloc() : memref<16xf32>
  memref.dealloc %m : memref<16xf32>
  return
}
