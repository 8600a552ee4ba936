// RUN: lora-opt %s -rt-roll-layers | FileCheck %s
// RUN: lora-opt %s -rt-roll-layers --remarks-filter=rt-roll-layers 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

func.func private @embed(!rt.context, !rt.slots, !rt.frame, memref<48xf32>)
func.func private @layer(!rt.context, !rt.slots, !rt.frame, memref<48xf32>, memref<48xf32>)
func.func private @keep(!rt.context, !rt.slots, !rt.frame, memref<48xf32>)

// Two buffers exchange their roles, so an iteration has two calls. The last of five calls stays.

// CHECK-LABEL: func.func @two_buffers
// CHECK: call @embed
// CHECK: scf.for %[[I:.+]] = %c0{{.*}} to %c2{{.*}} step %c1{{.*}} {
// CHECK:   %[[A0:.+]] = rt.advance %[[SLOTS:.+]] by %[[I]] * 6 : !rt.slots
// CHECK:   %[[S0:.+]] = rt.slot_range %[[A0]][1]
// CHECK:   %[[X0:.+]] = rt.frame_view %{{.+}}[0]
// CHECK:   %[[Y0:.+]] = rt.frame_view %{{.+}}[192]
// CHECK:   call @layer(%{{.+}}, %[[S0]], %{{.+}}, %[[X0]], %[[Y0]])
// CHECK:   %[[A1:.+]] = rt.advance %[[SLOTS]] by %[[I]] * 6 : !rt.slots
// CHECK:   %[[S1:.+]] = rt.slot_range %[[A1]][4]
// CHECK:   %[[X1:.+]] = rt.frame_view %{{.+}}[192]
// CHECK:   %[[Y1:.+]] = rt.frame_view %{{.+}}[0]
// CHECK:   call @layer(%{{.+}}, %[[S1]], %{{.+}}, %[[X1]], %[[Y1]])
// CHECK: } {llvm.loop_annotation = #loop_annotation}
// CHECK: call @layer
// CHECK-NOT: call
// CHECK: return
func.func @two_buffers(%c: !rt.context, %s: !rt.slots, %f: !rt.frame, %out: memref<48xf32>) {
  %a = rt.frame_view %f[0] : memref<48xf32>
  %b = rt.frame_view %f[192] : memref<48xf32>
  %sub = rt.subframe %f[384]
  func.call @embed(%c, %s, %sub, %a) : (!rt.context, !rt.slots, !rt.frame, memref<48xf32>) -> ()
  %s0 = rt.slot_range %s[1]
  func.call @layer(%c, %s0, %sub, %a, %b) : (!rt.context, !rt.slots, !rt.frame, memref<48xf32>, memref<48xf32>) -> ()
  %s1 = rt.slot_range %s[4]
  func.call @layer(%c, %s1, %sub, %b, %a) : (!rt.context, !rt.slots, !rt.frame, memref<48xf32>, memref<48xf32>) -> ()
  %s2 = rt.slot_range %s[7]
  func.call @layer(%c, %s2, %sub, %a, %b) : (!rt.context, !rt.slots, !rt.frame, memref<48xf32>, memref<48xf32>) -> ()
  %s3 = rt.slot_range %s[10]
  func.call @layer(%c, %s3, %sub, %b, %a) : (!rt.context, !rt.slots, !rt.frame, memref<48xf32>, memref<48xf32>) -> ()
  %s4 = rt.slot_range %s[13]
  func.call @layer(%c, %s4, %sub, %a, %out) : (!rt.context, !rt.slots, !rt.frame, memref<48xf32>, memref<48xf32>) -> ()
  return
}

// Offsets that move in either direction.

// CHECK-LABEL: func.func @moving
// CHECK: scf.for %[[I:.+]] = %c0{{.*}} to %c3
// CHECK: rt.advance %{{.+}} by %[[I]] * -3 : !rt.slots
// CHECK: rt.advance %{{.+}} by %[[I]] * 192 : !rt.frame
// CHECK: call @keep
// CHECK-NOT: call @keep
// CHECK: return
func.func @moving(%c: !rt.context, %s: !rt.slots, %f: !rt.frame) {
  %s0 = rt.slot_range %s[7]
  %a = rt.frame_view %f[0] : memref<48xf32>
  func.call @keep(%c, %s0, %f, %a) : (!rt.context, !rt.slots, !rt.frame, memref<48xf32>) -> ()
  %s1 = rt.slot_range %s[4]
  %b = rt.frame_view %f[192] : memref<48xf32>
  func.call @keep(%c, %s1, %f, %b) : (!rt.context, !rt.slots, !rt.frame, memref<48xf32>) -> ()
  %s2 = rt.slot_range %s[1]
  %d = rt.frame_view %f[384] : memref<48xf32>
  func.call @keep(%c, %s2, %f, %d) : (!rt.context, !rt.slots, !rt.frame, memref<48xf32>) -> ()
  return
}

// Not rolled: different functions, steps that change, other work in between.

// CHECK-LABEL: func.func @different
// CHECK-NOT: scf.for
// CHECK: return
func.func @different(%c: !rt.context, %s: !rt.slots, %f: !rt.frame, %v: f32) {
  %c0 = arith.constant 0 : index
  %a = rt.frame_view %f[0] : memref<48xf32>
  %b = rt.frame_view %f[192] : memref<48xf32>
  func.call @keep(%c, %s, %f, %a) : (!rt.context, !rt.slots, !rt.frame, memref<48xf32>) -> ()
  func.call @embed(%c, %s, %f, %a) : (!rt.context, !rt.slots, !rt.frame, memref<48xf32>) -> ()
  memref.store %v, %a[%c0] : memref<48xf32>
  func.call @embed(%c, %s, %f, %a) : (!rt.context, !rt.slots, !rt.frame, memref<48xf32>) -> ()
  memref.store %v, %a[%c0] : memref<48xf32>
  func.call @layer(%c, %s, %f, %a, %b) : (!rt.context, !rt.slots, !rt.frame, memref<48xf32>, memref<48xf32>) -> ()
  return
}

// The run that saves most is rolled, even if another run begins before it: one call before, one loop, one call after.

// CHECK-LABEL: func.func @inside
// CHECK: call @keep
// CHECK: scf.for %{{.+}} = %c0{{.*}} to %c4
// CHECK: call @keep
// CHECK: }
// CHECK: call @keep
// CHECK-NOT: call @keep
// CHECK: return
func.func @inside(%c: !rt.context, %s: !rt.slots, %f: !rt.frame) {
  %s0 = rt.slot_range %s[90]
  %a = rt.frame_view %f[6400] : memref<48xf32>
  func.call @keep(%c, %s0, %f, %a) : (!rt.context, !rt.slots, !rt.frame, memref<48xf32>) -> ()
  %s1 = rt.slot_range %s[0]
  func.call @keep(%c, %s1, %f, %a) : (!rt.context, !rt.slots, !rt.frame, memref<48xf32>) -> ()
  %s2 = rt.slot_range %s[3]
  func.call @keep(%c, %s2, %f, %a) : (!rt.context, !rt.slots, !rt.frame, memref<48xf32>) -> ()
  %s3 = rt.slot_range %s[6]
  func.call @keep(%c, %s3, %f, %a) : (!rt.context, !rt.slots, !rt.frame, memref<48xf32>) -> ()
  %s4 = rt.slot_range %s[9]
  func.call @keep(%c, %s4, %f, %a) : (!rt.context, !rt.slots, !rt.frame, memref<48xf32>) -> ()
  %s5 = rt.slot_range %s[50]
  func.call @keep(%c, %s5, %f, %a) : (!rt.context, !rt.slots, !rt.frame, memref<48xf32>) -> ()
  return
}


// REMARK: remark: [Passed] Rolled | Category:rt-roll-layers | Function=two_buffers | Calls=4, CallsInLoop=2
