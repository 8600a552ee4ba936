// RUN: lora-opt %s -rt-plan-memory -split-input-file -verify-diagnostics | FileCheck %s --implicit-check-not=memref.dealloc
// RUN: not lora-opt %s -rt-plan-memory -split-input-file --remarks-filter=rt-plan-memory 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// %a dies before %c begins: %c takes its place; %b lives on.

// CHECK-LABEL: func.func private @leaf
// CHECK-SAME: rt.frame_bytes = 6144 : i64
// CHECK: %[[A:.+]] = rt.frame_view %[[F:.+]][3072] : memref<16x48xf32>
// CHECK: %[[B:.+]] = rt.frame_view %[[F]][0] : memref<16x48xf32>
// CHECK: %[[C:.+]] = rt.frame_view %[[F]][3072] : memref<16x48xf32>
// CHECK: call @use(%[[C]], %[[B]])
func.func private @leaf(%ctx: !rt.context, %s: !rt.slots, %f: !rt.frame) {
  %a = memref.alloc() : memref<16x48xf32>
  %b = memref.alloc() {alignment = 64 : i64} : memref<16x48xf32>
  func.call @use(%a, %b) : (memref<16x48xf32>, memref<16x48xf32>) -> ()
  memref.dealloc %a : memref<16x48xf32>
  %c = memref.alloc() : memref<16x48xf32>
  func.call @use(%c, %b) : (memref<16x48xf32>, memref<16x48xf32>) -> ()
  return
}
func.func private @use(%a: memref<16x48xf32>, %b: memref<16x48xf32>)

// The frames of callees are buffers that live for the call. Two calls share one, even where CSE has made their subframes one
// operation; sizes are rounded up to 64.

// CHECK-LABEL: func.func @entry
// CHECK-SAME: rt.frame_bytes = 6208 : i64
// CHECK: %[[X:.+]] = rt.frame_view %{{.+}}[6144] : memref<3xf32>
// CHECK: %[[S0:.+]] = rt.subframe %{{.+}}[0]
// CHECK: call @leaf(%{{.+}}, %{{.+}}, %[[S0]])
// CHECK: %[[S1:.+]] = rt.subframe %{{.+}}[0]
// CHECK: call @leaf(%{{.+}}, %{{.+}}, %[[S1]])
func.func @entry(%ctx: !rt.context, %s: !rt.slots, %f: !rt.frame, %v: f32, %out: memref<f32>) {
  %c0 = arith.constant 0 : index
  %x = memref.alloc() : memref<3xf32>
  memref.store %v, %x[%c0] : memref<3xf32>
  %sub = rt.subframe %f[0]
  func.call @leaf(%ctx, %s, %sub) : (!rt.context, !rt.slots, !rt.frame) -> ()
  func.call @leaf(%ctx, %s, %sub) : (!rt.context, !rt.slots, !rt.frame) -> ()
  %y = memref.load %x[%c0] : memref<3xf32>
  memref.store %y, %out[] : memref<f32>
  return
}

// -----

// A use inside a loop is a use by the whole loop: %a is read in the next iteration, after %b's use. A view is a use of what
// it views. A buffer made in the loop is hoisted.

// CHECK-LABEL: func.func @loop
// CHECK-SAME: rt.frame_bytes = 448 : i64
// CHECK-DAG: rt.frame_view %{{.+}}[0] : memref<64xf32>
// CHECK-DAG: rt.frame_view %{{.+}}[256] : memref<32xf32>
// CHECK-DAG: rt.frame_view %{{.+}}[384] : memref<16xf32>
// CHECK: scf.for
func.func @loop(%ctx: !rt.context, %s: !rt.slots, %f: !rt.frame, %out: memref<f32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %v = arith.constant 1.0 : f32
  %a = memref.alloc() : memref<64xf32>
  memref.store %v, %a[%c0] : memref<64xf32>
  %view = memref.subview %a[8] [8] [1] : memref<64xf32> to memref<8xf32, strided<[1], offset: 8>>
  %b = memref.alloc() : memref<32xf32>
  scf.for %i = %c0 to %c4 step %c1 {
    %x = memref.load %view[%i] : memref<8xf32, strided<[1], offset: 8>>
    memref.store %x, %b[%i] : memref<32xf32>
    %t = memref.alloc() : memref<16xf32>
    memref.store %x, %t[%i] : memref<16xf32>
    %z = memref.load %t[%i] : memref<16xf32>
    memref.store %z, %out[] : memref<f32>
  }
  return
}

// Buffers that each thread allocates are not in the frame; an unused buffer takes no space.

// CHECK-LABEL: func.func @parallel
// CHECK-SAME: rt.frame_bytes = 0 : i64
// CHECK: rt.parallel_for
// CHECK: memref.alloc
func.func @parallel(%ctx: !rt.context, %s: !rt.slots, %f: !rt.frame) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %v = arith.constant 1.0 : f32
  %unused = memref.alloc() : memref<64xf32>
  rt.parallel_for %ctx, %i = %c0 to %c4 grain 1 {
    %t = memref.alloc() : memref<16xf32>
    memref.store %v, %t[%i] : memref<16xf32>
  }
  return
}

// -----

// The largest buffer is placed first; the others go into the lowest gap that is large enough.

// CHECK-LABEL: func.func @gaps
// CHECK-SAME: rt.frame_bytes = 768 : i64
func.func @gaps(%ctx: !rt.context, %s: !rt.slots, %f: !rt.frame) {
  %a = memref.alloc() : memref<64xf32>
  %b = memref.alloc() : memref<32xf32>
  %c = memref.alloc() : memref<96xf32>
  func.call @use3(%a, %b, %c) : (memref<64xf32>, memref<32xf32>, memref<96xf32>) -> ()
  %d = memref.alloc() : memref<32xf32>
  %e = memref.alloc() : memref<64xf32>
  func.call @use3(%e, %d, %c) : (memref<64xf32>, memref<32xf32>, memref<96xf32>) -> ()
  return
}
func.func private @use3(memref<64xf32>, memref<32xf32>, memref<96xf32>)

// -----

func.func @dynamic(%ctx: !rt.context, %s: !rt.slots, %f: !rt.frame, %n: index) {
  // expected-error @below {{expected a contiguous buffer of static size, which a frame can hold, but got 'memref<?xf32>'}}
  %a = memref.alloc(%n) : memref<?xf32>
  return
}

// -----

// expected-error @below {{expected an argument of type !rt.frame for its buffers}}
func.func @no_frame(%v: f32) {
  %a = memref.alloc() : memref<f32>
  memref.store %v, %a[] : memref<f32>
  return
}

// -----

func.func @carried(%ctx: !rt.context, %s: !rt.slots, %f: !rt.frame, %v: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %a = memref.alloc() : memref<f32>
  %r = scf.for %i = %c0 to %c4 step %c1 iter_args(%x = %a) -> memref<f32> {
    // expected-error @below {{expected a buffer made in a loop not to be carried to the next iteration}}
    %b = memref.alloc() : memref<f32>
    memref.store %v, %b[] : memref<f32>
    scf.yield %b : memref<f32>
  }
  return
}

// -----

// expected-error @below {{expected no recursion}}
func.func @recursive(%ctx: !rt.context, %s: !rt.slots, %f: !rt.frame) {
  func.call @recursive(%ctx, %s, %f) : (!rt.context, !rt.slots, !rt.frame) -> ()
  return
}


// REMARK: remark: [Analysis] Frame | Category:rt-plan-memory | Function=leaf | Buffers=3, Bytes=6144, BytesWithoutReuse=9216
