//===- AdaptedValues.cpp - The numbers of adapted tensors -----------------===//
//
// Evaluates weight expressions with the compiler's evaluator. Results are in
// the layout in which the checkpoint stores the tensor.
//
//===----------------------------------------------------------------------===//

#include "AdaptedModel.h"
#include "lora-mlir/Import/Import.h"
#include "lora-mlir/Weights/WeightEvaluator.h"

using namespace lora;
using namespace lora::transformer;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;
using lora_rt::TensorView;
using mlir::Attribute;

static mlir::RankedTensorType typeOf(Attribute expr) {
  return mlir::cast<WeightExprAttrInterface>(expr).getValueType();
}

Error AdaptedModel::evaluate(Attribute value, const AdaptedTensor &tensor,
                             std::span<float> target) const {
  WeightEvaluator evaluator([&](Attribute leaf, const std::string &name) {
    return opened.find(leaf, name);
  });
  if (!tensor.transposed)
    return evaluator.evaluate(value, tensor.path,
                              std::as_writable_bytes(target));
  std::vector<float> plain(target.size());
  if (Error error = evaluator.evaluate(
          value, tensor.path, std::as_writable_bytes(std::span(plain))))
    return error;
  int64_t rows = tensor.shape[0], columns = tensor.shape[1];
  constexpr int64_t tile = 32;
  for (int64_t i0 = 0; i0 < rows; i0 += tile)
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t i = i0; i < std::min(i0 + tile, rows); ++i)
        target[size_t(i * columns + j)] = plain[size_t(j * rows + i)];
  return Error::success();
}

/// The names of the adapters that contributed the rows (`dim` 0) or the columns
/// (`dim` 1) of a merge's factor.
static void ownersOf(Attribute factor, int64_t dim,
                     std::vector<llvm::StringRef> &owners) {
  if (auto leaf = mlir::dyn_cast<AdapterAttr>(factor)) {
    owners.insert(owners.end(), size_t(typeOf(leaf).getDimSize(unsigned(dim))),
                  leaf.getAdapter().getValue());
    return;
  }
  auto concat = mlir::dyn_cast<ConcatAttr>(factor);
  for (Attribute part :
       mlir::cast<WeightExprAttrInterface>(factor).getOperandExprs()) {
    ownersOf(part, mlir::isa<TransposeAttr>(factor) ? 1 - dim : dim, owners);
    if (concat && concat.getDim() != dim)
      return;
  }
}

Error AdaptedModel::delta(const AdaptedTensor &tensor, std::span<float> target,
                          llvm::StringRef negated) const {
  MergeAttr merge = tensor.merge;
  std::vector<float> scale;
  for (const llvm::APFloat &value : merge.getScale())
    scale.push_back(float(value.convertToDouble()));
  if (!negated.empty()) {
    std::vector<llvm::StringRef> owners;
    ownersOf(merge.getA(), 0, owners);
    if (owners.size() != scale.size())
      return makeError(ErrorCode::Unsupported, "the branches of '", tensor.name,
                       "' are not those of adapters");
    for (auto [value, owner] : llvm::zip_equal(scale, owners))
      if (owner == negated)
        value = -value;
  }
  auto scaleType = mlir::RankedTensorType::get(
      {int64_t(scale.size())}, mlir::Float32Type::get(&context));
  auto zeros = InitAttr::get(
      &context, InitKind::Zeros, mlir::StringAttr::get(&context, tensor.name),
      mlir::RankedTensorType::get(typeOf(merge).getShape(),
                                  mlir::Float32Type::get(&context)),
      0);
  return evaluate(
      MergeAttr::get(
          &context, zeros, merge.getB(), merge.getA(),
          mlir::cast<mlir::DenseFPElementsAttr>(mlir::DenseElementsAttr::get(
              scaleType, llvm::ArrayRef<float>(scale)))),
      tensor, target);
}

Error AdaptedModel::addDelta(const AdaptedTensor &tensor,
                             const TensorView &original, float factor,
                             RoundedSum &sum, llvm::StringRef negated) const {
  sum.delta.resize(size_t(tensor.elements()));
  if (Error error = delta(tensor, sum.delta, negated))
    return error;
  sum.bytes.resize(original.bytes.size());
  sum.account = {};
  return addRounded(original, sum.delta, factor, sum.bytes, sum.account);
}

Error AdaptedModel::value(const AdaptedTensor &tensor,
                          std::span<float> target) const {
  return evaluate(tensor.value, tensor, target);
}
