//===- ResolveLayouts.cpp - Asks oneDNN for layouts -----------------------===//
//
// This is the only place in the compiler that asks oneDNN which layout it
// prefers. The answer depends on the machine and the engine; all other passes
// do the same everywhere.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/OneDNN/IR/MatmulSpec.h"
#include "lora-mlir/Dialect/OneDNN/IR/OneDNNOps.h"
#include "lora-mlir/Dialect/OneDNN/Transforms/Passes.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-runtime/Layouts.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/StringSet.h"

namespace lora::onednn {
#define GEN_PASS_DEF_RESOLVELAYOUTS
#include "lora-mlir/Dialect/OneDNN/Transforms/Passes.h.inc"
} // namespace lora::onednn

using namespace mlir;
using namespace lora;
using namespace lora::onednn;

namespace {

/// The shape of a weight, and the different matmuls that read it.
struct Question {
  RankedTensorType weight;
  llvm::MapVector<Attribute, lora_rt::MatmulSpec> uses;
  /// The answer: a format tag, or "plain".
  std::string tag;
};

bool isOpen(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  auto layout = tensor ? dyn_cast_or_null<PackedAttr>(tensor.getEncoding())
                       : PackedAttr();
  return layout && layout.getTag() == "any";
}

/// The number of elements from one row to the next in the matrix that `value`
/// is a slice of; 0 if it is a matrix of its own.
int64_t getRowStride(Value value) {
  auto slice = value.getDefiningOp<transformer::SliceFeaturesOp>();
  return slice ? slice.getX().getType().getDimSize(1) : 0;
}

/// Everything on which oneDNN's answer may depend.
lora_rt::MatmulSpec getSpec(MatmulOp op) {
  lora_rt::MatmulSpec spec = getMatmulSpec(op);
  spec.strideA = getRowStride(op.getA());
  return spec;
}

struct ResolveLayoutsPass
    : lora::onednn::impl::ResolveLayoutsBase<ResolveLayoutsPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    std::string engine = rt::RTDialect::getEngine(module);
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
      lora_rt::MatmulSpec spec = getSpec(op);
      Builder builder(op);
      SmallVector<Attribute> key{
          builder.getI64ArrayAttr({spec.m, spec.strideA}), op.getPostOps()};
      for (Value value : op->getOperands())
        key.push_back(TypeAttr::get(getElementTypeOrSelf(value.getType())));
      question.uses.try_emplace(builder.getArrayAttr(key), std::move(spec));
    });
    for (auto &[type, question] : questions)
      if (failed(answer(question)))
        return signalPassFailure();
    for (auto block : module.getOps<func::FuncOp>())
      setEncodings(block);
  }

private:
  /// Asks oneDNN once for each kind of use, and decides on one layout.
  LogicalResult answer(Question &question) {
    if (!layout.empty()) {
      question.tag = layout;
      return success();
    }
    int64_t n = question.weight.getDimSize(0),
            k = question.weight.getDimSize(1);
    int64_t largest = 0;
    llvm::StringSet<> answers;
    for (auto &[key, spec] : question.uses) {
      ++numAsked;
      auto tag = lora_rt::preferredLayout(spec);
      if (!tag)
        return getOperation().emitError()
               << "expected oneDNN to name a layout for a weight of type "
               << question.weight << ", but got: " << tag.message();
      answers.insert(*tag);
      if (spec.m > largest) {
        largest = spec.m;
        question.tag = *tag;
      }
    }
    // The stored form suits all uses, and one of them prefers it.
    if (answers.contains(lora_rt::plainLayout))
      question.tag = lora_rt::plainLayout;
    if (answers.size() > 1)
      remark::analysis(getOperation().getLoc(),
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
          plain ? Attribute() : PackedAttr::get(&getContext(), it->second.tag));
      if (!block.isDeclaration())
        block.getArgument(index).setType(type);
    }
    block.setType(
        FunctionType::get(&getContext(), inputs, block.getResultTypes()));
  }

  llvm::MapVector<Type, Question> questions;
};

} // namespace
