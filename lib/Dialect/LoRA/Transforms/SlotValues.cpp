//===- SlotValues.cpp - Weight expressions of slots -----------------------===//
//
// Implements SlotValues.h. An expression that equals the default is not stored,
// so equal IR has equal text.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/LoRA/Transforms/SlotValues.h"

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

llvm::MapVector<func::FuncOp, SmallVector<ApplyOp>>
lora::collectApplies(ModuleOp module) {
  llvm::MapVector<func::FuncOp, SmallVector<ApplyOp>> applies;
  SymbolTable symbols(module);
  module.walk([&](ApplyOp apply) {
    applies[symbols.lookup<func::FuncOp>(apply.getBlock())].push_back(apply);
  });
  return applies;
}

StringAttr lora::leafName(Attribute expr) {
  if (auto leaf = dyn_cast<AdapterAttr>(expr))
    return leaf.getName();
  if (auto leaf = dyn_cast<InitAttr>(expr))
    return leaf.getName();
  if (auto leaf = dyn_cast<NamedAttr>(expr))
    return leaf.getName();
  if (auto leaf = dyn_cast<BaseAttr>(expr))
    return leaf.getName();
  return {};
}

RankedTensorType lora::exprType(Attribute expr) {
  return cast<WeightExprAttrInterface>(expr).getValueType();
}

Attribute lora::castExpr(Attribute expr, Type elementType) {
  RankedTensorType type = exprType(expr);
  if (type.getElementType() == elementType)
    return expr;
  return CastAttr::get(expr.getContext(), expr,
                       RankedTensorType::get(type.getShape(), elementType));
}

Attribute lora::stripCast(Attribute expr) {
  if (auto cast = dyn_cast<CastAttr>(expr))
    return cast.getOperand();
  return expr;
}

Attribute lora::concatExprs(Attribute first, Attribute second, int64_t dim) {
  MLIRContext *context = first.getContext();
  Type element = exprType(first).getElementType();
  if (exprType(second).getElementType() != element) {
    element = Float32Type::get(context);
    first = castExpr(first, element);
    second = castExpr(second, element);
  }
  SmallVector<Attribute> operands;
  for (Attribute part : {first, second}) {
    auto concat = dyn_cast<ConcatAttr>(part);
    if (concat && concat.getDim() == dim)
      llvm::append_range(operands, concat.getOperands());
    else
      operands.push_back(part);
  }
  SmallVector<int64_t> shape(exprType(first).getShape());
  shape[dim] += exprType(second).getDimSize(dim);
  return ConcatAttr::get(context, ArrayAttr::get(context, operands), dim,
                         RankedTensorType::get(shape, element));
}

Attribute lora::transposeExpr(Attribute expr) {
  if (auto transpose = dyn_cast<TransposeAttr>(expr))
    return transpose.getOperand();
  auto concat = dyn_cast<ConcatAttr>(expr);
  if (!concat)
    return TransposeAttr::get(expr.getContext(), expr);
  SmallVector<Attribute> parts;
  for (Attribute part : concat.getOperands())
    parts.push_back(transposeExpr(part));
  RankedTensorType type = concat.getType();
  return ConcatAttr::get(
      expr.getContext(), ArrayAttr::get(expr.getContext(), parts),
      1 - concat.getDim(),
      RankedTensorType::get({type.getDimSize(1), type.getDimSize(0)},
                            type.getElementType()));
}

LogicalResult lora::changeSlotValues(
    ModuleOp module,
    function_ref<FailureOr<Attribute>(ApplyOp, func::FuncOp, unsigned)>
        change) {
  for (auto &[block, applies] : collectApplies(module))
    for (unsigned i = 0, e = block.getNumArguments(); i < e; ++i) {
      if (!getSlotName(block, i) || getSlotRole(block, i) == Role::State)
        continue;
      SmallVector<Attribute> values;
      bool changed = false;
      for (ApplyOp apply : applies) {
        FailureOr<Attribute> value = change(apply, block, i);
        if (failed(value))
          return failure();
        changed |= bool(*value);
        values.push_back(*value ? *value : getSlotValue(apply, block, i));
      }
      if (!changed)
        continue;
      if (llvm::all_equal(values))
        setSlotValue(block, i, values.front());
      for (auto [apply, value] : llvm::zip_equal(applies, values))
        setSlotValue(apply, block, i, value);
    }
  return success();
}

DenseFPElementsAttr lora::splatScale(MLIRContext *context, int64_t rank,
                                     double scale) {
  auto type = RankedTensorType::get({rank}, Float32Type::get(context));
  return cast<DenseFPElementsAttr>(
      DenseElementsAttr::get(type, static_cast<float>(scale)));
}

void lora::setSlotValue(func::FuncOp block, unsigned index, Attribute value) {
  auto plain =
      BaseAttr::get(block.getContext(), getSlotName(block, index),
                    cast<RankedTensorType>(block.getArgumentTypes()[index]));
  if (value == plain)
    block.removeArgAttr(index, TransformerDialect::kValueAttr);
  else
    block.setArgAttr(index, TransformerDialect::kValueAttr, value);
}

void lora::setSlotValue(ApplyOp apply, func::FuncOp block, unsigned index,
                        Attribute value) {
  NamedAttrList values(apply.getValuesAttr());
  StringAttr name = getSlotName(block, index);
  if (value == getSlotValue(block, index))
    values.erase(name);
  else
    values.set(name, value);
  if (values.empty())
    apply.removeValuesAttr();
  else
    apply.setValuesAttr(values.getDictionary(apply.getContext()));
}

void lora::eraseUnusedSlots(func::FuncOp block, ArrayRef<ApplyOp> applies,
                            function_ref<bool(StringRef)> isCandidate) {
  llvm::BitVector unused(block.getNumArguments());
  for (BlockArgument arg : block.getArguments()) {
    StringAttr slot = getSlotName(block, arg.getArgNumber());
    if (!slot || !arg.use_empty() || !isCandidate(slot))
      continue;
    unused.set(arg.getArgNumber());
    for (ApplyOp apply : applies)
      setSlotValue(apply, block, arg.getArgNumber(),
                   getSlotValue(block, arg.getArgNumber()));
  }
  (void)block.eraseArguments(unused);
}
