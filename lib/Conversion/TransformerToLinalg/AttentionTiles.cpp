//===- AttentionTiles.cpp - What the attention loops are made of ----------===//
//
// Everything is on tensors. The buffers of a block are static and small, so
// they become memory on the stack of a thread.
//
//===----------------------------------------------------------------------===//

#include "AttentionTiles.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"
#include <limits>
#include <numeric>

using namespace mlir;
using namespace lora;

/// The elements of a vector are those of an AVX-512 register, or fewer if the
/// width of a head requires it. kTileKeys is a multiple of this number in every
/// case.
static constexpr int64_t kMaxChunk = 16;

AttentionTiles::AttentionTiles(Decomposition &b, Value q, Value sequence,
                               int64_t heads, int64_t kvHeads,
                               std::optional<int64_t> window, int64_t blockRows)
    : b(b), group(heads / kvHeads), kvHeads(kvHeads), window(window),
      sequence(sequence), compute(b.getComputeType(q)) {
  auto type = cast<RankedTensorType>(q.getType());
  headDim = type.getDimSize(1) / heads;
  blockTokens = std::max<int64_t>(1, blockRows / group);
  if (!type.isDynamicDim(0))
    blockTokens =
        std::max<int64_t>(1, std::min(blockTokens, type.getDimSize(0)));
  // The widest vectors, up to kMaxChunk, whose multiple is the width of a head.
  chunkType = VectorType::get(std::gcd(headDim, kMaxChunk), compute);
  scoreType = VectorType::get(kTileKeys, compute);
}

Value AttentionTiles::createBuffer(ArrayRef<int64_t> shape) {
  return createBuffer(shape, compute);
}

Value AttentionTiles::createBuffer(ArrayRef<int64_t> shape, Type elementType) {
  return bufferization::AllocTensorOp::create(
      b, RankedTensorType::get(shape, elementType), ValueRange());
}

Value AttentionTiles::createFilledBuffer(ArrayRef<int64_t> shape,
                                         double number) {
  return linalg::FillOp::create(b, ValueRange(b.getConstant(compute, number)),
                                ValueRange(createBuffer(shape)))
      .getResult(0);
}

Value AttentionTiles::multiply(Value value, int64_t factor) {
  return arith::MulIOp::create(b, value, b.getIndex(factor));
}

Value AttentionTiles::add(Value x, Value y) {
  return arith::AddIOp::create(b, x, y);
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

Value AttentionTiles::read(Value tensor, Value row, Value column,
                           int64_t elements) {
  Type elementType = getElementTypeOrSelf(tensor.getType());
  Value padding = arith::ConstantOp::create(b, b.getZeroAttr(elementType));
  return vector::TransferReadOp::create(
      b, VectorType::get(elements, elementType), tensor,
      ValueRange{row, column}, padding, ArrayRef<bool>{true});
}

Value AttentionTiles::write(Value elements, Value tensor, Value row,
                            Value column) {
  return vector::TransferWriteOp::create(
             b, elements, tensor, ValueRange{row, column}, ArrayRef<bool>{true})
      .getResult();
}

static Expr readVector(AttentionTiles &tiles, Value tensor, Value row,
                       Value column, VectorType type) {
  return tiles.b.convert(tiles.read(tensor, row, column, type.getDimSize(0)),
                         type.getElementType());
}

static Value writeVector(AttentionTiles &tiles, Expr vector, Value tensor,
                         Value row, Value column) {
  Value rounded =
      tiles.b.convert(vector, getElementTypeOrSelf(tensor.getType()));
  return tiles.write(rounded, tensor, row, column);
}

HeadRow AttentionTiles::readRow(Value tensor, Value row, Value column) {
  HeadRow features;
  for (int64_t i = 0; i < headDim; i += chunkType.getDimSize(0))
    features.push_back(
        readVector(*this, tensor, row, add(column, b.getIndex(i)), chunkType));
  return features;
}

Value AttentionTiles::writeRow(const HeadRow &features, Value tensor, Value row,
                               Value column) {
  for (auto [i, chunk] : llvm::enumerate(features))
    tensor = writeVector(
        *this, chunk, tensor, row,
        add(column, b.getIndex(int64_t(i) * chunkType.getDimSize(0))));
  return tensor;
}

Expr AttentionTiles::readScores(Value tensor, Value row) {
  return readVector(*this, tensor, row, b.getIndex(0), scoreType);
}

Value AttentionTiles::writeScores(Expr scores, Value tensor, Value row) {
  return writeVector(*this, scores, tensor, row, b.getIndex(0));
}

HeadRow AttentionTiles::getZeroRow() {
  return HeadRow(headDim / chunkType.getDimSize(0),
                 b.getConstant(chunkType, 0));
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Expr AttentionTiles::shuffle(Expr x, Expr y, ArrayRef<int64_t> mask) {
  return b.getExpr(vector::ShuffleOp::create(b, Value(x), Value(y), mask));
}

/// Folds pairs of vectors until every element is the sum of one of the vectors.
/// It folds first within parts of four elements, then across parts, so that
/// each step is one shuffle instruction for each operand.
Expr AttentionTiles::sumEach(SmallVector<Expr> vectors) {
  int64_t width = chunkType.getDimSize(0), part = std::min<int64_t>(width, 4);
  auto fold = [&](llvm::function_ref<int64_t(int64_t, int64_t)> position) {
    // Element i of the result is even(i) + odd(i) of the pair.
    SmallVector<int64_t> even, odd;
    for (int64_t i = 0; i < width; ++i) {
      even.push_back(position(i, 0));
      odd.push_back(position(i, 1));
    }
    SmallVector<Expr> folded;
    for (size_t i = 0; i + 1 < vectors.size(); i += 2)
      folded.push_back(shuffle(vectors[i], vectors[i + 1], even) +
                       shuffle(vectors[i], vectors[i + 1], odd));
    vectors = folded;
  };
  // Within a part, the first half comes from x and the second half from y.
  for (int64_t i = 1; i < part; i *= 2)
    fold([&](int64_t i, int64_t odd) {
      int64_t base = i / part * part, local = i % part, half = part / 2;
      int64_t source = local < half ? 0 : width;
      return source + base + 2 * (local % half) + odd;
    });
  // Across parts, the first half of the parts comes from x.
  int64_t parts = width / part;
  for (int64_t i = 1; i < parts; i *= 2)
    fold([&](int64_t i, int64_t odd) {
      int64_t index = i / part, half = parts / 2;
      int64_t source = index < half ? 0 : width;
      return source + (2 * (index % half) + odd) * part + i % part;
    });
  if (vectors.size() == 1)
    return vectors[0];
  Expr scores = b.getConstant(scoreType, 0);
  for (auto [i, vector] : llvm::enumerate(vectors))
    scores = b.getExpr(vector::InsertStridedSliceOp::create(
        b, Value(vector), Value(scores), ArrayRef<int64_t>{int64_t(i) * width},
        ArrayRef<int64_t>{1}));
  return scores;
}

Expr AttentionTiles::dotRows(const HeadRow &row, ArrayRef<HeadRow> rows) {
  SmallVector<Expr> products;
  for (const HeadRow &other : rows) {
    Expr sum = row[0] * other[0];
    for (size_t i = 1; i < row.size(); ++i)
      sum = sum + row[i] * other[i];
    products.push_back(sum);
  }
  return sumEach(products);
}

Expr AttentionTiles::getScores(const HeadRow &query, ArrayRef<HeadRow> keys) {
  Expr products = dotRows(query, keys);
  return cap ? softcap(products, *cap) : products;
}

Expr AttentionTiles::dot(const HeadRow &x, const HeadRow &y) {
  Expr sum = x[0] * y[0];
  for (size_t i = 1; i < x.size(); ++i)
    sum = sum + x[i] * y[i];
  return sumOf(sum);
}

HeadRow AttentionTiles::multiplyAdd(const HeadRow &row, Expr weight,
                                    const HeadRow &other) {
  HeadRow result;
  for (auto [x, y] : llvm::zip_equal(row, other))
    result.push_back(x + weight * y);
  return result;
}

HeadRow AttentionTiles::scale(const HeadRow &row, Expr factor) {
  HeadRow result;
  for (Expr x : row)
    result.push_back(x * factor);
  return result;
}

Expr AttentionTiles::spread(Expr scores, int64_t index) {
  Value element = vector::ExtractOp::create(b, Value(scores), index);
  return splat(b.getExpr(element), chunkType);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

IndexRange AttentionTiles::getBlockKeys(Value first, Value count) {
  Value zero = b.getIndex(0);
  Value never = b.getIndex(std::numeric_limits<int32_t>::max());
  SmallVector<Value> keys = createLoop(
      {zero, count}, 1, {never, zero},
      [&](Value token, ValueRange keys) -> SmallVector<Value> {
        auto [low, high] = b.getKeyRange(sequence, add(first, token), window);
        // A token without keys does not affect where the keys of a block begin.
        Value isEmpty =
            arith::CmpIOp::create(b, arith::CmpIPredicate::sge, low, high);
        low = arith::SelectOp::create(b, isEmpty, never, low);
        return {arith::MinSIOp::create(b, keys[0], low),
                arith::MaxSIOp::create(b, keys[1], high)};
      });
  return {keys[0], keys[1]};
}

Value AttentionTiles::getTileRow(Value first, Value key, Value last) {
  return arith::MinSIOp::create(b, add(first, key), last);
}

SmallVector<Value> AttentionTiles::getTileRows(Value first, Value last) {
  SmallVector<Value> rows;
  for (int64_t i = 0; i < kTileKeys; ++i)
    rows.push_back(getTileRow(first, b.getIndex(i), last));
  return rows;
}

Value AttentionTiles::getTileMask(Value first, Value token) {
  auto [low, high] = b.getKeyRange(sequence, token, window);
  auto type = VectorType::get(kTileKeys, b.getI32Type());
  SmallVector<int32_t> numbers(kTileKeys);
  std::iota(numbers.begin(), numbers.end(), 0);
  Value keys =
      arith::ConstantOp::create(b, cast<TypedAttr>(DenseElementsAttr::get(
                                       type, ArrayRef<int32_t>(numbers))));
  auto compare = [&](arith::CmpIPredicate predicate, Value bound) -> Value {
    Value offset = arith::SubIOp::create(b, bound, first);
    offset = arith::IndexCastOp::create(b, b.getI32Type(), offset);
    return arith::CmpIOp::create(b, predicate, keys,
                                 vector::BroadcastOp::create(b, type, offset));
  };
  return arith::AndIOp::create(b, compare(arith::CmpIPredicate::sge, low),
                               compare(arith::CmpIPredicate::slt, high));
}

Value AttentionTiles::getMemory(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  // The type fits every layout that bufferization may choose.
  auto layout = StridedLayoutAttr::get(
      b.getContext(), ShapedType::kDynamic,
      SmallVector<int64_t>(type.getRank(), ShapedType::kDynamic));
  return bufferization::ToBufferOp::create(
      b, MemRefType::get(type.getShape(), type.getElementType(), layout),
      tensor, /*read_only=*/true);
}

void AttentionTiles::prefetchNext(Value memory, Value row, Value column) {
  Value rows = memref::DimOp::create(b, memory, 0);
  Value last = arith::SubIOp::create(b, rows, b.getIndex(1));
  Value next = arith::MinSIOp::create(b, add(row, b.getIndex(kTileKeys)), last);
  // The hint loads into the second-level cache. All other heads may be read
  // before the next tile, so the data might not stay in the first-level cache.
  memref::PrefetchOp::create(b, memory, ValueRange{next, column},
                             /*isWrite=*/false, /*localityHint=*/2,
                             /*isDataCache=*/true);
}

AttentionTiles::TileSource AttentionTiles::stageTile(Value tensor, Value first,
                                                     Value last, Value column) {
  if (blockTokens * group < 4)
    return {tensor, getTileRows(first, last), column};
  TileSource source{stageRows(tensor, first, last, column), {}, b.getIndex(0)};
  for (int64_t i = 0; i < kTileKeys; ++i)
    source.rows.push_back(b.getIndex(i));
  return source;
}

Value AttentionTiles::stageRows(Value tensor, Value first, Value last,
                                Value column) {
  Value zero = b.getIndex(0), memory = getMemory(tensor);
  return createLoop(
      {zero, b.getIndex(kTileKeys)}, 1, createBuffer({kTileKeys, headDim}),
      [&](Value key, ValueRange buffers) -> SmallVector<Value> {
        Value row = getTileRow(first, key, last);
        for (int64_t i = 0; i < headDim; i += chunkType.getDimSize(0))
          prefetchNext(memory, row, add(column, b.getIndex(i)));
        HeadRow values = readRow(tensor, row, column);
        return {writeRow(values, buffers[0], key, zero)};
      })[0];
}

/// Exchanges the off-diagonal quarters of a square, then those of the quarters,
/// and so on (Eklundh 1972).
void AttentionTiles::transpose(SmallVectorImpl<Expr> &square) {
  int64_t width = square.size();
  for (int64_t bit = 1; bit < width; bit *= 2) {
    SmallVector<int64_t> first, second;
    for (int64_t i = 0; i < width; ++i) {
      first.push_back(i & bit ? width + (i ^ bit) : i);
      second.push_back(i & bit ? width + i : i ^ bit);
    }
    for (int64_t i = 0; i < width; ++i) {
      if (i & bit)
        continue;
      Expr x = square[i], y = square[i | bit];
      square[i] = shuffle(x, y, first);
      square[i | bit] = shuffle(x, y, second);
    }
  }
}

Value AttentionTiles::stageTransposed(Value tensor, Value first, Value last,
                                      Value column) {
  int64_t width = chunkType.getDimSize(0);
  Value zero = b.getIndex(0), memory = getMemory(tensor);
  return createLoop(
      {zero, b.getIndex(headDim)}, width, createBuffer({headDim, kTileKeys}),
      [&](Value feature, ValueRange buffers) {
        return createLoop(
            {zero, b.getIndex(kTileKeys)}, width, buffers,
            [&](Value key, ValueRange inner) -> SmallVector<Value> {
              SmallVector<Expr> square;
              for (int64_t i = 0; i < width; ++i) {
                Value row = getTileRow(first, add(key, b.getIndex(i)), last);
                prefetchNext(memory, row, add(column, feature));
                square.push_back(readVector(*this, tensor, row,
                                            add(column, feature), chunkType));
              }
              transpose(square);
              Value buffer = inner[0];
              for (auto [i, keys] : llvm::enumerate(square))
                buffer = writeVector(*this, keys, buffer,
                                     add(feature, b.getIndex(i)), key);
              return {buffer};
            });
      })[0];
}

SmallVector<HeadRow> AttentionTiles::readTile(const TileSource &source) {
  SmallVector<HeadRow> rows;
  for (Value row : source.rows)
    rows.push_back(readRow(source.tensor, row, source.column));
  return rows;
}

//===----------------------------------------------------------------------===//
// Online softmax
//===----------------------------------------------------------------------===//

Expr AttentionTiles::load(Value vector, Value row) {
  return b.getExpr(tensor::ExtractOp::create(b, vector, row));
}

Value AttentionTiles::store(Expr value, Value vector, Value row) {
  return tensor::InsertOp::create(b, Value(value), vector, row);
}

Expr lora::finiteShift(Expr largest) {
  double infinity = std::numeric_limits<double>::infinity();
  return select(equal(largest, -infinity), largest.constant(0), largest);
}

AttentionTiles::SoftmaxStep AttentionTiles::addScores(Expr scores, Value mask,
                                                      Expr largest) {
  double infinity = std::numeric_limits<double>::infinity();
  scores = select(mask, scores, scores.constant(-infinity));
  // A NaN may get lost here, but it stays in the weights.
  Expr next = largerOf(largest, largestOf(scores));
  Expr shift = finiteShift(next);
  Expr weights = exp(scores - splat(shift, scoreType));
  weights = select(mask, weights, weights.constant(0));
  return {weights, next, exp(largest - shift)};
}

SmallVector<Value> AttentionTiles::writeResult(const HeadRow &sum, Expr largest,
                                               Expr total, ValueRange parts,
                                               Value token, Value head) {
  Value isEmpty = equal(total, 0);
  Expr factor = 1.0 / select(isEmpty, total.constant(1), total);
  Expr lse = select(isEmpty, total, largest + log(total));
  Value element =
      b.convert(lse, cast<ShapedType>(parts[1].getType()).getElementType());
  return {
      writeRow(scale(sum, splat(factor, chunkType)), parts[0], token,
               multiply(head, headDim)),
      tensor::InsertOp::create(b, element, parts[1], ValueRange{token, head})};
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

SmallVector<Value> AttentionTiles::createLoop(IndexRange range, int64_t step,
                                              ValueRange arguments,
                                              LoopBody body) {
  auto loop = scf::ForOp::create(b, range.first, range.end, b.getIndex(step),
                                 arguments);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(loop.getBody());
  SmallVector<Value> next =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(b, next);
  return SmallVector<Value>(loop.getResults());
}

Value AttentionTiles::getBlockCount(Value q, Value firstToken) {
  int64_t tokens = cast<RankedTensorType>(q.getType()).getDimSize(0);
  if (!ShapedType::isDynamic(tokens) && tokens % blockTokens == 0)
    return b.getIndex(blockTokens);
  Value left = arith::SubIOp::create(b, b.getSizeValue(q, 0), firstToken);
  return arith::MinSIOp::create(b, left, b.getIndex(blockTokens));
}

AttentionTiles::BlockLoop AttentionTiles::createBlockLoop(Value q,
                                                          ValueRange outputs) {
  OpFoldResult tokens = b.getSize(q, 0);
  std::optional<int64_t> count = getConstantIntValue(tokens);
  OpFoldResult blocks;
  if (count)
    blocks = b.getIndexAttr(llvm::divideCeil(*count, blockTokens));
  else
    blocks = arith::CeilDivUIOp::create(b, b.getSizeValue(q, 0),
                                        b.getIndex(blockTokens))
                 .getResult();
  BlockLoop block;
  block.loop = scf::ForallOp::create(
      b, ArrayRef<OpFoldResult>{b.getIndexAttr(kvHeads), blocks}, outputs,
      /*mapping=*/std::nullopt);
  b.setInsertionPoint(block.loop.getTerminator());
  block.kvHead = block.loop.getInductionVar(0);
  block.firstToken = multiply(block.loop.getInductionVar(1), blockTokens);
  block.count = getBlockCount(q, block.firstToken);
  return block;
}

IndexRange AttentionTiles::getRows(Value count) {
  return {b.getIndex(0), multiply(count, group)};
}

std::pair<Value, Value> AttentionTiles::splitRow(Value row) {
  Value divisor = b.getIndex(group);
  return {arith::DivUIOp::create(b, row, divisor),
          arith::RemUIOp::create(b, row, divisor)};
}

AttentionTiles::Part AttentionTiles::getPart(OpFoldResult row,
                                             OpFoldResult column,
                                             OpFoldResult rows,
                                             int64_t columns) {
  OpFoldResult one = b.getIndexAttr(1);
  return {{row, column}, {rows, b.getIndexAttr(columns)}, {one, one}};
}

Value AttentionTiles::extract(Value tensor, const Part &part) {
  return tensor::ExtractSliceOp::create(b, tensor, part.offsets, part.sizes,
                                        part.strides);
}

void AttentionTiles::insert(scf::ForallOp loop, unsigned index, Value value,
                            const Part &part) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(loop.getTerminator().getBody());
  tensor::ParallelInsertSliceOp::create(b, value,
                                        loop.getRegionIterArgs()[index],
                                        part.offsets, part.sizes, part.strides);
}
