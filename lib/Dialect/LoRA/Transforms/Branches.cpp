//===- Branches.cpp - Putting branches on linear layers -------------------===//

#include "Branches.h"
#include "llvm/ADT/StringSet.h"

#include <map>

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

StringRef lora::blockStem(StringRef name) {
  auto [stem, rest] = name.split(".lora");
  bool isVariant =
      rest.empty() ||
      (rest.consume_front("_") && !rest.empty() &&
       llvm::all_of(rest, [](char c) { return llvm::isDigit(c); }));
  return isVariant ? stem : name;
}

/// "decoder.lora", "decoder.lora_1", ...: the first that is free.
static std::string variantName(SymbolTable &symbols, StringRef block) {
  std::string base = (blockStem(block) + ".lora").str(), name = base;
  for (unsigned i = 1; symbols.lookup(name); ++i)
    name = base + "_" + std::to_string(i);
  return name;
}

namespace {

/// Puts branches on the linear layers of one copy of a block.
class BranchBuilder {
public:
  BranchBuilder(func::FuncOp block, bool train) : block(block), train(train) {}

  LogicalResult add(const Branch &branch) {
    std::optional<unsigned> index =
        findSlot(block, slotName(branch.local, "weight"));
    if (!index)
      return block.emitError()
             << "expected a slot '" << slotName(branch.local, "weight") << "'";
    Value weight = block.getArgument(*index);
    SmallVector<Operation *> users;
    for (OpOperand &use : weight.getUses())
      if (use.getOperandNumber() == 1 &&
          isa<transformer::LinearOp, lora::LinearOp>(use.getOwner()))
        users.push_back(use.getOwner());
    if (users.empty())
      return block.emitError() << "expected a linear layer with the weight '"
                               << slotName(branch.local, "weight") << "'";
    for (Operation *user : users) {
      if (auto linear = dyn_cast<lora::LinearOp>(user)) {
        if (failed(widen(linear, branch)))
          return failure();
      } else if (failed(insert(cast<transformer::LinearOp>(user), *index,
                               branch))) {
        return failure();
      }
    }
    return success();
  }

private:
  Type elementTypeOf(Value value) {
    return getElementTypeOrSelf(value.getType());
  }

  /// Inserts a slot for a low-rank matrix, or finds it where the block has it,
  /// and returns its value in the compute type.
  FailureOr<Value> matrix(OpBuilder &b, unsigned position, StringRef slot,
                          Attribute expr, Type compute) {
    MLIRContext *context = block.getContext();
    Type element = train ? getAccumulationType(compute) : compute;
    Attribute value = castExpr(expr, element);
    std::optional<unsigned> index = findSlot(block, slot);
    if (index && getSlotValue(block, *index) != value)
      return block.emitError()
             << "expected '" << slot << "' not to be a slot already";
    if (!index) {
      SmallVector<NamedAttribute> attrs{
          {TransformerDialect::kSlotAttr, StringAttr::get(context, slot)},
          {TransformerDialect::kValueAttr, value}};
      if (train)
        attrs.emplace_back(TransformerDialect::kRoleAttr,
                           RoleAttr::get(context, Role::Trainable));
      if (failed(block.insertArgument(position, exprType(value),
                                      DictionaryAttr::get(context, attrs),
                                      block.getLoc())))
        return failure();
      index = position;
    }
    Value matrix = block.getArgument(*index);
    if (element == compute)
      return matrix;
    return CastOp::create(
               b, block.getLoc(),
               RankedTensorType::get(exprType(value).getShape(), compute),
               matrix)
        .getResult();
  }

  /// The constant at the start of the block; equal scales share one.
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

  /// A linear layer gets its first branch.
  LogicalResult insert(transformer::LinearOp linear, unsigned weight,
                       const Branch &branch) {
    OpBuilder b(linear);
    Type compute = elementTypeOf(linear.getX());
    std::string infix = branch.adapter == "default" ? "" : branch.adapter + ".";
    FailureOr<Value> a = matrix(
        b, weight + 1, slotName(branch.local, "lora_A." + infix + "weight"),
        branch.a, compute);
    if (failed(a))
      return failure();
    FailureOr<Value> bMatrix = matrix(
        b, weight + 2, slotName(branch.local, "lora_B." + infix + "weight"),
        branch.b, compute);
    if (failed(bMatrix))
      return failure();
    auto adapted = lora::LinearOp::create(
        b, linear.getLoc(), linear.getResult().getType(), linear.getX(),
        linear.getWeight(), *a, *bMatrix, scaleConstant(branch.scale, compute),
        linear.getBias());
    linear.replaceAllUsesWith(adapted.getResult());
    linear.erase();
    return success();
  }

  /// A linear layer gets another branch: side by side along the rank, which is
  /// the sum of both.
  LogicalResult widen(lora::LinearOp linear, const Branch &branch) {
    DenseFPElementsAttr scale;
    bool isFrozen =
        !train && matchPattern(linear.getScale(), m_Constant(&scale));
    for (Value part : {linear.getA(), linear.getB()}) {
      auto arg = dyn_cast<BlockArgument>(part);
      isFrozen &= arg && arg.hasOneUse() &&
                  getSlotRole(block, arg.getArgNumber()) == Role::Frozen;
    }
    if (!isFrozen)
      return linear.emitOpError()
             << "expected no other adapter on '" << branch.local
             << "', because branches that train cannot be joined; merge the "
                "other adapter first";
    Type compute = elementTypeOf(linear.getX());
    auto join = [&](Value part, Attribute expr, int64_t dim) {
      auto arg = cast<BlockArgument>(part);
      unsigned index = arg.getArgNumber();
      Attribute old = stripCast(getSlotValue(block, index));
      Attribute value = castExpr(concatExprs(old, expr, dim), compute);
      arg.setType(exprType(value));
      setSlotValue(block, index, value);
    };
    join(linear.getA(), branch.a, 0);
    join(linear.getB(), branch.b, 1);
    block.setType(FunctionType::get(block.getContext(),
                                    block.getBody().getArgumentTypes(),
                                    block.getResultTypes()));
    SmallVector<APFloat> scales(scale.getValues<APFloat>());
    llvm::append_range(scales, branch.scale.getValues<APFloat>());
    SmallVector<float> values;
    for (APFloat value : scales)
      values.push_back(float(value.convertToDouble()));
    auto type = RankedTensorType::get({int64_t(values.size())},
                                      Float32Type::get(block.getContext()));
    Operation *oldScale = linear.getScale().getDefiningOp();
    linear.getScaleMutable().assign(
        scaleConstant(cast<DenseFPElementsAttr>(DenseElementsAttr::get(
                          type, ArrayRef<float>(values))),
                      compute));
    if (oldScale->use_empty())
      oldScale->erase();
    return success();
  }

  func::FuncOp block;
  bool train;
};

} // namespace

static int64_t countOps(Operation *op) {
  int64_t count = 0;
  op->walk([&](Operation *) { ++count; });
  return count;
}

/// What decides whether two places can share a copy of a block.
static Attribute signatureOf(ArrayRef<const Branch *> branches) {
  SmallVector<Attribute> parts;
  for (const Branch *branch : branches) {
    MLIRContext *context = branch->a.getContext();
    parts.push_back(StringAttr::get(context, branch->local));
    parts.push_back(StringAttr::get(context, branch->adapter));
    llvm::append_values(parts, branch->a, branch->b, Attribute(branch->scale));
  }
  return ArrayAttr::get(parts.front().getContext(), parts);
}

FailureOr<BranchStatistics>
lora::addBranches(ModuleOp module, ArrayRef<Branch> branches, bool train) {
  BranchStatistics statistics;
  std::map<std::string, SmallVector<const Branch *>> byPath;
  for (const Branch &branch : branches)
    byPath[branch.path].push_back(&branch);

  SymbolTable symbols(module);
  int64_t before = countOps(module);
  for (auto &[block, applies] : collectApplies(module)) {
    DenseMap<Attribute, func::FuncOp> variants;
    llvm::StringSet<> counted;
    SmallVector<func::FuncOp> created;
    Operation *last = block;
    for (ApplyOp apply : applies) {
      SmallVector<const Branch *> here;
      for (const Branch *branch : byPath[apply.getPath().str()])
        if (findSlot(block, slotName(branch->local, "weight")))
          here.push_back(branch);
      if (here.empty())
        continue;
      func::FuncOp &variant = variants[signatureOf(here)];
      if (!variant) {
        variant = block.clone();
        variant.setName(variantName(symbols, block.getName()));
        symbols.insert(variant, std::next(last->getIterator()));
        last = variant;
        created.push_back(variant);
        BranchBuilder builder(variant, train);
        for (const Branch *branch : here)
          if (failed(builder.add(*branch)))
            return failure();
      }
      apply.setBlock(variant.getName());
      if (!counted.insert(apply.getPath()).second)
        continue;
      for (const Branch *branch : here) {
        ++statistics.branches;
        statistics.parameters += exprType(branch->a).getNumElements() +
                                 exprType(branch->b).getNumElements();
      }
    }
    if (!block.isPrivate() || !SymbolTable::symbolKnownUseEmpty(block, module))
      continue;
    // A copy of a copy takes its name.
    std::string name = block.getName().str();
    symbols.erase(block);
    if (!created.empty() && blockStem(name) != name)
      (void)symbols.rename(created.front(), name);
  }
  statistics.operations = countOps(module) - before;
  return statistics;
}
