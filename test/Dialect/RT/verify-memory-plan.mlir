// RUN: lora-opt %s -rt-verify-memory-plan -split-input-file -verify-diagnostics

// Buffers that are disjoint in memory or in time are accepted.

func.func @good(%ctx: !rt.context, %s: !rt.slots, %f: !rt.frame, %v: f32) attributes {rt.frame_bytes = 128 : i64} {
  %a = rt.frame_view %f[0] : memref<f32>
  %b = rt.frame_view %f[64] : memref<f32>
  %c = rt.frame_view %f[0] : memref<16xf32>
  %c0 = arith.constant 0 : index
  memref.store %v, %a[] : memref<f32>
  %x = memref.load %a[] : memref<f32>
  memref.store %x, %b[] : memref<f32>
  memref.store %x, %c[%c0] : memref<16xf32>
  return
}

// -----

func.func @overlap(%ctx: !rt.context, %s: !rt.slots, %f: !rt.frame, %v: f32) attributes {rt.frame_bytes = 256 : i64} {
  // expected-note @below {{the other one is here}}
  %a = rt.frame_view %f[0] : memref<32xf32>
  // expected-error @below {{expected buffers that are in use at once to have memory of their own, but bytes [64, 68) belong to two}}
  %b = rt.frame_view %f[64] : memref<f32>
  %c0 = arith.constant 0 : index
  memref.store %v, %a[%c0] : memref<32xf32>
  memref.store %v, %b[] : memref<f32>
  %x = memref.load %a[%c0] : memref<32xf32>
  memref.store %x, %b[] : memref<f32>
  return
}

// -----

// A buffer is alive as long as its views are used.

func.func @view(%ctx: !rt.context, %s: !rt.slots, %f: !rt.frame, %v: f32, %out: memref<f32>) attributes {rt.frame_bytes = 256 : i64} {
  // expected-note @below {{the other one is here}}
  %a = rt.frame_view %f[0] : memref<32xf32>
  // expected-error @below {{bytes [64, 68) belong to two}}
  %b = rt.frame_view %f[64] : memref<f32>
  %c0 = arith.constant 0 : index
  %view = memref.subview %a[8] [8] [1] : memref<32xf32> to memref<8xf32, strided<[1], offset: 8>>
  memref.store %v, %b[] : memref<f32>
  %x = memref.load %view[%c0] : memref<8xf32, strided<[1], offset: 8>>
  memref.store %x, %out[] : memref<f32>
  return
}

// -----

// The frame of a callee is as large as the callee says.

func.func private @leaf(%ctx: !rt.context, %s: !rt.slots, %f: !rt.frame) attributes {rt.frame_bytes = 128 : i64} {
  return
}
func.func @call(%ctx: !rt.context, %s: !rt.slots, %f: !rt.frame, %v: f32, %out: memref<f32>) attributes {rt.frame_bytes = 256 : i64} {
  // expected-error @below {{bytes [64, 68) belong to two}}
  %a = rt.frame_view %f[64] : memref<f32>
  memref.store %v, %a[] : memref<f32>
  // expected-note @below {{the other one is here}}
  %sub = rt.subframe %f[0]
  func.call @leaf(%ctx, %s, %sub) : (!rt.context, !rt.slots, !rt.frame) -> ()
  %x = memref.load %a[] : memref<f32>
  memref.store %x, %out[] : memref<f32>
  return
}

// -----

func.func @outside(%ctx: !rt.context, %s: !rt.slots, %f: !rt.frame) attributes {rt.frame_bytes = 64 : i64} {
  // expected-error @below {{expected bytes [64, 68) to be inside the frame of 64 bytes}}
  %a = rt.frame_view %f[64] : memref<f32>
  return
}
