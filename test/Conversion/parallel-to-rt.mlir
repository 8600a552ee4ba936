// RUN: lora-opt %s -convert-parallel-to-rt="serial-work=1000 grain-work=100" -split-input-file -verify-diagnostics | FileCheck %s --implicit-check-not=scf.parallel
// RUN: not lora-opt %s -convert-parallel-to-rt -split-input-file --remarks-filter=convert-parallel-to-rt 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// Rows in parallel, features in a plain loop; 100 operations of grain are one row of 48 * 3.

// CHECK-LABEL: func @rows
// CHECK: rt.parallel_for %{{.+}}, %[[T:.+]] = %c0{{.*}} to %c64{{.*}} grain 1 {
// CHECK:   scf.for %[[I:.+]] = %c0{{.*}} to %c48
// CHECK:     memref.load %{{.+}}[%[[T]], %[[I]]]
func.func @rows(%c: !rt.context, %x: memref<64x48xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %c48 = arith.constant 48 : index
  scf.parallel (%t, %i) = (%c0, %c0) to (%c64, %c48) step (%c1, %c1) {
    %v = memref.load %x[%t, %i] : memref<64x48xf32>
    memref.store %v, %x[%t, %i] : memref<64x48xf32>
  }
  return
}

// One row: its features in parallel, without an index to divide. A grain is 34 of them.

// CHECK-LABEL: func @one_row
// CHECK: rt.parallel_for %{{.+}}, %[[I:.+]] = %c0{{.*}} to %c480{{.*}} grain 34 {
// CHECK-NEXT: memref.load %{{.+}}[%c0{{.*}}, %[[I]]]
func.func @one_row(%c: !rt.context, %x: memref<1x480xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c480 = arith.constant 480 : index
  scf.parallel (%t, %i) = (%c0, %c0) to (%c1, %c480) step (%c1, %c1) {
    %v = memref.load %x[%t, %i] : memref<1x480xf32>
    memref.store %v, %x[%t, %i] : memref<1x480xf32>
  }
  return
}

// Few long rows are cut into contiguous pieces of 1024.

// CHECK-LABEL: func @long_rows
// CHECK: rt.parallel_for %{{.+}}, %[[P:.+]] = %c0{{.*}} to %c9{{.*}} grain
// CHECK: arith.remui %[[P]], %c3
// CHECK: %[[T:.+]] = arith.divui %[[P]], %c3
// CHECK: scf.for %[[I:.+]] =
// CHECK: memref.load %{{.+}}[%[[T]], %[[I]]]
func.func @long_rows(%c: !rt.context, %x: memref<3x3000xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c3000 = arith.constant 3000 : index
  scf.parallel (%t, %i) = (%c0, %c0) to (%c3, %c3000) step (%c1, %c1) {
    %v = memref.load %x[%t, %i] : memref<3x3000xf32>
    memref.store %v, %x[%t, %i] : memref<3x3000xf32>
  }
  return
}

// Loops with loops inside are merged, with any steps; the loops inside are serial.

// CHECK-LABEL: func @merged
// CHECK: rt.parallel_for %{{.+}}, %[[P:.+]] = %c0{{.*}} to %c24
// CHECK: %[[B:.+]] = arith.remui %[[P]], %c4
// CHECK: %[[A:.+]] = arith.divui %[[P]], %c4
// CHECK: arith.muli %[[B]], %c16
// CHECK: scf.for
// CHECK-NOT: rt.parallel_for
func.func @merged(%c: !rt.context, %x: memref<6x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c6 = arith.constant 6 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  scf.parallel (%t, %i) = (%c0, %c0) to (%c6, %c64) step (%c1, %c16) {
    scf.parallel (%j) = (%c0) to (%c16) step (%c1) {
      %k = arith.addi %i, %j : index
      %v = memref.load %x[%t, %k] : memref<6x64xf32>
      memref.store %v, %x[%t, %k] : memref<6x64xf32>
    }
  }
  return
}

// There is too little work, or no context for the call of the runtime.

// CHECK-LABEL: func @small
// CHECK-NOT: rt.parallel_for
// CHECK: scf.for
func.func @small(%c: !rt.context, %x: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.parallel (%i) = (%c0) to (%c8) step (%c1) {
    %v = memref.load %x[%i] : memref<8xf32>
    memref.store %v, %x[%i] : memref<8xf32>
  }
  return
}

// CHECK-LABEL: func @no_context
// CHECK-NOT: rt.parallel_for
// CHECK: scf.for
func.func @no_context(%x: memref<8000xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8000 = arith.constant 8000 : index
  scf.parallel (%i) = (%c0) to (%c8000) step (%c1) {
    %v = memref.load %x[%i] : memref<8000xf32>
    memref.store %v, %x[%i] : memref<8000xf32>
  }
  return
}

// -----

func.func @reduction(%c: !rt.context, %x: memref<8xf32>) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  // expected-error @below {{expected a parallel loop without reductions}}
  %0 = scf.parallel (%i) = (%c0) to (%c8) step (%c1) init (%zero) -> f32 {
    %v = memref.load %x[%i] : memref<8xf32>
    scf.reduce(%v : f32) {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %b : f32
      scf.reduce.return %s : f32
    }
  }
  return %0 : f32
}


// REMARK: remark: [Missed] Serial | Category:convert-parallel-to-rt | Function=rows | Reason="its work is not worth waking threads for", Work=
// REMARK: Function=no_context | Reason="the function has no context"
