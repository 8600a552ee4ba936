// RUN: lora-opt %s -rt-outline-kernels -split-input-file -verify-diagnostics | FileCheck %s

// A parallel loop: buffers become arguments; constants and views are created again in the kernel.

// CHECK-LABEL: func.func private @scale.kernel(
// CHECK-SAME:    %[[BEGIN:.+]]: index, %[[END:.+]]: index, %[[M:.+]]: memref<16x5xf32> {llvm.noalias},
// CHECK-SAME:    %[[S:.+]]: f32, %[[N:.+]]: memref<16x5xf32> {llvm.noalias}) attributes {rt.kernel}
// CHECK-DAG:     %[[C2:.+]] = arith.constant 2 : index
// CHECK-DAG:     %[[ONE:.+]] = arith.constant 1 : index
// CHECK-DAG:     %[[ROW:.+]] = memref.subview %[[M]][0, 1] [16, 4] [1, 1]
// CHECK:         scf.for %[[I:.+]] = %[[BEGIN]] to %[[END]] step %[[ONE]]
// CHECK:           %[[V:.+]] = memref.load %[[ROW]][%[[I]], %[[C2]]]
// CHECK:           %[[P:.+]] = arith.mulf %[[V]], %[[S]]
// CHECK:           memref.store %[[P]], %[[N]][%[[I]], %[[C2]]]

// CHECK-LABEL: func.func @scale(
// CHECK-SAME:    %[[CTX:.+]]: !rt.context, %[[IN:.+]]: memref<16x5xf32>, %[[OUT:.+]]: memref<16x5xf32>, %[[F:.+]]: f32)
// CHECK:         rt.launch %[[CTX]], @scale.kernel(%[[IN]], %[[F]], %[[OUT]]) from %{{.+}} to %{{.+}} grain 4 : memref<16x5xf32>, f32, memref<16x5xf32>
func.func @scale(%ctx: !rt.context, %m: memref<16x5xf32>, %n: memref<16x5xf32>, %s: f32) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c16 = arith.constant 16 : index
  %row = memref.subview %m[0, 1] [16, 4] [1, 1] : memref<16x5xf32> to memref<16x4xf32, strided<[5, 1], offset: 1>>
  rt.parallel_for %ctx, %i = %c0 to %c16 grain 4 {
    %v = memref.load %row[%i, %c2] : memref<16x4xf32, strided<[5, 1], offset: 1>>
    %p = arith.mulf %v, %s : f32
    memref.store %p, %n[%i, %c2] : memref<16x5xf32>
  }
  return
}

// -----

// A serial loop nest is called; a dynamic number of rows is passed beside the first row.

// CHECK-LABEL: func.func private @sum.kernel(
// CHECK-SAME:    %[[ROW:[A-Za-z0-9_.]+]]: memref<1x5xf32> {llvm.noalias}, %[[ROWS:[A-Za-z0-9_.]+]]: index
// CHECK-SAME:    -> f32 attributes {rt.kernel}
// CHECK:         memref.reinterpret_cast %[[ROW]] to offset: [0], sizes: [%[[ROWS]], 5], strides: [5, 1] : memref<1x5xf32> to memref<?x5xf32>
// CHECK:         %[[R:.+]] = scf.for
// CHECK:         return %[[R]] : f32

// CHECK-LABEL: func.func @sum(
// CHECK:         %[[STATE:.+]] = rt.slot
// CHECK:         %[[FIRST:.+]] = memref.reinterpret_cast %[[STATE]] to offset: [0], sizes: [1, 5], strides: [5, 1]
// CHECK:         %[[D:.+]] = memref.dim %[[STATE]]
// CHECK:         %[[R:.+]] = call @sum.kernel(%{{.+}}) : ({{.*}}memref<1x5xf32>, index{{.*}}) -> f32
// CHECK:         memref.store %[[R]]
func.func @sum(%ctx: !rt.context, %slots: !rt.slots, %out: memref<f32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %state = rt.slot %ctx, %slots[3] : memref<?x5xf32>
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %zero) -> f32 {
    %v = memref.load %state[%i, %c1] : memref<?x5xf32>
    %b = arith.addf %a, %v : f32
    scf.yield %b : f32
  }
  memref.store %r, %out[] : memref<f32>
  return
}

// -----

// Overlapping views of a frame are not noalias; disjoint ones are. A buffer of the body is on the stack.

// CHECK-LABEL: func.func private @frames.kernel(
// CHECK-SAME:    %{{[A-Za-z0-9_.]+}}: memref<16xf32>, %{{[A-Za-z0-9_.]+}}: memref<16xf32> {llvm.noalias}, %{{[A-Za-z0-9_.]+}}: memref<8xi32>
// CHECK-SAME:    attributes {rt.kernel}
// CHECK-NEXT:    %[[TILE:.+]] = memref.alloca() {alignment = 64 : i64} : memref<4xf32>
// CHECK:         scf.for
// CHECK-NOT:       memref.alloc
// CHECK-NOT:       memref.dealloc
func.func @frames(%ctx: !rt.context, %frame: !rt.frame) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %a = rt.frame_view %frame[0] : memref<16xf32>
  %b = rt.frame_view %frame[64] : memref<16xf32>
  %c = rt.frame_view %frame[0] : memref<8xi32>
  rt.parallel_for %ctx, %i = %c0 to %c8 grain 1 {
    %tile = memref.alloc() : memref<4xf32>
    %v = memref.load %a[%i] : memref<16xf32>
    memref.store %v, %tile[%c0] : memref<4xf32>
    %w = memref.load %tile[%c0] : memref<4xf32>
    memref.store %w, %b[%i] : memref<16xf32>
    %j = memref.load %c[%i] : memref<8xi32>
    memref.store %j, %c[%c0] : memref<8xi32>
    memref.dealloc %tile : memref<4xf32>
  }
  return
}

// -----

// Nothing is known about a frame that a loop advances.

// CHECK-LABEL: func.func private @moved.kernel(
// CHECK-NOT:     llvm.noalias
// CHECK-LABEL: func.func @moved(
func.func @moved(%ctx: !rt.context, %frame: !rt.frame, %n: index) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %next = rt.advance %frame by %n * 64 : !rt.frame
  %a = rt.frame_view %frame[0] : memref<16xf32>
  %b = rt.frame_view %next[0] : memref<16xf32>
  rt.parallel_for %ctx, %i = %c0 to %c16 grain 1 {
    %v = memref.load %a[%i] : memref<16xf32>
    memref.store %v, %b[%i] : memref<16xf32>
  }
  return
}

// -----

// A loop around a primitive is not outlined, and neither is a plain copy. A copy between layouts is.

// CHECK-LABEL: func.func private @copies.kernel(
// CHECK-LABEL: func.func @copies(
// CHECK:         memref.copy
// CHECK-NOT:     memref.copy
// CHECK:         call @copies.kernel(
// CHECK:         scf.for
// CHECK-NEXT:      rt.execute
rt.primitive @p <{kind = "matmul"}>
func.func @copies(%ctx: !rt.context, %a: memref<4x6xf32>, %b: memref<4x6xf32>, %c: memref<4x3xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  memref.copy %a, %b : memref<4x6xf32> to memref<4x6xf32>
  %half = memref.subview %a[0, 0] [4, 3] [1, 2] : memref<4x6xf32> to memref<4x3xf32, strided<[6, 2]>>
  memref.copy %half, %c : memref<4x3xf32, strided<[6, 2]>> to memref<4x3xf32>
  scf.for %i = %c0 to %c8 step %c1 {
    rt.execute %ctx, @p(%a, %b) : memref<4x6xf32>, memref<4x6xf32>
  }
  return
}

// -----

func.func @large(%ctx: !rt.context, %m: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  // expected-error @below {{expected at most 262144 bytes of buffers on the stack, but got 400000}}
  rt.parallel_for %ctx, %i = %c0 to %c8 grain 1 {
    %tile = memref.alloc() : memref<100000xf32>
    %v = memref.load %m[%i] : memref<8xf32>
    memref.store %v, %tile[%c0] : memref<100000xf32>
  }
  return
}
