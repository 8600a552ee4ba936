// RUN: lora-opt %s -convert-transformer-to-linalg | FileCheck %s -enable-var-scope --check-prefix=LOOPS
// RUN: lora-opt %s -convert-transformer-to-linalg=attention=reference | FileCheck %s -enable-var-scope --check-prefix=REFERENCE

// Tokens and heads in parallel; inside, tiles of keys from the first to the end of the token's own. Nothing is tokens x keys.
// LOOPS-LABEL: func.func @attention
// LOOPS-SAME: (%[[Q:.+]]: tensor<?x144xbf16>, %[[K:.+]]: tensor<?x72xbf16>, %[[V:.+]]: tensor<?x72xbf16>, %[[SEQ:.+]]: tensor<4x?xi32>)
// LOOPS-DAG: %[[TILE:.+]] = arith.constant 16 : index
// LOOPS-DAG: %[[ONE:.+]] = arith.constant 1 : index
// LOOPS-DAG: %[[TWO:.+]] = arith.constant 2 : index
// LOOPS-DAG: %[[MINUS:.+]] = arith.constant 0xFF800000 : f32
// LOOPS-NOT: tensor<?x?
// LOOPS: scf.forall (%[[T:.+]], %[[H:.+]]) in (%{{.+}}, 6) shared_outs(%[[O:.+]] = %{{.+}}, %[[L:.+]] = %{{.+}}) -> (tensor<?x144xbf16>, tensor<?x6xf32>)
// LOOPS: tensor.extract %[[SEQ]][%[[ONE]], %[[T]]]
// LOOPS: %[[FIRST:.+]] = arith.index_cast
// LOOPS: tensor.extract %[[SEQ]][%[[TWO]], %[[T]]]
// LOOPS: %[[END:.+]] = arith.index_cast
// LOOPS: vector.transfer_read %[[Q]]{{.*}} {in_bounds = [true]} : tensor<?x144xbf16>, vector<24xbf16>
// LOOPS: scf.for %{{.+}} = %[[FIRST]] to %[[END]] step %[[TILE]] iter_args(%{{.+}} = %[[MINUS]], {{.*}}) -> (f32, f32, vector<24xf32>)
// LOOPS-COUNT-16: vector.transfer_read %[[K]]
// LOOPS: math.exp %{{.+}} : vector<16xf32>
// LOOPS-COUNT-16: vector.transfer_read %[[V]]
// LOOPS: math.log
// LOOPS: scf.forall.in_parallel
// LOOPS-DAG: tensor.parallel_insert_slice %{{.+}} into %[[O]][%[[T]], %{{.+}}] [1, 24] [1, 1]
// LOOPS-DAG: tensor.parallel_insert_slice %{{.+}} into %[[L]][%[[T]], %[[H]]] [1, 1] [1, 1]

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

// A window moves the first key; f64 is computed in f64.
// LOOPS-LABEL: func.func @window
// LOOPS-DAG: %[[WINDOW:.+]] = arith.constant 5 : index
// LOOPS: %[[LATE:.+]] = arith.subi %{{.+}}, %[[WINDOW]]
// LOOPS: %[[FIRST:.+]] = arith.maxsi %{{.+}}, %[[LATE]]
// LOOPS: scf.for %{{.+}} = %[[FIRST]] to {{.*}} -> (f64, f64, vector<80xf64>)
// REFERENCE-LABEL: func.func @window
// REFERENCE: arith.maxsi
func.func @window(%q: tensor<7x160xf64>, %k: tensor<?x80xf64>, %v: tensor<?x80xf64>, %seq: tensor<4x7xi32>) -> tensor<7x160xf64> {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 2 : i64, kv_heads = 1 : i64, scale = 0.5 : f64, window = 5 : i64}
             : tensor<7x160xf64>, tensor<?x80xf64>, tensor<4x7xi32> -> tensor<7x2xf64>
  return %o : tensor<7x160xf64>
}

// Heads of keys in parallel; dk and dv are summed in f32 and rounded once.
// LOOPS-LABEL: func.func @gradient
// LOOPS-NOT: tensor<?x?
// LOOPS: %[[SUMS:.+]]:3 = scf.forall (%{{.+}}) in (3) shared_outs({{.*}}) -> (tensor<?x144xbf16>, tensor<?x72xf32>, tensor<?x72xf32>)
// LOOPS: scf.for
// LOOPS: scf.for
// LOOPS: scf.for
// LOOPS: math.exp %{{.+}} : vector<16xf32>
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
