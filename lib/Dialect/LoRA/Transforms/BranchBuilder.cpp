//===- BranchBuilder.cpp - Branches on the modules of a block -------------===//
//
// A linear layer or an embedding becomes its `lora` operation. The matrices of
// the branch become slots after the weight. The value of the weight itself
// changes if the branch requires it (DoRA, PiSSA, OLoRA).
//
//===----------------------------------------------------------------------===//

#include "MergeExpressions.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Branches.h"

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

namespace {

/// Whether an expression is a base weight that an adapter has changed.
bool isAdapted(Attribute expr) {
  bool found = false;
  AttrTypeWalker walker;
  walker.addWalk([&](Attribute part) {
    found |= isa<MergeAttr, ScaleAttr, ResidualAttr>(part);
    return WalkResult::advance();
  });
  walker.walk(expr);
  return found;
}

/// The name of the adapter from which an expression has a tensor; empty for
/// none.
StringRef adapterIn(Attribute expr) {
  StringRef name;
  AttrTypeWalker walker;
  walker.addWalk([&](AdapterAttr leaf) {
    if (name.empty())
      name = leaf.getAdapter().getValue();
    return WalkResult::advance();
  });
  walker.walk(expr);
  return name;
}

/// The name of the first tensor that an expression reads; empty for none.
StringRef firstTensor(Attribute expr) {
  if (StringAttr name = leafName(expr))
    return name;
  for (Attribute operand :
       cast<WeightExprAttrInterface>(expr).getOperandExprs())
    if (StringRef name = firstTensor(operand); !name.empty())
      return name;
  return {};
}

/// The name of the slot of a matrix: that of its tensor, with the adapter's
/// name in it if there is one. `otherwise` is used if the tensor is not named
/// after the layer.
std::string matrixSlot(const Branch &branch, Attribute expr,
                       StringRef otherwise) {
  std::string name = joinPath(branch.local, otherwise);
  StringRef tensor = firstTensor(expr), inLayer = tensor;
  if (!tensor.empty() &&
      (branch.local.empty() ||
       (inLayer.consume_front(branch.local) && inLayer.starts_with("."))))
    name = tensor.str();
  if (branch.adapter == "default")
    return name;
  StringRef stem = name;
  bool hasEnd = stem.consume_back(".weight");
  return (stem + "." + branch.adapter + (hasEnd ? ".weight" : "")).str();
}

/// Puts branches on the layers of one copy of a block.
class BranchBuilder {
public:
  BranchBuilder(func::FuncOp block, bool train) : block(block), train(train) {}

  /// Adds a branch. The values of slots that it depends on are those at
  /// `place`.
  LogicalResult add(Branch branch, ApplyOp place) {
    std::optional<unsigned> index =
        findSlot(block, joinPath(branch.local, "weight"));
    if (!index)
      return block.emitError()
             << "expected a slot '" << joinPath(branch.local, "weight") << "'";
    Value weight = block.getArgument(*index);
    SmallVector<Operation *> users;
    for (OpOperand &use : weight.getUses())
      if (use.getOperandNumber() == 1 &&
          (branch.isEmbedding
               ? isa<transformer::EmbeddingOp, lora::EmbeddingOp>(
                     use.getOwner())
               : isa<transformer::LinearOp, lora::LinearOp>(use.getOwner())))
        users.push_back(use.getOwner());
    if (users.empty())
      return block.emitError()
             << "expected "
             << (branch.isEmbedding ? "an embedding with the table '"
                                    : "a linear layer with the weight '")
             << joinPath(branch.local, "weight") << "'";
    if (failed(adaptWeight(branch, place, *index)))
      return failure();
    for (Operation *user : users)
      if (failed(add(user, branch, place)))
        return failure();
    return success();
  }

  /// Slots whose values were changed for all applications of the block.
  ArrayRef<std::string> getChangedSlots() const { return changedSlots; }

private:
  Type elementTypeOf(Value value) {
    return getElementTypeOrSelf(value.getType());
  }

  void changeValue(unsigned index, Attribute value) {
    setSlotValue(block, index, value);
    changedSlots.push_back(getSlotName(block, index).str());
  }

  /// Subtracts the initial value of the branch from the base weight, and scales
  /// the weight and B to DoRA's magnitudes: m / n (W + s BA) x is again a
  /// linear layer with a branch, with W' = m / n W and B' = m / n B.
  LogicalResult adaptWeight(Branch &branch, ApplyOp place, unsigned index) {
    if (!branch.residual && !branch.magnitude)
      return success();
    Attribute value = getSlotValue(place, block, index);
    if (isAdapted(value))
      return block.emitError()
             << "the adapters '" << adapterIn(value) << "' and '"
             << branch.adapter << "' both change the base weight of '"
             << branch.local
             << "' (DoRA, PiSSA, OLoRA), so that the result depends on their "
                "order; use one of them";
    Type element = exprType(value).getElementType();
    // The cast is removed here and applied once, after the other operations.
    value = stripCast(value);
    if (branch.residual) {
      FailureOr<Attribute> residual = residualExpr(
          block, branch.local, *branch.residual, value,
          branch.initialScale ? branch.initialScale : branch.scale);
      if (failed(residual))
        return failure();
      value = *residual;
    }
    if (branch.magnitude) {
      Attribute rows = branch.b, columns = branch.a;
      if (branch.isEmbedding) {
        rows = branch.a;
        columns = transposeExpr(branch.b);
      }
      int64_t dim = branch.isEmbedding ? 1 : 0;
      auto factor =
          DoraFactorAttr::get(block.getContext(), value, rows, columns,
                              branch.scale, branch.magnitude, dim);
      value = ScaleAttr::get(block.getContext(), value, factor, dim);
      branch.b = ScaleAttr::get(block.getContext(), branch.b, factor, 0);
    }
    changeValue(index, castExpr(value, element));
    return success();
  }

  /// The adapter that an operation has a branch of.
  StringRef otherOn(Operation *user) {
    auto b = dyn_cast<BlockArgument>(
        isa<lora::LinearOp>(user) ? cast<lora::LinearOp>(user).getB()
                                  : cast<lora::EmbeddingOp>(user).getB());
    return b ? adapterIn(getSlotValue(block, b.getArgNumber())) : StringRef();
  }

  LogicalResult add(Operation *user, const Branch &branch, ApplyOp place) {
    if (isa<lora::LinearOp, lora::EmbeddingOp>(user) && branch.magnitude)
      return user->emitOpError()
             << "the adapter '" << branch.adapter
             << "' is DoRA, which scales what '" << otherOn(user)
             << "' does to '" << branch.local
             << "' before it: the result depends on their order; attach the "
                "DoRA adapter first";
    if (auto linear = dyn_cast<lora::LinearOp>(user)) {
      FailureOr<Value> bias = addBias(linear.getBias(), branch, place,
                                      elementTypeOf(linear.getX()));
      if (failed(bias))
        return failure();
      if (*bias)
        linear.getBiasMutable().assign(*bias);
      return widen(linear, branch, 0);
    }
    if (auto embedding = dyn_cast<lora::EmbeddingOp>(user))
      return widen(embedding, branch, 1);
    if (auto embedding = dyn_cast<transformer::EmbeddingOp>(user))
      return insert(embedding, branch);
    return insert(cast<transformer::LinearOp>(user), branch, place);
  }

  /// The bias of a linear layer plus what the branch adds to it.
  FailureOr<Value> addBias(Value bias, const Branch &branch, ApplyOp place,
                           Type compute) {
    if (!branch.bias)
      return bias;
    MLIRContext *context = block.getContext();
    float scale =
        (*branch.scale.getValues<APFloat>().begin()).convertToDouble();
    auto sum = [&](ArrayRef<Attribute> operands, ArrayRef<float> weights) {
      auto type = RankedTensorType::get({int64_t(weights.size())},
                                        Float32Type::get(context));
      Attribute value = SumAttr::get(
          context, ArrayAttr::get(context, operands),
          cast<DenseFPElementsAttr>(DenseElementsAttr::get(type, weights)));
      return castExpr(value, compute);
    };
    if (!bias) {
      unsigned position =
          *findSlot(block, joinPath(branch.local, "weight")) + 1;
      return addSlot(position, joinPath(branch.local, "bias"),
                     sum(branch.bias, scale), Role::Frozen);
    }
    auto arg = dyn_cast<BlockArgument>(bias);
    if (!arg || !getSlotName(block, arg.getArgNumber()))
      return block.emitError()
             << "expected the bias of '" << branch.local << "' to be a slot";
    Attribute value = getSlotValue(place, block, arg.getArgNumber());
    changeValue(arg.getArgNumber(),
                sum({stripCast(value), branch.bias}, {1.0f, scale}));
    return bias;
  }

  /// A slot with a value, which is inserted at `position` unless the block has
  /// it already.
  FailureOr<Value> addSlot(unsigned position, StringRef slot, Attribute value,
                           Role role) {
    MLIRContext *context = block.getContext();
    if (std::optional<unsigned> index = findSlot(block, slot)) {
      if (getSlotValue(block, *index) != value)
        return block.emitError()
               << "expected '" << slot << "' not to be a slot already";
      return Value(block.getArgument(*index));
    }
    SmallVector<NamedAttribute> attrs{
        {TransformerDialect::kSlotAttr, StringAttr::get(context, slot)},
        {TransformerDialect::kValueAttr, value}};
    if (role != Role::Frozen)
      attrs.emplace_back(TransformerDialect::kRoleAttr,
                         RoleAttr::get(context, role));
    if (failed(block.insertArgument(position, exprType(value),
                                    DictionaryAttr::get(context, attrs),
                                    namedLoc(slot, block.getLoc()))))
      return failure();
    return Value(block.getArgument(position));
  }

  /// The same for a low-rank matrix. Returns its value in the compute type.
  FailureOr<Value> matrix(OpBuilder &b, unsigned position, StringRef slot,
                          Attribute expr, Type compute) {
    Type element = train ? getAccumulationType(compute) : compute;
    FailureOr<Value> matrix = addSlot(position, slot, castExpr(expr, element),
                                      train ? Role::Trainable : Role::Frozen);
    if (failed(matrix) || element == compute)
      return matrix;
    return CastOp::create(
               b, namedLoc(slot, block.getLoc()),
               RankedTensorType::get(exprType(expr).getShape(), compute),
               *matrix)
        .getResult();
  }

  /// The constant at the start of the block. Equal scales share one constant.
  Value scaleConstant(DenseFPElementsAttr scale, Type compute) {
    Type element = getAccumulationType(compute);
    if (scale.getElementType() != element) {
      SmallVector<double> values;
      for (APFloat value : scale.getValues<APFloat>())
        values.push_back(value.convertToDouble());
      scale = cast<DenseFPElementsAttr>(DenseElementsAttr::get(
          RankedTensorType::get(scale.getType().getShape(), element),
          ArrayRef<double>(values)));
    }
    Block &body = block.getBody().front();
    for (auto constant : body.getOps<arith::ConstantOp>())
      if (constant.getValue() == scale)
        return constant;
    OpBuilder b = OpBuilder::atBlockBegin(&body);
    return arith::ConstantOp::create(b, block.getLoc(), scale);
  }

  /// The matrices of a branch, as slots after the weight.
  FailureOr<std::pair<Value, Value>>
  matrices(OpBuilder &b, const Branch &branch, Type compute) {
    unsigned weight = *findSlot(block, joinPath(branch.local, "weight"));
    FailureOr<Value> a = matrix(
        b, weight + 1, matrixSlot(branch, branch.a, "a"), branch.a, compute);
    if (failed(a))
      return failure();
    FailureOr<Value> bMatrix = matrix(
        b, weight + 2, matrixSlot(branch, branch.b, "b"), branch.b, compute);
    if (failed(bMatrix))
      return failure();
    return std::make_pair(*a, *bMatrix);
  }

  /// Gives a linear layer its first branch.
  LogicalResult insert(transformer::LinearOp linear, const Branch &branch,
                       ApplyOp place) {
    OpBuilder b(linear);
    Type compute = elementTypeOf(linear.getX());
    auto parts = matrices(b, branch, compute);
    if (failed(parts))
      return failure();
    FailureOr<Value> bias = addBias(linear.getBias(), branch, place, compute);
    if (failed(bias))
      return failure();
    auto adapted = lora::LinearOp::create(
        b, linear.getLoc(), linear.getResult().getType(), linear.getX(),
        linear.getWeight(), parts->first, parts->second,
        scaleConstant(branch.scale, compute), *bias);
    linear.replaceAllUsesWith(adapted.getResult());
    linear.erase();
    return success();
  }

  /// Gives an embedding its first branch.
  LogicalResult insert(transformer::EmbeddingOp embedding,
                       const Branch &branch) {
    OpBuilder b(embedding);
    Type compute = elementTypeOf(embedding.getTable());
    auto parts = matrices(b, branch, compute);
    if (failed(parts))
      return failure();
    auto adapted = lora::EmbeddingOp::create(
        b, embedding.getLoc(), embedding.getResult().getType(),
        embedding.getIds(), embedding.getTable(), parts->first, parts->second,
        scaleConstant(branch.scale, compute));
    embedding.replaceAllUsesWith(adapted.getResult());
    embedding.erase();
    return success();
  }

  /// Gives a layer another branch: the two are joined along the rank (dimension
  /// `rankOfA` of A, 1 of B), which gives the sum of both.
  template <typename OpT>
  LogicalResult widen(OpT op, const Branch &branch, int64_t rankOfA) {
    DenseFPElementsAttr scale;
    bool isFrozen = !train && matchPattern(op.getScale(), m_Constant(&scale));
    for (Value part : {Value(op.getA()), Value(op.getB())}) {
      auto arg = dyn_cast<BlockArgument>(part);
      isFrozen &= arg && arg.hasOneUse() &&
                  getSlotRole(block, arg.getArgNumber()) == Role::Frozen;
    }
    if (!isFrozen)
      return op.emitOpError()
             << "expected no other adapter on '" << branch.local
             << "', because branches that train cannot be joined; merge the "
                "other adapter first";
    Type compute = elementTypeOf(op.getB());
    auto join = [&](Value part, Attribute expr, int64_t dim) {
      auto arg = cast<BlockArgument>(part);
      unsigned index = arg.getArgNumber();
      Attribute old = stripCast(getSlotValue(block, index));
      Attribute value = castExpr(concatExprs(old, expr, dim), compute);
      arg.setType(exprType(value));
      setSlotValue(block, index, value);
    };
    join(op.getA(), branch.a, rankOfA);
    join(op.getB(), branch.b, 1);
    block.setType(FunctionType::get(block.getContext(),
                                    block.getBody().getArgumentTypes(),
                                    block.getResultTypes()));
    Operation *oldScale = op.getScale().getDefiningOp();
    op.getScaleMutable().assign(
        scaleConstant(concatScales(scale, branch.scale), compute));
    if (oldScale->use_empty())
      oldScale->erase();
    return success();
  }

  func::FuncOp block;
  bool train;
  SmallVector<std::string> changedSlots;
};

} // namespace

LogicalResult lora::buildBranches(func::FuncOp block,
                                  ArrayRef<const Branch *> branches,
                                  ApplyOp place, bool train,
                                  SmallVectorImpl<std::string> &changedSlots) {
  BranchBuilder builder(block, train);
  for (const Branch *branch : branches)
    if (failed(builder.add(*branch, place)))
      return failure();
  llvm::append_range(changedSlots, builder.getChangedSlots());
  return success();
}
