// RUN: lora-opt %s -rt-group-executions | FileCheck %s
// RUN: lora-opt %s -rt-group-executions --remarks-filter=rt-group-executions 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

rt.primitive @row <{kind = "matmul", m = 1 : i64, n = 6 : i64, k = 4 : i64}>
rt.primitive @times <{kind = "matmul", m = 1 : i64, n = 6 : i64, k = 4 : i64, post_ops = [{kind = "mul", dtype = "f32"}]}>
rt.primitive @biased <{kind = "matmul", m = 1 : i64, n = 6 : i64, k = 4 : i64, bias = "f32"}>
rt.primitive @wide <{kind = "matmul", m = 1 : i64, n = 8 : i64, k = 4 : i64}>
rt.primitive @back <{kind = "matmul", m = 1 : i64, n = 4 : i64, k = 6 : i64}>
rt.primitive @rows <{kind = "matmul", m = 2 : i64, n = 6 : i64, k = 4 : i64}>
rt.primitive @gather <{kind = "gather", rows = 6 : i64, width = 4 : i64, count = 1 : i64}>

// Three that share an input; results may be views, and what is between them only computes, allocates or reads something else.

// CHECK-LABEL: func @shared_input(
// CHECK-SAME: %[[C:.+]]: !rt.context, %[[X:.+]]: memref<1x4xf32>, %[[W:.+]]: memref<1xi8>, %[[STATE:.+]]: memref<9x6xf32>, %[[P:.+]]: memref<1xi32>)
// CHECK: %[[Q:.+]] = memref.alloc() : memref<1x6xf32>
// CHECK: %[[K:.+]] = memref.alloc() : memref<1x8xf32>
// CHECK: %[[V:.+]] = memref.subview %[[STATE]]
// CHECK: rt.execute_group %[[C]], [@row, @wide, @row](%[[X]], %[[W]], %[[Q]], %[[X]], %[[W]], %[[K]], %[[X]], %[[W]], %[[V]]) counts [3, 3, 3]
// CHECK-NOT: rt.execute
// REMARK: group-executions.mlir{{.*}}Grouped{{.*}}Products=3
func.func @shared_input(%c: !rt.context, %x: memref<1x4xf32>, %w: memref<1xi8>, %state: memref<9x6xf32>, %p: memref<1xi32>) {
  %c0 = arith.constant 0 : index
  %q = memref.alloc() : memref<1x6xf32>
  rt.execute %c, @row(%x, %w, %q) : memref<1x4xf32>, memref<1xi8>, memref<1x6xf32>
  %k = memref.alloc() : memref<1x8xf32>
  rt.execute %c, @wide(%x, %w, %k) : memref<1x4xf32>, memref<1xi8>, memref<1x8xf32>
  %i = memref.load %p[%c0] : memref<1xi32>
  %at = arith.index_cast %i : i32 to index
  %v = memref.subview %state[%at, 0] [1, 6] [1, 1] : memref<9x6xf32> to memref<1x6xf32, strided<[6, 1], offset: ?>>
  rt.execute %c, @row(%x, %w, %v) : memref<1x4xf32>, memref<1xi8>, memref<1x6xf32, strided<[6, 1], offset: ?>>
  return
}

// The operand of a post-op may be the result of another member of the group. No other operand may.

// CHECK-LABEL: func @chain(
// CHECK: rt.execute_group %{{.+}}, [@row, @times](%[[X:.+]], %[[W:.+]], %[[G:.+]], %[[X]], %[[W]], %[[G]], %[[H:.+]]) counts [3, 4]
// CHECK: rt.execute %{{.+}}, @back(%[[H]],
func.func @chain(%c: !rt.context, %x: memref<1x4xf32>, %w: memref<1xi8>, %g: memref<1x6xf32>, %h: memref<1x6xf32>, %y: memref<1x4xf32>) {
  rt.execute %c, @row(%x, %w, %g) : memref<1x4xf32>, memref<1xi8>, memref<1x6xf32>
  rt.execute %c, @times(%x, %w, %g, %h) : memref<1x4xf32>, memref<1xi8>, memref<1x6xf32>, memref<1x6xf32>
  rt.execute %c, @back(%h, %w, %y) : memref<1x6xf32>, memref<1xi8>, memref<1x4xf32>
  return
}

// A bias is read as a whole at the beginning.

// CHECK-LABEL: func @bias(
// CHECK-NOT: rt.execute_group
// CHECK: return
func.func @bias(%c: !rt.context, %x: memref<1x4xf32>, %w: memref<1xi8>, %g: memref<1x6xf32>, %h: memref<1x6xf32>) {
  rt.execute %c, @row(%x, %w, %g) : memref<1x4xf32>, memref<1xi8>, memref<1x6xf32>
  rt.execute %c, @biased(%x, %w, %g, %h) : memref<1x4xf32>, memref<1xi8>, memref<1x6xf32>, memref<1x6xf32>
  return
}

// Two levels, as with a branch beside its product: each product goes to the first group possible.

// CHECK-LABEL: func @levels(
// CHECK: rt.execute_group %{{.+}}, [@row, @row, @row](%[[X:.+]], %[[W:.+]], %[[T:[a-z0-9]+]], %[[X]], %[[W]], %[[Q:[a-z0-9]+]], %[[X]], %[[W]], %[[K:[a-z0-9]+]]) counts [3, 3, 3]
// CHECK: scf.for
// CHECK: rt.execute_group %{{.+}}, [@back, @back](%[[T]],
// CHECK-NOT: rt.execute
func.func @levels(%c: !rt.context, %x: memref<1x4xf32>, %w: memref<1xi8>, %t: memref<1x6xf32>, %q: memref<1x6xf32>, %k: memref<1x6xf32>, %a: memref<1x4xf32>, %b: memref<1x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c6 = arith.constant 6 : index
  rt.execute %c, @row(%x, %w, %t) : memref<1x4xf32>, memref<1xi8>, memref<1x6xf32>
  scf.for %i = %c0 to %c6 step %c1 {
    %0 = memref.load %t[%c0, %i] : memref<1x6xf32>
    %1 = arith.addf %0, %0 : f32
    memref.store %1, %t[%c0, %i] : memref<1x6xf32>
  }
  rt.execute %c, @row(%x, %w, %q) : memref<1x4xf32>, memref<1xi8>, memref<1x6xf32>
  rt.execute %c, @back(%t, %w, %a) : memref<1x6xf32>, memref<1xi8>, memref<1x4xf32>
  rt.execute %c, @row(%x, %w, %k) : memref<1x4xf32>, memref<1xi8>, memref<1x6xf32>
  rt.execute %c, @back(%q, %w, %b) : memref<1x6xf32>, memref<1xi8>, memref<1x4xf32>
  return
}

// Not grouped: several rows, other primitives, a result that is written twice, and unknown buffers.

// CHECK-LABEL: func @apart(
// CHECK-NOT: rt.execute_group
// CHECK: return
func.func @apart(%c: !rt.context, %x: memref<2x4xf32>, %w: memref<1xi8>, %y: memref<2x6xf32>, %z: memref<2x6xf32>, %i: memref<1xi32>, %row: memref<1x4xf32>, %a: memref<1x6xf32>, %b: memref<1x6xf32>) {
  rt.execute %c, @rows(%x, %w, %y) : memref<2x4xf32>, memref<1xi8>, memref<2x6xf32>
  rt.execute %c, @rows(%x, %w, %z) : memref<2x4xf32>, memref<1xi8>, memref<2x6xf32>
  rt.execute %c, @row(%row, %w, %a) : memref<1x4xf32>, memref<1xi8>, memref<1x6xf32>
  rt.execute %c, @row(%row, %w, %a) : memref<1x4xf32>, memref<1xi8>, memref<1x6xf32>
  rt.execute %c, @gather(%w, %i, %row) : memref<1xi8>, memref<1xi32>, memref<1x4xf32>
  rt.execute %c, @row(%row, %w, %b) : memref<1x4xf32>, memref<1xi8>, memref<1x6xf32>
  return
}

// A loop-carried buffer may be any buffer, and two slots with one index are the same buffer.

// CHECK-LABEL: func @aliases(
// CHECK-NOT: rt.execute_group
// CHECK: return
func.func @aliases(%c: !rt.context, %slots: !rt.slots, %x: memref<1x4xf32>, %w: memref<1xi8>, %a: memref<1x4xf32>, %g: memref<1x6xf32>, %h: memref<1x6xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %f = arith.constant 2.0 : f32
  rt.execute %c, @row(%x, %w, %g) : memref<1x4xf32>, memref<1xi8>, memref<1x6xf32>
  %last = scf.for %i = %c0 to %c1 step %c1 iter_args(%m = %a) -> memref<1x4xf32> {
    memref.store %f, %m[%c0, %i] : memref<1x4xf32>
    scf.yield %m : memref<1x4xf32>
  }
  rt.execute %c, @row(%a, %w, %h) : memref<1x4xf32>, memref<1xi8>, memref<1x6xf32>
  rt.execute %c, @gather(%w, %w, %x) : memref<1xi8>, memref<1xi8>, memref<1x4xf32>
  %s = rt.slot %c, %slots[3] : memref<1x6xf32>
  rt.execute %c, @row(%x, %w, %s) : memref<1x4xf32>, memref<1xi8>, memref<1x6xf32>
  %t = rt.slot %c, %slots[3] : memref<1x6xf32>
  rt.execute %c, @back(%t, %w, %a) : memref<1x6xf32>, memref<1xi8>, memref<1x4xf32>
  return
}

// A product that writes memory that an earlier operation reads stays after it; so does one whose address is computed from memory that is
// written in between.

// CHECK-LABEL: func @behind(
// CHECK-NOT: rt.execute_group
// CHECK: return
func.func @behind(%c: !rt.context, %x: memref<1x4xf32>, %w: memref<1xi8>, %g: memref<1x6xf32>, %h: memref<1x6xf32>, %f: memref<1xf32>, %state: memref<9x6xf32>, %p: memref<1xi32>) {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1 : i32
  rt.execute %c, @row(%x, %w, %g) : memref<1x4xf32>, memref<1xi8>, memref<1x6xf32>
  %0 = memref.load %h[%c0, %c0] : memref<1x6xf32>
  memref.store %0, %f[%c0] : memref<1xf32>
  rt.execute %c, @row(%x, %w, %h) : memref<1x4xf32>, memref<1xi8>, memref<1x6xf32>
  rt.execute %c, @gather(%w, %w, %x) : memref<1xi8>, memref<1xi8>, memref<1x4xf32>
  rt.execute %c, @row(%x, %w, %g) : memref<1x4xf32>, memref<1xi8>, memref<1x6xf32>
  memref.store %one, %p[%c0] : memref<1xi32>
  %i = memref.load %p[%c0] : memref<1xi32>
  %at = arith.index_cast %i : i32 to index
  %v = memref.subview %state[%at, 0] [1, 6] [1, 1] : memref<9x6xf32> to memref<1x6xf32, strided<[6, 1], offset: ?>>
  rt.execute %c, @row(%x, %w, %v) : memref<1x4xf32>, memref<1xi8>, memref<1x6xf32, strided<[6, 1], offset: ?>>
  return
}

// A group has at most eight members.

// CHECK-LABEL: func @many(
// CHECK: rt.execute_group %{{.+}}, [@wide, @wide, @wide, @wide, @wide, @wide, @wide, @wide](
// CHECK: rt.execute %{{.+}}, @wide
func.func @many(%c: !rt.context, %x: memref<1x4xf32>, %w: memref<1xi8>) {
  %0 = memref.alloc() : memref<1x8xf32>
  rt.execute %c, @wide(%x, %w, %0) : memref<1x4xf32>, memref<1xi8>, memref<1x8xf32>
  %1 = memref.alloc() : memref<1x8xf32>
  rt.execute %c, @wide(%x, %w, %1) : memref<1x4xf32>, memref<1xi8>, memref<1x8xf32>
  %2 = memref.alloc() : memref<1x8xf32>
  rt.execute %c, @wide(%x, %w, %2) : memref<1x4xf32>, memref<1xi8>, memref<1x8xf32>
  %3 = memref.alloc() : memref<1x8xf32>
  rt.execute %c, @wide(%x, %w, %3) : memref<1x4xf32>, memref<1xi8>, memref<1x8xf32>
  %4 = memref.alloc() : memref<1x8xf32>
  rt.execute %c, @wide(%x, %w, %4) : memref<1x4xf32>, memref<1xi8>, memref<1x8xf32>
  %5 = memref.alloc() : memref<1x8xf32>
  rt.execute %c, @wide(%x, %w, %5) : memref<1x4xf32>, memref<1xi8>, memref<1x8xf32>
  %6 = memref.alloc() : memref<1x8xf32>
  rt.execute %c, @wide(%x, %w, %6) : memref<1x4xf32>, memref<1xi8>, memref<1x8xf32>
  %7 = memref.alloc() : memref<1x8xf32>
  rt.execute %c, @wide(%x, %w, %7) : memref<1x4xf32>, memref<1xi8>, memref<1x8xf32>
  %8 = memref.alloc() : memref<1x8xf32>
  rt.execute %c, @wide(%x, %w, %8) : memref<1x4xf32>, memref<1xi8>, memref<1x8xf32>
  return
}
