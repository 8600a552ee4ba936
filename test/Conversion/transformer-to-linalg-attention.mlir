// RUN: lora-opt %s -convert-transformer-to-linalg | FileCheck %s -enable-var-scope --check-prefix=LOOPS
// RUN: lora-opt %s -convert-transformer-to-linalg=attention=reference | FileCheck %s -enable-var-scope --check-prefix=REFERENCE

// Heads of keys and blocks of 16 tokens in parallel: 32 rows, with 2 query heads to a head of keys. Inside, tiles of 32 keys, from
// the first to the end of any of the block's tokens; four rows at once. Nothing is tokens x keys.
// LOOPS-LABEL: func.func @attention
// LOOPS-SAME: (%[[Q:.+]]: tensor<?x144xbf16>, %[[K:.+]]: tensor<?x72xbf16>, %[[V:.+]]: tensor<?x72xbf16>, %[[SEQ:.+]]: tensor<4x?xi32>)
// LOOPS-DAG: %[[TILE:.+]] = arith.constant 32 : index
// LOOPS-DAG: %[[ONE:.+]] = arith.constant 1 : index
// LOOPS-DAG: %[[TWO:.+]] = arith.constant 2 : index
// LOOPS-DAG: %[[FOUR:.+]] = arith.constant 4 : index
// LOOPS-DAG: %[[SIXTEEN:.+]] = arith.constant 16 : index
// LOOPS-DAG: %[[MINUS:.+]] = arith.constant 0xFF800000 : f32
// LOOPS-NOT: tensor<?x?
// LOOPS: %[[BLOCKS:.+]] = arith.ceildivui %{{.+}}, %[[SIXTEEN]]
// LOOPS: scf.forall (%[[H:.+]], %[[B:.+]]) in (3, %[[BLOCKS]]) shared_outs(%[[O:.+]] = %{{.+}}, %[[L:.+]] = %{{.+}}) -> (tensor<?x144xbf16>, tensor<?x6xf32>)
// LOOPS: %[[T:.+]] = arith.muli %[[B]], %[[SIXTEEN]]
// LOOPS: %[[LEFT:.+]] = arith.subi %{{.+}}, %[[T]]
// LOOPS: %[[COUNT:.+]] = arith.minsi %[[LEFT]], %[[SIXTEEN]]
// The range of keys of the block.
// LOOPS: %[[KEYS:.+]]:2 = scf.for %[[I:.+]] = %{{.+}} to %[[COUNT]] step %[[ONE]] iter_args
// LOOPS: tensor.extract %[[SEQ]][%[[ONE]], %{{.+}}]
// LOOPS: tensor.extract %[[SEQ]][%[[TWO]], %{{.+}}]
// The scaled queries.
// LOOPS: scf.for
// LOOPS-COUNT-3: vector.transfer_read %[[Q]]{{.*}} {in_bounds = [true]} : tensor<?x144xbf16>, vector<8xbf16>
// LOOPS: linalg.fill ins(%[[MINUS]] : f32) outs(%{{.+}} : tensor<32xf32>)
// LOOPS: scf.for %{{.+}} = %[[KEYS]]#0 to %[[KEYS]]#1 step %[[TILE]] iter_args({{.*}}) -> (tensor<32x24xf32>, tensor<32xf32>, tensor<32x32xf32>, tensor<4x32xf32>)
// Keys are transposed, 8 by 8, values copied: once for all rows. Both ask for the next tile.
// LOOPS: %[[KM:.+]] = bufferization.to_buffer %[[K]] read_only
// LOOPS: memref.prefetch %[[KM]]
// LOOPS-COUNT-8: vector.transfer_read %[[K]]
// LOOPS-COUNT-24: vector.shuffle
// LOOPS-COUNT-8: vector.transfer_write {{.*}} tensor<24x32xf32>
// LOOPS: %[[VM:.+]] = bufferization.to_buffer %[[V]] read_only
// LOOPS: scf.for
// LOOPS-COUNT-3: memref.prefetch %[[VM]]
// LOOPS-COUNT-3: vector.transfer_read %[[V]]
// LOOPS: scf.for %[[R:.+]] = %{{.+}} to %{{.+}} step %[[FOUR]]
// Scores: a number of the row times the numbers of 32 keys.
// LOOPS: scf.for %{{.+}} -> (vector<32xf32>, vector<32xf32>, vector<32xf32>, vector<32xf32>)
// LOOPS: tensor.extract %{{.+}}[%[[R]], %{{.+}}] : tensor<32x24xf32>
// LOOPS-NOT: vector.reduction
// LOOPS: scf.yield
// LOOPS-COUNT-4: math.exp %{{.+}} : vector<32xf32>
// The sums of four rows of three vectors stay in registers while the values are read.
// LOOPS: scf.for {{.*}} -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>)
// LOOPS: math.log
// LOOPS: scf.forall.in_parallel
// LOOPS-DAG: tensor.parallel_insert_slice %{{.+}} into %[[O]][%[[T]], %{{.+}}] [%[[COUNT]], 48] [1, 1]
// LOOPS-DAG: tensor.parallel_insert_slice %{{.+}} into %[[L]][%[[T]], %{{.+}}] [%[[COUNT]], 2] [1, 1]

// REFERENCE-LABEL: func.func @attention
// REFERENCE: %[[DOT:.+]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins({{.*}} : tensor<?x3x2x24xbf16>, tensor<?x3x24xbf16>) outs(%{{.+}} : tensor<?x3x2x?xf32>)
// REFERENCE: linalg.generic {{.*}} ins(%[[DOT]]
// REFERENCE: linalg.index 0
// REFERENCE: linalg.index 3
// REFERENCE: arith.cmpi sge
// REFERENCE: arith.cmpi slt
// REFERENCE: arith.select
// REFERENCE: arith.maximumf
// REFERENCE: math.exp
// REFERENCE: math.log
func.func @attention(%q: tensor<?x144xbf16>, %k: tensor<?x72xbf16>, %v: tensor<?x72xbf16>, %seq: tensor<4x?xi32>) -> (tensor<?x144xbf16>, tensor<?x6xf32>) {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 6 : i64, kv_heads = 3 : i64, scale = 0.204 : f64}
             : tensor<?x144xbf16>, tensor<?x72xbf16>, tensor<4x?xi32> -> tensor<?x6xf32>
  return %o, %lse : tensor<?x144xbf16>, tensor<?x6xf32>
}

// One token: as many parts of its keys as there are tiles, up to 32, in parallel; two rows share a head of keys. A window moves the first
// key; f64 is computed in f64.
// LOOPS-LABEL: func.func @window
// LOOPS-SAME: (%{{.+}}: tensor<1x160xf64>, %[[K:[A-Za-z0-9_.]+]]: tensor<?x80xf64>
// LOOPS-DAG: %[[WINDOW:.+]] = arith.constant 5 : index
// LOOPS: %[[LATE:.+]] = arith.subi %{{.+}}, %[[WINDOW]]
// LOOPS: arith.maxsi %{{.+}}, %[[LATE]]
// LOOPS: scf.forall (%{{.+}}) in (%{{.+}}) shared_outs({{.*}}) -> (tensor<64x80xf64>, tensor<32x2xf64>, tensor<32x2xf64>)
// LOOPS: scf.for
// LOOPS-COUNT-16: vector.transfer_read %[[K]]
// LOOPS-COUNT-16: vector.transfer_write {{.*}} tensor<80x32xf64>
// LOOPS: scf.for {{.*}} -> (vector<32xf64>, vector<32xf64>)
// LOOPS: tensor.parallel_insert_slice
// The parts are joined.
// LOOPS: scf.for
// LOOPS: arith.maximumf
// LOOPS: arith.divf
// REFERENCE-LABEL: func.func @window
// REFERENCE: arith.maxsi
func.func @window(%q: tensor<1x160xf64>, %k: tensor<?x80xf64>, %v: tensor<?x80xf64>, %seq: tensor<4x1xi32>) -> tensor<1x160xf64> {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 2 : i64, kv_heads = 1 : i64, scale = 0.5 : f64, window = 5 : i64}
             : tensor<1x160xf64>, tensor<?x80xf64>, tensor<4x1xi32> -> tensor<1x2xf64>
  return %o : tensor<1x160xf64>
}

// Heads of keys in parallel; dk and dv are summed in f32 and rounded once.
// LOOPS-LABEL: func.func @gradient
// LOOPS-NOT: tensor<?x?
// LOOPS: %[[SUMS:.+]]:3 = scf.forall (%{{.+}}) in (3) shared_outs({{.*}}) -> (tensor<?x144xbf16>, tensor<?x72xf32>, tensor<?x72xf32>)
// LOOPS: math.exp %{{.+}} : vector<32xf32>
// LOOPS-COUNT-3: tensor.parallel_insert_slice
// LOOPS: linalg.generic {{.*}} ins(%[[SUMS]]#1 : tensor<?x72xf32>) outs(%{{.+}} : tensor<?x72xbf16>)
// LOOPS: linalg.generic {{.*}} ins(%[[SUMS]]#2 : tensor<?x72xf32>) outs(%{{.+}} : tensor<?x72xbf16>)
// REFERENCE-LABEL: func.func @gradient
// REFERENCE: linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction", "reduction", "parallel"]}
func.func @gradient(%dy: tensor<?x144xbf16>, %q: tensor<?x144xbf16>, %k: tensor<?x72xbf16>, %v: tensor<?x72xbf16>, %o: tensor<?x144xbf16>, %lse: tensor<?x6xf32>, %seq: tensor<4x?xi32>) -> (tensor<?x144xbf16>, tensor<?x72xbf16>, tensor<?x72xbf16>) {
  %dq, %dk, %dv = transformer.attention_gradient %dy, %q, %k, %v, %o, %lse, %seq {heads = 6 : i64, kv_heads = 3 : i64, scale = 0.204 : f64}
                  : tensor<?x144xbf16>, tensor<?x72xbf16>, tensor<?x6xf32>, tensor<4x?xi32>
  return %dq, %dk, %dv : tensor<?x144xbf16>, tensor<?x72xbf16>, tensor<?x72xbf16>
}

// A result without a use is not computed: there is one sum, and dk is left out.
// LOOPS-LABEL: func.func @gradient_of_values
// LOOPS: scf.forall (%{{.+}}) in (3) shared_outs(%{{.+}} = %{{.+}}) -> (tensor<?x72xf32>)
// LOOPS-COUNT-1: tensor.parallel_insert_slice
// LOOPS-NOT: tensor.parallel_insert_slice
func.func @gradient_of_values(%dy: tensor<?x144xbf16>, %q: tensor<?x144xbf16>, %k: tensor<?x72xbf16>, %v: tensor<?x72xbf16>, %o: tensor<?x144xbf16>, %lse: tensor<?x6xf32>, %seq: tensor<4x?xi32>) -> tensor<?x72xbf16> {
  %dq, %dk, %dv = transformer.attention_gradient %dy, %q, %k, %v, %o, %lse, %seq {heads = 6 : i64, kv_heads = 3 : i64, scale = 0.204 : f64}
                  : tensor<?x144xbf16>, tensor<?x72xbf16>, tensor<?x6xf32>, tensor<4x?xi32>
  return %dv : tensor<?x72xbf16>
}
