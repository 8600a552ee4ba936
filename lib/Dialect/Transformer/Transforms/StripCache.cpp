//===- StripCache.cpp - Attend to the tokens of the call ------------------===//
//
// After this pass no block has a state slot. If an operation other than
// cache_write uses a state, that is an error, because removing the state would
// change the result.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-mlir/Dialect/Transformer/Transforms/Passes.h"
#include "llvm/ADT/BitVector.h"

namespace lora::transformer {
#define GEN_PASS_DEF_STRIPCACHE
#include "lora-mlir/Dialect/Transformer/Transforms/Passes.h.inc"
} // namespace lora::transformer

using namespace mlir;
using namespace lora::transformer;

/// Removes the results of `block` tagged `transformer.next`; returns whether
/// there was any.
static bool eraseNextResults(func::FuncOp block) {
  llvm::BitVector next(block.getNumResults());
  for (unsigned i = 0, e = block.getNumResults(); i < e; ++i)
    if (block.getResultAttr(i, TransformerDialect::kNextAttr))
      next.set(i);
  if (next.none())
    return false;
  if (!block.isDeclaration())
    block.getBody().back().getTerminator()->eraseOperands(next);
  (void)block.eraseResults(next); // func.func accepts any function type
  return true;
}

/// Marks the state slots of `block` in `state`; fails if one is still used.
static LogicalResult findUnusedState(func::FuncOp block,
                                     llvm::BitVector &state) {
  for (unsigned i = 0, e = block.getNumArguments(); i < e; ++i) {
    if (!getSlotName(block, i) || getSlotRole(block, i) != Role::State)
      continue;
    if (!block.isDeclaration() && !block.getArgument(i).use_empty()) {
      Operation *user = *block.getArgument(i).user_begin();
      return (user->emitOpError()
              << "expected state to be used by 'transformer.cache_write' "
                 "only, but this is a use of '"
              << getSlotName(block, i).getValue() << "'")
                 .attachNote(block.getLoc())
             << "the block is here";
    }
    state.set(i);
  }
  return success();
}

namespace {

struct StripCache : lora::transformer::impl::StripCacheBase<StripCache> {
  using StripCacheBase::StripCacheBase;

  void runOnOperation() override {
    for (auto block : getOperation().getOps<func::FuncOp>()) {
      eraseNextResults(block);
      block.walk([&](CacheWriteOp write) {
        write.getResult().replaceAllUsesWith(write.getX());
        write.erase();
        ++writesRemoved;
      });
      llvm::BitVector state(block.getNumArguments());
      if (failed(findUnusedState(block, state)))
        return signalPassFailure();
      slotsRemoved += state.count();
      (void)block.eraseArguments(state); // func.func accepts any function type
    }
  }
};

} // namespace
