//===- AttentionPairs.cpp - Attention's products of bf16 ------------------===//
//
// Implements AttentionPairs.h with vectors of i32 and the operation
// `x86vector.avx512.dot`.
//
//===----------------------------------------------------------------------===//

#include "AttentionPairs.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

#include <numeric>

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

AttentionPairs::AttentionPairs(AttentionTiles &tiles)
    : tiles(tiles), b(tiles.b) {
  static_assert(kTileKeys == kHalves);
  pairsType = VectorType::get(kLanes, b.getI32Type());
  halvesType = VectorType::get(kHalves, b.getBF16Type());
  sumsType = VectorType::get(kLanes, b.getF32Type());
}

bool AttentionPairs::areApplicable(AttentionOp op) {
  for (Value value : {op.getQ(), op.getK(), op.getV()})
    if (!getElementTypeOrSelf(value.getType()).isBF16())
      return false;
  int64_t headDim = op.getQ().getType().getDimSize(1) / op.getHeads();
  return headDim % kHalves == 0 && rt::RTDialect::hasFeature(op, "avx512bf16");
}

Value AttentionPairs::createBuffer(ArrayRef<int64_t> shape) {
  return tiles.createBuffer(shape, b.getI32Type());
}

Value AttentionPairs::bitcast(Value vector, Type elementType) {
  return vector::BitCastOp::create(
      b, elementType.isBF16() ? halvesType : pairsType, vector);
}

Value AttentionPairs::extract(Value buffer, Value row, Value column) {
  return tensor::ExtractOp::create(b, buffer, ValueRange{row, column});
}

Value AttentionPairs::copyRow(Value tensor, Value tensorRow, Value column,
                              Value buffer, Value row) {
  for (int64_t i = 0; i < tiles.headDim; i += kHalves) {
    Value halves = tiles.read(tensor, tensorRow,
                              tiles.add(column, b.getIndex(i)), kHalves);
    buffer = tiles.write(bitcast(halves, b.getI32Type()), buffer, row,
                         b.getIndex(i / 2));
  }
  return buffer;
}

Value AttentionPairs::stageKeys(Value tensor, Value first, Value last,
                                Value column) {
  Value zero = b.getIndex(0), memory = tiles.getMemory(tensor);
  return tiles.createLoop(
      {zero, b.getIndex(tiles.headDim / 2)}, kLanes,
      createBuffer({tiles.headDim / 2, kTileKeys}),
      [&](Value pair, ValueRange buffers) {
        Value from = tiles.add(column, tiles.multiply(pair, 2));
        return tiles.createLoop(
            {zero, b.getIndex(kTileKeys)}, kLanes, buffers,
            [&](Value key, ValueRange inner) -> SmallVector<Value> {
              SmallVector<Expr> square;
              for (int64_t i = 0; i < kLanes; ++i) {
                Value row = tiles.getTileRow(
                    first, tiles.add(key, b.getIndex(i)), last);
                tiles.prefetchNext(memory, row, from);
                square.push_back(b.getExpr(bitcast(
                    tiles.read(tensor, row, from, kHalves), b.getI32Type())));
              }
              tiles.transpose(square);
              Value buffer = inner[0];
              for (auto [i, keys] : llvm::enumerate(square))
                buffer = tiles.write(keys, buffer,
                                     tiles.add(pair, b.getIndex(i)), key);
              return {buffer};
            });
      })[0];
}

Value AttentionPairs::stageValues(Value tensor, Value first, Value last,
                                  Value column) {
  Value zero = b.getIndex(0), memory = tiles.getMemory(tensor);
  return tiles.createLoop(
      {zero, b.getIndex(kTileKeys / 2)}, 1,
      createBuffer({kTileKeys / 2, tiles.headDim}),
      [&](Value pair, ValueRange buffers) {
        Value key = tiles.multiply(pair, 2);
        Value even = tiles.getTileRow(first, key, last),
              odd =
                  tiles.getTileRow(first, tiles.add(key, b.getIndex(1)), last);
        return tiles.createLoop(
            {zero, b.getIndex(tiles.headDim)}, kHalves, buffers,
            [&](Value feature, ValueRange inner) -> SmallVector<Value> {
              Value from = tiles.add(column, feature);
              for (Value row : {even, odd})
                tiles.prefetchNext(memory, row, from);
              Value x = tiles.read(tensor, even, from, kHalves),
                    y = tiles.read(tensor, odd, from, kHalves),
                    buffer = inner[0];
              for (int64_t part = 0; part < kHalves; part += kLanes) {
                SmallVector<int64_t> mask;
                for (int64_t i = part; i < part + kLanes; ++i)
                  mask.append({i, kHalves + i});
                Value pairs = vector::ShuffleOp::create(b, x, y, mask);
                buffer =
                    tiles.write(bitcast(pairs, b.getI32Type()), buffer, pair,
                                tiles.add(feature, b.getIndex(part)));
              }
              return {buffer};
            });
      })[0];
}

Value AttentionPairs::writeWeights(Expr weights, Value buffer, Value row) {
  SmallVector<Value> rounded;
  auto roundedType = VectorType::get(kLanes, b.getBF16Type());
  for (int64_t part = 0; part < kTileKeys; part += kLanes) {
    Value some = vector::ExtractStridedSliceOp::create(
        b, Value(weights), ArrayRef<int64_t>{part}, ArrayRef<int64_t>{kLanes},
        ArrayRef<int64_t>{1});
    rounded.push_back(
        x86vector::CvtPackedF32ToBF16Op::create(b, roundedType, some));
  }
  SmallVector<int64_t> all(kHalves);
  std::iota(all.begin(), all.end(), 0);
  Value halves = vector::ShuffleOp::create(b, rounded[0], rounded[1], all);
  return tiles.write(bitcast(halves, b.getI32Type()), buffer, row,
                     b.getIndex(0));
}

Value AttentionPairs::multiplyAdd(Value sums, Value pair, Value pairs) {
  Value spread = vector::BroadcastOp::create(b, pairsType, pair);
  return x86vector::DotBF16Op::create(b, sumsType, sums,
                                      bitcast(spread, b.getBF16Type()),
                                      bitcast(pairs, b.getBF16Type()));
}

Expr AttentionPairs::join(ValueRange sums) {
  SmallVector<int64_t> all(kTileKeys);
  std::iota(all.begin(), all.end(), 0);
  return b.getExpr(vector::ShuffleOp::create(b, sums[0], sums[1], all));
}

SmallVector<Value> AttentionPairs::addProducts(Value tile, int64_t pairs,
                                               int64_t unrolled, Value factors,
                                               Value row, ArrayRef<Value> sums,
                                               int64_t count) {
  int64_t vectors = int64_t(sums.size()) / count;
  return tiles.createLoop(
      {b.getIndex(0), b.getIndex(pairs)}, unrolled, sums,
      [&](Value first, ValueRange so) {
        SmallVector<Value> next(so);
        for (int64_t i = 0; i < unrolled; ++i) {
          Value pair = tiles.add(first, b.getIndex(i));
          SmallVector<Value> some;
          for (int64_t v = 0; v < vectors; ++v)
            some.push_back(
                tiles.read(tile, pair, b.getIndex(v * kLanes), kLanes));
          for (int64_t r = 0; r < count; ++r) {
            Value factor =
                extract(factors, tiles.add(row, b.getIndex(r)), pair);
            for (int64_t v = 0; v < vectors; ++v) {
              Value &sum = next[r * vectors + v];
              sum = multiplyAdd(sum, factor, some[v]);
            }
          }
        }
        return next;
      });
}

SmallVector<Value> AttentionPairs::getScores(Value keys, Value queries,
                                             Value row, int64_t count,
                                             double scale) {
  constexpr int64_t parts = kTileKeys / kLanes;
  int64_t pairs = tiles.headDim / 2;
  SmallVector<Value> sums(count * parts, b.getConstant(sumsType, 0));
  sums = addProducts(keys, pairs, std::gcd(pairs, int64_t(8)), queries, row,
                     sums, count);
  Expr factor = b.getConstant(tiles.scoreType, scale);
  SmallVector<Value> scores;
  for (int64_t r = 0; r < count; ++r)
    scores.push_back(join(ValueRange(sums).slice(r * parts, parts)) * factor);
  return scores;
}

SmallVector<Value> AttentionPairs::addValues(Value values, Value buffer,
                                             ArrayRef<Value> sums,
                                             int64_t count) {
  return addProducts(values, kTileKeys / 2, /*unrolled=*/4, buffer,
                     b.getIndex(0), sums, count);
}
