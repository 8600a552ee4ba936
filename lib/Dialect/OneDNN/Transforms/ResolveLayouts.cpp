//===- ResolveLayouts.cpp - Asks oneDNN for layouts -------------------------===//
//
// The only place of the compiler that asks oneDNN which layout it prefers. The
// answer depends on the machine and the engine; everything before and after is
// the same everywhere.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/OneDNN/IR/OneDNNOps.h"
#include "lora-mlir/Dialect/OneDNN/Transforms/Passes.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-runtime/Layouts.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/StringSet.h"

namespace lora::onednn {
#define GEN_PASS_DEF_RESOLVELAYOUTS
#include "lora-mlir/Dialect/OneDNN/Transforms/Passes.h.inc"
} // namespace lora::onednn

using namespace mlir;
using namespace lora::onednn;

namespace {

/// One weight shape and the matmuls that read it.
struct Question {
  RankedTensorType weight;
  /// Tokens and result type of the matmuls.
  llvm::SmallSetVector<std::pair<int64_t, Type>, 4> uses;
  /// The answer: a format tag, or "plain".
  std::string tag;
};

lora_rt::DType getDType(Type type) {
  return type.isBF16() ? lora_rt::DType::BF16 : lora_rt::DType::F32;
}

bool isOpen(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  auto layout = tensor ? dyn_cast_or_null<PackedAttr>(tensor.getEncoding())
                       : PackedAttr();
  return layout && layout.getTag() == "any";
}

struct ResolveLayoutsPass
    : lora::onednn::impl::ResolveLayoutsBase<ResolveLayoutsPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (engine != "cpu") {
      module.emitError() << "expected the engine to be cpu, the only one that "
                            "this build can ask for layouts, but got '"
                         << engine << "'";
      return signalPassFailure();
    }
    module.walk([&](MatmulOp op) {
      if (!isOpen(op.getB().getType()))
        return;
      auto type = cast<RankedTensorType>(op.getB().getType());
      Question &question = questions[type];
      question.weight = type;
      question.uses.insert(
          {op.getM(), cast<ShapedType>(op.getC().getType()).getElementType()});
    });
    for (auto &[type, question] : questions)
      if (failed(answer(question)))
        return signalPassFailure();
    for (auto block : module.getOps<func::FuncOp>())
      setEncodings(block);
  }

private:
  /// Asks oneDNN once per token count and settles on one layout.
  LogicalResult answer(Question &question) {
    if (!layout.empty()) {
      question.tag = layout;
      return success();
    }
    int64_t n = question.weight.getDimSize(0), k = question.weight.getDimSize(1);
    lora_rt::DType type = getDType(question.weight.getElementType());
    int64_t largest = 0;
    llvm::StringSet<> answers;
    for (auto [m, result] : question.uses) {
      ++numAsked;
      auto tag =
          lora_rt::packedTag(m, n, k, type, type, getDType(result));
      if (!tag)
        return getOperation().emitError()
               << "expected oneDNN to name a layout for a weight of type "
               << question.weight << ", but got: " << tag.message();
      answers.insert(*tag);
      if (m > largest) {
        largest = m;
        question.tag = *tag;
      }
    }
    if (answers.size() > 1)
      remark::analysis(
          getOperation().getLoc(),
          remark::RemarkOpts::name("layout").category("onednn"))
          << remark::add("oneDNN prefers different layouts of a weight for "
                         "different token counts; taking the largest count's")
          << remark::metric("out", n) << remark::metric("in", k)
          << remark::metric("layout", question.tag);
    return success();
  }

  /// Replaces the open encodings of the slots of `block`.
  void setEncodings(func::FuncOp block) {
    SmallVector<Type> inputs(block.getArgumentTypes());
    for (auto [index, type] : llvm::enumerate(inputs)) {
      if (!isOpen(type))
        continue;
      auto tensor = cast<RankedTensorType>(type);
      auto it = questions.find(tensor);
      bool plain = it == questions.end() || it->second.tag == "plain";
      type = RankedTensorType::get(
          tensor.getShape(), tensor.getElementType(),
          plain ? Attribute()
                : PackedAttr::get(&getContext(), it->second.tag));
      if (!block.isDeclaration())
        block.getArgument(index).setType(type);
    }
    block.setType(
        FunctionType::get(&getContext(), inputs, block.getResultTypes()));
  }

  llvm::MapVector<Type, Question> questions;
};

} // namespace
