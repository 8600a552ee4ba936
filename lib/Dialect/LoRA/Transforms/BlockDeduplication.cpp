//===- BlockDeduplication.cpp - One function for equal blocks -------------===//
//
// Blocks that differ only in the weight expressions of their slots become one
// function; the expressions move to the applications.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/LoRA/Transforms/Branches.h"

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

/// The attributes of an argument except its weight expression.
static DictionaryAttr attrsWithoutValue(func::FuncOp block, unsigned index) {
  NamedAttrList attrs(block.getArgAttrDict(index));
  attrs.erase(TransformerDialect::kValueAttr);
  return attrs.getDictionary(block.getContext());
}

/// Whether two blocks run the same code on slots with the same names and types.
static bool areEqual(func::FuncOp a, func::FuncOp b) {
  if (a.getFunctionType() != b.getFunctionType() || a.isDeclaration() ||
      b.isDeclaration())
    return false;
  for (unsigned i = 0, e = a.getNumArguments(); i < e; ++i)
    if (attrsWithoutValue(a, i) != attrsWithoutValue(b, i))
      return false;
  for (unsigned i = 0, e = a.getNumResults(); i < e; ++i)
    if (a.getResultAttrDict(i) != b.getResultAttrDict(i))
      return false;
  return OperationEquivalence::isRegionEquivalentTo(
      &a.getBody(), &b.getBody(), OperationEquivalence::IgnoreLocations);
}

int64_t lora::deduplicateBlocks(ModuleOp module) {
  auto byBlock = collectApplies(module);
  SymbolTable symbols(module);
  SmallVector<func::FuncOp> kept;
  int64_t removed = 0;
  for (auto block : llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
    auto applies = byBlock.find(block);
    if (!block.isPrivate() || applies == byBlock.end())
      continue;
    auto *equal = llvm::find_if(
        kept, [&](func::FuncOp other) { return areEqual(block, other); });
    if (equal == kept.end()) {
      kept.push_back(block);
      continue;
    }
    for (ApplyOp apply : applies->second) {
      for (unsigned i = 0, e = block.getNumArguments(); i < e; ++i)
        if (getSlotName(block, i) && getSlotRole(block, i) != Role::State)
          setSlotValue(apply, *equal, i, getSlotValue(apply, block, i));
      apply.setBlock(equal->getName());
    }
    if (!SymbolTable::symbolKnownUseEmpty(block, module))
      continue;
    symbols.erase(block);
    ++removed;
  }
  return removed;
}

void lora::restoreBlockNames(ModuleOp module) {
  SymbolTable symbols(module);
  for (auto block : module.getOps<func::FuncOp>()) {
    StringRef stem = blockStem(block.getName());
    if (stem == block.getName() || symbols.lookup(stem))
      continue;
    bool hasBranch = block
                         .walk([](Operation *op) {
                           return isa<LoRADialect>(op->getDialect())
                                      ? WalkResult::interrupt()
                                      : WalkResult::advance();
                         })
                         .wasInterrupted();
    if (!hasBranch)
      (void)symbols.rename(block, stem);
  }
}
