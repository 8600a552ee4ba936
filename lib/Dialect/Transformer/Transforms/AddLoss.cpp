//===- AddLoss.cpp - The loss of a language model -------------------------===//
//
// The loss is made from the entries that inference uses, so that training and
// inference cannot compute different models.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/Transformer/IR/NearNames.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-mlir/Dialect/Transformer/Transforms/Passes.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

namespace lora::transformer {
#define GEN_PASS_DEF_ADDLOSS
#include "lora-mlir/Dialect/Transformer/Transforms/Passes.h.inc"
} // namespace lora::transformer

using namespace mlir;
using namespace lora::transformer;

namespace {

struct AddLoss : lora::transformer::impl::AddLossBase<AddLoss> {
  using AddLossBase::AddLossBase;

  /// The entry `name` with `numArguments` arguments and one result; null after
  /// an error.
  func::FuncOp getEntry(StringRef name, unsigned numArguments) {
    auto entry = getOperation().lookupSymbol<func::FuncOp>(name);
    if (!entry || entry.isDeclaration()) {
      getOperation().emitError()
          << "expected a function '" << name << "' to make the loss of"
          << "; lora-import makes it of a language model"
          << nearFunctions(getOperation(), name);
      return {};
    }
    if (entry.getNumArguments() == numArguments && entry.getNumResults() == 1)
      return entry;
    entry.emitOpError() << "expected " << numArguments
                        << " arguments and one result, but got "
                        << entry.getFunctionType();
    return {};
  }

  /// Copies the body of `entry`, called with `arguments`, to the insertion
  /// point. Returns its result.
  Value inlineEntry(OpBuilder &builder, func::FuncOp entry,
                    ValueRange arguments) {
    IRMapping mapping;
    mapping.map(entry.getArguments(), arguments);
    for (Operation &op : entry.getBody().front().without_terminator()) {
      builder.clone(op, mapping);
      ++operationsInlined;
    }
    Operation *terminator = entry.getBody().front().getTerminator();
    return mapping.lookupOrDefault(terminator->getOperand(0));
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    func::FuncOp hidden = getEntry("hidden_states", 2);
    func::FuncOp head = hidden ? getEntry("logits", 1) : nullptr;
    if (!head)
      return signalPassFailure();
    if (Operation *other = module.lookupSymbol("loss")) {
      other->emitError() << "expected no function 'loss' yet; was "
                            "-transformer-add-loss run before?";
      return signalPassFailure();
    }
    auto logitsType = dyn_cast<RankedTensorType>(head.getResultTypes()[0]);
    if (!logitsType || logitsType.getRank() != 2) {
      head.emitOpError() << "expected logits [tokens, vocabulary], but got "
                         << head.getResultTypes()[0];
      return signalPassFailure();
    }

    // There is one label for each token, so labels have the type of the ids.
    Type idsType = hidden.getArgumentTypes()[0];
    SmallVector<Type> inputs{idsType, hidden.getArgumentTypes()[1], idsType};
    Type elementType = getAccumulationType(logitsType.getElementType());
    auto lossType = RankedTensorType::get({}, elementType);
    auto lseType =
        RankedTensorType::get({logitsType.getDimSize(0)}, elementType);

    OpBuilder builder(module.getContext());
    builder.setInsertionPointAfter(head);
    auto loss = func::FuncOp::create(builder, head.getLoc(), "loss",
                                     builder.getFunctionType(inputs, lossType));
    constexpr InputKind kinds[] = {InputKind::Ids, InputKind::Sequence,
                                   InputKind::Labels};
    for (auto [index, kind] : llvm::enumerate(kinds))
      loss.setArgAttr(index, TransformerDialect::kInputAttr,
                      InputKindAttr::get(&getContext(), kind));
    loss.setResultAttr(0, TransformerDialect::kOutputAttr,
                       OutputKindAttr::get(&getContext(), OutputKind::Loss));
    Block *body = loss.addEntryBlock();
    for (unsigned i : {0, 1})
      body->getArgument(i).setLoc(hidden.getArgument(i).getLoc());
    body->getArgument(2).setLoc(namedLoc("labels", head.getLoc()));
    builder.setInsertionPointToStart(body);
    Value h = inlineEntry(builder, hidden, body->getArguments().take_front(2));
    Value logits = inlineEntry(builder, head, h);
    auto crossEntropy =
        CrossEntropyOp::create(builder, namedLoc("loss", head.getLoc()),
                               lossType, lseType, logits, body->getArgument(2));
    func::ReturnOp::create(builder, head.getLoc(), crossEntropy.getLoss());
    if (keep)
      return;
    hidden.erase();
    head.erase();
  }
};

} // namespace
