//===- TransformerFolds.cpp - Folders -------------------------------------===//
//
// Rewrites that never change a bit of a result.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"

using namespace mlir;
using namespace lora::transformer;

/// cast : T -> T is its operand.
OpFoldResult CastOp::fold(FoldAdaptor) {
  if (getX().getType() == getResult().getType())
    return getX();
  return {};
}
