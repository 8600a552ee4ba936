//===- MatmulSpec.cpp - A matmul as oneDNN is asked for it ----------------===//
//
// Implements MatmulSpec.h. The post-ops of the dialect and of the runtime have
// the same names.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/OneDNN/IR/MatmulSpec.h"
#include "lora-mlir/Dialect/Transformer/IR/RuntimeTypes.h"

using namespace mlir;
using namespace lora;
using namespace lora::onednn;

static lora_rt::PostOp::Kind getKind(PostOpKind kind) {
  const auto &names = lora_rt::PostOp::names;
  const auto *name = llvm::find(names, stringifyPostOpKind(kind));
  assert(name != names.end() && "the runtime has every post-op");
  return lora_rt::PostOp::Kind(name - names.begin());
}

lora_rt::MatmulSpec lora::onednn::getMatmulSpec(MatmulOp op) {
  lora_rt::MatmulSpec spec;
  spec.m = op.getM();
  spec.n = op.getN();
  spec.k = op.getK();
  // A packed b may be bytes by now; its elements have the type of a's.
  spec.a = spec.b = getRuntimeType(op.getA().getType());
  spec.c = getRuntimeType(op.getC().getType());
  spec.transposeA = op.getTransposeA();
  spec.transposeB = op.getTransposeB();
  spec.tokenRows = op.getTokenRows();
  if (op.getBias())
    spec.bias = getRuntimeType(op.getBias().getType());
  auto operand = op.getPostOperands().begin();
  for (auto attr : op.getPostOps().getAsRange<PostOpKindAttr>()) {
    lora_rt::PostOp postOp{getKind(attr.getValue())};
    if (postOp.isBinary())
      postOp.operand = getRuntimeType((*operand++).getType());
    spec.postOps.push_back(postOp);
  }
  return spec;
}
