//===- WeightEvaluator.cpp - Bytes of weight expressions ------------------===//
//
// Binds the leaves, computes panels of rows in parallel and narrows them once.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Target/WeightEvaluator.h"
#include "Expression.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-runtime/Numeric.h"
#include "llvm/Support/Parallel.h"

#include <algorithm>

using namespace lora;
using namespace lora::transformer;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;

lora_rt::DType lora::getRuntimeType(mlir::Type type) {
  if (type.isF64())
    return lora_rt::DType::F64;
  if (type.isBF16())
    return lora_rt::DType::BF16;
  if (type.isF16())
    return lora_rt::DType::F16;
  assert(type.isF32() && "weights are f64, f32, f16 or bf16");
  return lora_rt::DType::F32;
}

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

Expected<const std::byte *>
WeightEvaluator::findMapped(mlir::Attribute expr, llvm::StringRef path) const {
  if (!mlir::isa<BaseAttr, AdapterAttr>(expr))
    return static_cast<const std::byte *>(nullptr);
  Expected<const lora_rt::TensorView *> tensor = getLeaf(expr, path);
  if (!tensor)
    return tensor.takeError();
  // Generated code and oneDNN read whole elements: a tensor that a file does
  // not align is copied.
  const std::byte *bytes = (*tensor)->bytes.data();
  if (reinterpret_cast<uintptr_t>(bytes) % lora_rt::sizeOf((*tensor)->dtype))
    return static_cast<const std::byte *>(nullptr);
  return bytes;
}

Error WeightEvaluator::evaluate(mlir::Attribute expr, llvm::StringRef path,
                                std::span<std::byte> result,
                                MergeEffect *effect) const {
  auto type = mlir::cast<WeightExprAttrInterface>(expr).getValueType();
  lora_rt::DType dtype = getRuntimeType(type.getElementType());
  size_t size = lora_rt::sizeOf(dtype);
  if (result.size() != size_t(type.getNumElements()) * size)
    return lora_rt::makeError(ErrorCode::InvalidArgument, "expected room for ",
                              size_t(type.getNumElements()) * size,
                              " bytes, but got ", result.size());
  if (mlir::isa<BaseAttr, AdapterAttr>(expr)) {
    Expected<const lora_rt::TensorView *> tensor = getLeaf(expr, path);
    if (!tensor)
      return tensor.takeError();
    std::copy((*tensor)->bytes.begin(), (*tensor)->bytes.end(), result.begin());
    return Error::success();
  }

  LeafLookup lookup = [&](mlir::Attribute leaf) { return getLeaf(leaf, path); };
  LeafBinding binding{path, lookup, *lastFactors};
  Expected<std::unique_ptr<Expression>> expression =
      Expression::create(expr, binding);
  if (!expression)
    return expression.takeError();
  int64_t rows = (*expression)->getRows(),
          columns = (*expression)->getColumns();
  // Panels of about 256 KiB stay in a core's second-level cache.
  int64_t panel = std::max<int64_t>(1, (int64_t(1) << 16) / columns);
  int64_t panels = (rows + panel - 1) / panel;
  llvm::parallelFor(0, size_t(panels), [&](size_t index) {
    int64_t begin = int64_t(index) * panel, end = std::min(begin + panel, rows);
    size_t count = size_t((end - begin) * columns);
    std::vector<float> values(count);
    (*expression)->computeRows(begin, end, values.data());
    Error error =
        lora_rt::convert(lora_rt::DType::F32, values.data(), dtype,
                         result.data() + size_t(begin * columns) * size, count);
    assert(!error && "a weight has a floating-point type");
    (void)bool(error);
  });
  if (effect)
    (*expression)->addTo(*effect);
  return Error::success();
}
