//===- SpecializeTokens.cpp - Static token axes ---------------------------===//
//
// Copies entries and blocks for fixed numbers of tokens. Every dynamic
// dimension of the graph is the token axis, with one exception: the rows of a
// state are another dynamic number. They stay dynamic along the chain of
// in-place updates, from the state's argument to its next value.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/Transformer/IR/NearNames.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-mlir/Dialect/Transformer/Transforms/Passes.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/SetVector.h"

namespace lora::transformer {
#define GEN_PASS_DEF_TRANSFORMERSPECIALIZETOKENS
#include "lora-mlir/Dialect/Transformer/Transforms/Passes.h.inc"
} // namespace lora::transformer

using namespace mlir;
using namespace lora::transformer;

/// `type` with every dynamic dimension set to `tokens`.
static Type withTokens(Type type, int64_t tokens) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || tensor.hasStaticShape())
    return type;
  SmallVector<int64_t> shape(tensor.getShape());
  llvm::replace(shape, ShapedType::kDynamic, tokens);
  return tensor.clone(shape);
}

/// The values of `function` that are a state, or a state that was updated in
/// place.
static DenseSet<Value> findStates(func::FuncOp function) {
  DenseSet<Value> states;
  for (BlockArgument argument : function.getArguments())
    if (getSlotName(function, argument.getArgNumber()) &&
        getSlotRole(function, argument.getArgNumber()) == Role::State)
      states.insert(argument);
  function.walk<WalkOrder::PreOrder>([&](CacheWriteOp write) {
    if (states.contains(write.getCache()))
      states.insert(write.getResult());
  });
  return states;
}

/// Whether each row of the operation's result belongs to a token and is
/// computed from this token and a matrix: a product with a weight, recognized
/// before token axes are static.
static bool multipliesTokens(Operation *op) {
  auto isTokens = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.getRank() == 2 && tensor.isDynamicDim(0);
  };
  auto isMatrix = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.getRank() == 2 && tensor.hasStaticShape();
  };
  return op->getNumResults() == 1 && op->getNumRegions() == 0 &&
         isTokens(op->getResultTypes()[0]) &&
         llvm::any_of(op->getOperandTypes(), isTokens) &&
         llvm::any_of(op->getOperandTypes(), isMatrix);
}

/// Makes the token axes of everything in `function` static, in place.
static void setTokens(func::FuncOp function, int64_t tokens) {
  DenseSet<Value> states = findStates(function);
  auto update = [&](Value value) {
    if (!states.contains(value))
      value.setType(withTokens(value.getType(), tokens));
  };
  UnitAttr mark = UnitAttr::get(function.getContext());
  function.walk([&](Operation *op) {
    if (multipliesTokens(op))
      op->setAttr(TransformerDialect::kTokenRowsAttr, mark);
  });
  function.walk([&](Operation *op) {
    llvm::for_each(op->getResults(), update);
    for (Region &region : op->getRegions())
      for (Block &block : region)
        llvm::for_each(block.getArguments(), update);
  });

  SmallVector<Type> results;
  for (auto [index, type] : llvm::enumerate(function.getResultTypes())) {
    bool isNext =
        bool(function.getResultAttr(index, TransformerDialect::kNextAttr));
    results.push_back(isNext ? type : withTokens(type, tokens));
  }
  function.setFunctionType(FunctionType::get(
      function.getContext(), function.getBody().getArgumentTypes(), results));
  function->setAttr(TransformerDialect::kTokensAttr,
                    Builder(function.getContext()).getI64IntegerAttr(tokens));
}

namespace {
struct TransformerSpecializeTokens
    : public lora::transformer::impl::TransformerSpecializeTokensBase<
          TransformerSpecializeTokens> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    madeEntries = madeBlocks = 0;
    SmallVector<func::FuncOp> originals(module.getOps<func::FuncOp>());
    SmallVector<func::FuncOp> entries;
    if (functions.empty()) {
      llvm::copy_if(originals, std::back_inserter(entries),
                    [](func::FuncOp f) { return f.isPublic(); });
    }
    for (const std::string &name : functions) {
      auto entry = symbols.lookup<func::FuncOp>(name);
      if (!entry) {
        module.emitError() << "expected a function '" << name
                           << "' to specialize" << nearFunctions(module, name);
        return signalPassFailure();
      }
      entries.push_back(entry);
    }
    if (tokens.empty()) {
      module.emitError() << "expected the option tokens with the numbers of "
                            "tokens to make copies for, such as tokens=1,128";
      return signalPassFailure();
    }
    if (entries.empty()) {
      module.emitError() << "expected a public function to specialize, but "
                            "there is none";
      return signalPassFailure();
    }
    for (func::FuncOp entry : entries)
      for (Type type : entry.getArgumentTypes())
        if (!isa<RankedTensorType>(type)) {
          entry.emitOpError()
              << "expected arguments that are tensors, but got " << type
              << "; run this pass once, and before the graph "
                 "is lowered";
          return signalPassFailure();
        }
    for (int64_t count : tokens) {
      if (count < 1) {
        module.emitError() << "expected positive numbers of tokens, but got "
                           << count;
        return signalPassFailure();
      }
      DenseMap<StringAttr, func::FuncOp> copies;
      for (func::FuncOp entry : entries)
        if (failed(specialize(entry, count, symbols, copies)))
          return signalPassFailure();
    }
    if (!keep)
      for (func::FuncOp function : originals)
        symbols.erase(function);
    remark::analysis(module.getLoc(),
                     remark::RemarkOpts::name("Specialized")
                         .category("transformer-specialize-tokens"))
        << remark::metric("Entries", madeEntries)
        << remark::metric("Blocks", madeBlocks);
    numEntries += madeEntries;
    numBlocks += madeBlocks;
  }

private:
  /// Copies `function` and the blocks that it applies for `count` tokens.
  /// `copies` has the copies that were already made for this count.
  LogicalResult specialize(func::FuncOp function, int64_t count,
                           SymbolTable &symbols,
                           DenseMap<StringAttr, func::FuncOp> &copies) {
    if (copies.contains(function.getSymNameAttr()))
      return success();
    func::FuncOp copy = function.clone();
    copy.setSymName((function.getSymName() + ".t" + Twine(count)).str());
    if (symbols.lookup(copy.getSymName())) {
      copy.erase();
      return function.emitOpError()
             << "has been specialized to " << count << " tokens before";
    }
    symbols.insert(copy, std::next(Block::iterator(function)));
    copies[function.getSymNameAttr()] = copy;
    function.isPublic() ? ++madeEntries : ++madeBlocks;
    setTokens(copy, count);
    WalkResult walked = copy.walk([&](ApplyOp apply) {
      auto block = symbols.lookup<func::FuncOp>(apply.getBlock());
      if (!block || failed(specialize(block, count, symbols, copies)))
        return WalkResult::interrupt();
      apply.setBlock(copies[block.getSymNameAttr()].getSymName());
      return WalkResult::advance();
    });
    return failure(walked.wasInterrupted());
  }

  int64_t madeEntries = 0, madeBlocks = 0;
};
} // namespace
