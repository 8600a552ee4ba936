// RUN: lora-opt %s -rt-fuse-parallel-loops | FileCheck %s
// RUN: lora-opt %s -rt-fuse-parallel-loops --remarks-filter=rt-fuse-parallel-loops 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// A sum per row and its use in the same row become one loop, with the smaller grain. Operations between them do not matter.

// CHECK-LABEL: func @rows
// CHECK: rt.parallel_for %{{.+}}, %[[I:.+]] = %c0 to %c8 grain 2 {
// CHECK:   memref.store %{{.+}}, %[[SUM:.+]][%[[I]]]
// CHECK:   memref.load %[[SUM]][%[[I]]]
// CHECK: }
// CHECK-NOT: rt.parallel_for
// CHECK: return
func.func @rows(%c: !rt.context, %x: memref<8x4xf32>, %sum: memref<8xf32>, %y: memref<8x4xf32>, %z: memref<4xf32>, %v: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  rt.parallel_for %c, %i = %c0 to %c8 grain 4 {
    %a = memref.load %x[%i, %c1] : memref<8x4xf32>
    memref.store %a, %sum[%i] : memref<8xf32>
  }
  scf.for %k = %c0 to %c4 step %c1 {
    memref.store %v, %z[%k] : memref<4xf32>
  }
  rt.parallel_for %c, %i = %c0 to %c8 grain 2 {
    %s = memref.load %sum[%i] : memref<8xf32>
    scf.for %k = %c0 to %c4 step %c1 {
      memref.store %s, %y[%i, %k] : memref<8x4xf32>
    }
  }
  return
}

// The second loop reads another row.

// CHECK-LABEL: func @other_row
// CHECK: rt.parallel_for
// CHECK: rt.parallel_for
func.func @other_row(%c: !rt.context, %x: memref<9xf32>, %y: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  rt.parallel_for %c, %i = %c0 to %c8 grain 1 {
    %a = memref.load %y[%i] : memref<8xf32>
    memref.store %a, %x[%i] : memref<9xf32>
  }
  rt.parallel_for %c, %i = %c0 to %c8 grain 1 {
    %n = arith.addi %i, %c1 : index
    %a = memref.load %x[%n] : memref<9xf32>
    memref.store %a, %y[%i] : memref<8xf32>
  }
  return
}

// Not fused: a view may refer to other rows; the ranges differ; a call between the loops may read anything.

// CHECK-LABEL: func @view
// CHECK: rt.parallel_for
// CHECK: rt.parallel_for
func.func @view(%c: !rt.context, %x: memref<9xf32>, %y: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %view = memref.subview %x[1] [8] [1] : memref<9xf32> to memref<8xf32, strided<[1], offset: 1>>
  rt.parallel_for %c, %i = %c0 to %c8 grain 1 {
    %a = memref.load %y[%i] : memref<8xf32>
    memref.store %a, %x[%i] : memref<9xf32>
  }
  rt.parallel_for %c, %i = %c0 to %c8 grain 1 {
    %a = memref.load %view[%i] : memref<8xf32, strided<[1], offset: 1>>
    memref.store %a, %y[%i] : memref<8xf32>
  }
  return
}

// CHECK-LABEL: func @ranges
// CHECK: rt.parallel_for
// CHECK: rt.parallel_for
func.func @ranges(%c: !rt.context, %x: memref<9xf32>, %y: memref<9xf32>, %v: f32) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c9 = arith.constant 9 : index
  rt.parallel_for %c, %i = %c0 to %c8 grain 1 {
    memref.store %v, %x[%i] : memref<9xf32>
  }
  rt.parallel_for %c, %i = %c0 to %c9 grain 1 {
    memref.store %v, %y[%i] : memref<9xf32>
  }
  return
}

// CHECK-LABEL: func @call
// CHECK: rt.parallel_for
// CHECK: call @use
// CHECK: rt.parallel_for
func.func @call(%c: !rt.context, %x: memref<8xf32>, %y: memref<8xf32>, %v: f32) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  rt.parallel_for %c, %i = %c0 to %c8 grain 1 {
    memref.store %v, %x[%i] : memref<8xf32>
  }
  func.call @use(%x) : (memref<8xf32>) -> ()
  rt.parallel_for %c, %i = %c0 to %c8 grain 1 {
    memref.store %v, %y[%i] : memref<8xf32>
  }
  return
}
func.func private @use(memref<8xf32>)

// An operation between them reads what the first one writes.

// CHECK-LABEL: func @between
// CHECK: rt.parallel_for
// CHECK: memref.load
// CHECK: rt.parallel_for
func.func @between(%c: !rt.context, %x: memref<8xf32>, %y: memref<8xf32>, %v: f32) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  rt.parallel_for %c, %i = %c0 to %c8 grain 1 {
    memref.store %v, %x[%i] : memref<8xf32>
  }
  %a = memref.load %x[%c0] : memref<8xf32>
  rt.parallel_for %c, %i = %c0 to %c8 grain 1 {
    memref.store %a, %y[%i] : memref<8xf32>
  }
  return
}


// Each row needs 256 KiB of weights, which would be evicted from the cache between rows.

// CHECK-LABEL: func @weights
// CHECK: rt.parallel_for
// CHECK: rt.parallel_for
func.func @weights(%c: !rt.context, %x: memref<8x64xf32>, %w: memref<1024x64xf32>, %y: memref<8xf32>, %z: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c64 = arith.constant 64 : index
  rt.parallel_for %c, %i = %c0 to %c8 grain 1 {
    scf.for %k = %c0 to %c64 step %c1 {
      %a = memref.load %x[%i, %k] : memref<8x64xf32>
      %b = memref.load %w[%k, %c0] : memref<1024x64xf32>
      %m = arith.mulf %a, %b : f32
      memref.store %m, %y[%i] : memref<8xf32>
    }
  }
  rt.parallel_for %c, %i = %c0 to %c8 grain 1 {
    %a = memref.load %y[%i] : memref<8xf32>
    memref.store %a, %z[%i] : memref<8xf32>
  }
  return
}

// REMARK: remark: [Analysis] Loops | Category:rt-fuse-parallel-loops | Function=rows | Fused=1, Left=1
