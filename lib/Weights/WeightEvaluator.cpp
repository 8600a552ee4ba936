//===- WeightEvaluator.cpp - Bytes of weight expressions ------------------===//
//
// Binds the leaves, computes panels of rows in parallel, and rounds them once.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Weights/WeightEvaluator.h"
#include "Expression.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-mlir/Support/ParallelFor.h"
#include "lora-runtime/Numeric.h"

#include <algorithm>

using namespace lora;
using namespace lora::transformer;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;

WeightEvaluator::WeightEvaluator(LeafResolver resolve)
    : resolve(std::move(resolve)),
      lastFactors(std::make_unique<LastFactors>()) {}
WeightEvaluator::WeightEvaluator(WeightEvaluator &&) = default;
WeightEvaluator::~WeightEvaluator() = default;

Expected<const lora_rt::TensorView *>
WeightEvaluator::getLeaf(mlir::Attribute leaf, llvm::StringRef path) const {
  llvm::StringRef name = mlir::isa<BaseAttr>(leaf)
                             ? mlir::cast<BaseAttr>(leaf).getName()
                             : mlir::cast<AdapterAttr>(leaf).getName();
  std::string fullName = joinPath(path, name);
  Expected<const lora_rt::TensorView *> tensor = resolve(leaf, fullName);
  if (!tensor)
    return tensor.takeError();
  auto type = mlir::cast<WeightExprAttrInterface>(leaf).getValueType();
  lora_rt::DType wanted = getRuntimeType(type.getElementType());
  if ((*tensor)->dtype != wanted ||
      llvm::ArrayRef<int64_t>((*tensor)->shape) != type.getShape())
    return lora_rt::makeError(
        ErrorCode::InvalidFile, "tensor '", fullName, "' is ",
        lora_rt::safetensorsName((*tensor)->dtype), " ",
        lora_rt::shapeText((*tensor)->shape), ", but the module expects ",
        lora_rt::safetensorsName(wanted), " ",
        lora_rt::shapeText({type.getShape().data(), type.getShape().size()}),
        "; import the model again from this folder");
  return tensor;
}

Expected<BoundWeight> WeightEvaluator::bind(mlir::Attribute expr,
                                            llvm::StringRef path) const {
  auto type = mlir::cast<WeightExprAttrInterface>(expr).getValueType();
  BoundWeight bound;
  bound.type = getRuntimeType(type.getElementType());
  bound.rows = type.getRank() == 1 ? 1 : type.getDimSize(0);
  bound.columns = type.getNumElements() / bound.rows;
  if (mlir::isa<BaseAttr, AdapterAttr>(expr)) {
    Expected<const lora_rt::TensorView *> tensor = getLeaf(expr, path);
    if (!tensor)
      return tensor.takeError();
    bound.stored = (*tensor)->bytes.data();
    // Generated code and oneDNN need aligned elements. So a tensor that is not
    // aligned in its file is copied.
    if (reinterpret_cast<uintptr_t>(bound.stored) %
            lora_rt::sizeOf(bound.type) ==
        0)
      bound.mapped = bound.stored;
    return bound;
  }
  LeafLookup lookup = [&](mlir::Attribute leaf) { return getLeaf(leaf, path); };
  LeafBinding binding{path, lookup, *lastFactors};
  Expected<std::unique_ptr<Expression>> expression =
      Expression::create(expr, binding);
  if (!expression)
    return expression.takeError();
  bound.expression = std::move(*expression);
  return bound;
}

Error WeightEvaluator::evaluate(mlir::Attribute expr, llvm::StringRef path,
                                std::span<std::byte> result,
                                MergeEffect *effect) const {
  Expected<BoundWeight> bound = bind(expr, path);
  if (!bound)
    return bound.takeError();
  size_t bytes = size_t(bound->getRows()) * bound->getRowBytes();
  if (result.size() != bytes)
    return lora_rt::makeError(ErrorCode::InvalidArgument, "expected space for ",
                              bytes, " bytes, but got ", result.size());
  bound->compute(result);
  if (effect)
    bound->addTo(*effect);
  return Error::success();
}

BoundWeight::BoundWeight(BoundWeight &&) = default;
BoundWeight::~BoundWeight() = default;

int64_t BoundWeight::getRows() const { return rows; }

size_t BoundWeight::getRowBytes() const {
  return size_t(columns) * lora_rt::sizeOf(type);
}

void BoundWeight::computeRows(int64_t begin, int64_t end,
                              std::span<std::byte> result) const {
  assert(result.size() == size_t(end - begin) * getRowBytes());
  if (stored) {
    std::copy_n(stored + size_t(begin) * getRowBytes(), result.size(),
                result.begin());
    return;
  }
  int64_t panel = std::min(getPanelRows(), end - begin);
  auto values =
      std::make_unique_for_overwrite<float[]>(size_t(panel * columns));
  for (int64_t first = begin; first < end; first += panel) {
    int64_t last = std::min(first + panel, end);
    expression->computeRows(first, last, values.get());
    Error error =
        lora_rt::convert(lora_rt::DType::F32, values.get(), type,
                         result.data() + size_t(first - begin) * getRowBytes(),
                         size_t((last - first) * columns));
    assert(!error && "a weight has a floating-point type");
    (void)bool(error);
  }
}

void BoundWeight::compute(std::span<std::byte> result) const {
  int64_t panel = getPanelRows();
  lora::parallelFor(0, size_t((rows + panel - 1) / panel), [&](size_t index) {
    int64_t first = int64_t(index) * panel,
            last = std::min(first + panel, rows);
    computeRows(first, last,
                result.subspan(size_t(first) * getRowBytes(),
                               size_t(last - first) * getRowBytes()));
  });
}

int64_t BoundWeight::getPanelRows() const {
  return std::max<int64_t>(1, (int64_t(1) << 16) / columns);
}

void BoundWeight::addTo(MergeEffect &effect) const {
  if (expression)
    expression->addTo(effect);
}
