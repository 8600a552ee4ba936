// RUN: lora-opt %s -promote-accumulators | FileCheck %s

// CHECK-LABEL: func @sum
// CHECK-SAME: %[[X:.+]]: memref<4x6xf32>, %[[Y:.+]]: memref<4xf32>, %[[T:.+]]: index
// CHECK: %[[FIRST:.+]] = memref.load %[[Y]][%[[T]]]
// CHECK: %[[LAST:.+]] = scf.for {{.+}} iter_args(%[[A:.+]] = %[[FIRST]])
// CHECK-NOT: memref.load %[[Y]]
// CHECK: %[[B:.+]] = arith.addf %[[A]]
// CHECK-NOT: memref.store
// CHECK: scf.yield %[[B]]
// CHECK: memref.store %[[LAST]], %[[Y]][%[[T]]]
func.func @sum(%x: memref<4x6xf32>, %y: memref<4xf32>, %t: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c6 = arith.constant 6 : index
  scf.for %i = %c0 to %c6 step %c1 {
    %v = memref.load %x[%t, %i] : memref<4x6xf32>
    %a = memref.load %y[%t] : memref<4xf32>
    %b = arith.addf %a, %v : f32
    memref.store %b, %y[%t] : memref<4xf32>
  }
  return
}

// An accumulation over two loops.

// CHECK-LABEL: func @nested
// CHECK: memref.load %{{.+}}[] : memref<f32>
// CHECK: scf.for {{.+}} iter_args
// CHECK-NOT: memref<f32>
// CHECK: scf.for {{.+}} iter_args
// CHECK-NOT: memref<f32>
// CHECK: scf.yield
// CHECK: scf.yield
// CHECK: memref.store %{{.+}}, %{{.+}}[] : memref<f32>
func.func @nested(%x: memref<4x6xf32>, %y: memref<f32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c6 = arith.constant 6 : index
  scf.for %t = %c0 to %c4 step %c1 {
    scf.for %i = %c0 to %c6 step %c1 {
      %v = memref.load %x[%t, %i] : memref<4x6xf32>
      %a = memref.load %y[] : memref<f32>
      %b = arith.addf %a, %v : f32
      memref.store %b, %y[] : memref<f32>
    }
  }
  return
}

// The element changes with the loop, so this is not an accumulation.

// CHECK-LABEL: func @moves
// CHECK-NOT: iter_args
func.func @moves(%y: memref<6xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c6 = arith.constant 6 : index
  scf.for %i = %c0 to %c6 step %c1 {
    %a = memref.load %y[%i] : memref<6xf32>
    %b = arith.addf %a, %a : f32
    memref.store %b, %y[%i] : memref<6xf32>
  }
  return
}

// Another view of the same memory is read: it may see what is stored.

// CHECK-LABEL: func @overlaps
// CHECK-NOT: iter_args
func.func @overlaps(%y: memref<6xf32>, %t: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %view = memref.subview %y[1] [5] [1] : memref<6xf32> to memref<5xf32, strided<[1], offset: 1>>
  scf.for %i = %c0 to %c5 step %c1 {
    %v = memref.load %view[%i] : memref<5xf32, strided<[1], offset: 1>>
    %a = memref.load %y[%t] : memref<6xf32>
    %b = arith.addf %a, %v : f32
    memref.store %b, %y[%t] : memref<6xf32>
  }
  return
}

// Two reads of one slot are reads of one memory; a call may read anything.

// CHECK-LABEL: func @slots
// CHECK-NOT: iter_args
func.func @slots(%c: !rt.context, %s: !rt.slots, %t: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c6 = arith.constant 6 : index
  %x = rt.slot %c, %s[3] : memref<6xf32>
  %y = rt.slot %c, %s[3] : memref<6xf32>
  scf.for %i = %c0 to %c6 step %c1 {
    %v = memref.load %x[%i] : memref<6xf32>
    %a = memref.load %y[%t] : memref<6xf32>
    %b = arith.addf %a, %v : f32
    memref.store %b, %y[%t] : memref<6xf32>
  }
  scf.for %i = %c0 to %c6 step %c1 {
    func.call @use(%x) : (memref<6xf32>) -> ()
    %a = memref.load %y[%t] : memref<6xf32>
    %b = arith.addf %a, %a : f32
    memref.store %b, %y[%t] : memref<6xf32>
  }
  return
}
func.func private @use(%x: memref<6xf32>)
