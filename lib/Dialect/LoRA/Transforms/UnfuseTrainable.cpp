//===- UnfuseTrainable.cpp - Leaves out of a trained slot -----------------===//
//
// A trainable value is stored in the form of its slot, for example concatenated
// or transposed. The value of a trainable slot can only be an expression that
// has an inverse.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/LoRA/Transforms/UnfuseTrainable.h"
#include "lora-mlir/Dialect/LoRA/Transforms/SlotValues.h"

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

LogicalResult lora::unfuseTrainable(Location loc, Attribute value,
                                    ArrayRef<float> data,
                                    std::vector<LeafTensor> &leaves) {
  auto expr = dyn_cast<WeightExprAttrInterface>(value);
  if (!expr || expr.getValueType().getNumElements() != int64_t(data.size()))
    return emitError(loc) << "expected the " << data.size()
                          << " numbers of a slot to fit its value " << value;
  RankedTensorType type = expr.getValueType();
  // A leaf from a file with a narrower type is trained in f32.
  if (StringAttr name = leafName(stripCast(value))) {
    leaves.push_back({name.str(), type.getShape().vec(),
                      std::vector<float>(data.begin(), data.end())});
    return success();
  }
  if (auto transpose = dyn_cast<TransposeAttr>(value)) {
    int64_t rows = type.getDimSize(0), columns = type.getDimSize(1);
    std::vector<float> transposed(data.size());
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j)
        transposed[j * rows + i] = data[i * columns + j];
    return unfuseTrainable(loc, transpose.getOperand(), transposed, leaves);
  }
  if (auto concat = dyn_cast<ConcatAttr>(value)) {
    // The tensor is viewed as [outer, size along dim, inner]. Each operand is a
    // range of the middle dimension.
    int64_t outer = 1, inner = 1, size = type.getDimSize(concat.getDim());
    for (int64_t i = 0; i < type.getRank(); ++i)
      (i < concat.getDim() ? outer : inner) *=
          i == concat.getDim() ? 1 : type.getDimSize(i);
    int64_t offset = 0;
    for (Attribute operand : concat.getOperands()) {
      auto part = cast<WeightExprAttrInterface>(operand).getValueType();
      int64_t rows = part.getDimSize(concat.getDim());
      std::vector<float> values;
      values.reserve(part.getNumElements());
      for (int64_t i = 0; i < outer; ++i) {
        ArrayRef<float> range =
            data.slice((i * size + offset) * inner, rows * inner);
        values.insert(values.end(), range.begin(), range.end());
      }
      if (failed(unfuseTrainable(loc, operand, values, leaves)))
        return failure();
      offset += rows;
    }
    return success();
  }
  return emitError(loc) << "expected a trainable slot to be made of "
                           "concatenations and transpositions, but got "
                        << value;
}
