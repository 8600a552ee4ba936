//===- Reduction.cpp ------------------------------------------------------===//
//
// Each change is tried on a copy of the module. MLIR's -reduction-tree is not
// used: it erases operations whose results are used, which leaves nothing valid
// of a model's graph, and it goes on from IR that it has freed where a change
// of its root does not show the problem.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Reduction.h"
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/xxhash.h"

#include <set>

using namespace mlir;
using namespace lora;

namespace {

/// A change of an operation; fails, and changes nothing, where it does not
/// apply.
using Change = LogicalResult (*)(Operation *, RewriterBase &);

/// Rewrites a linear layer or an embedding with a branch into a plain one.
LogicalResult dropBranch(Operation *op, RewriterBase &rewriter) {
  if (auto linear = dyn_cast<lora::LinearOp>(op))
    rewriter.replaceOpWithNewOp<transformer::LinearOp>(
        op, linear.getType(), linear.getX(), linear.getWeight(),
        linear.getBias());
  else if (auto up = dyn_cast<lora::UpOp>(op))
    rewriter.replaceOpWithNewOp<transformer::LinearOp>(
        op, up.getType(), up.getX(), up.getWeight(), up.getBias());
  else if (auto embedding = dyn_cast<lora::EmbeddingOp>(op))
    rewriter.replaceOpWithNewOp<transformer::EmbeddingOp>(
        op, embedding.getType(), embedding.getIds(), embedding.getTable());
  else
    return failure();
  return success();
}

/// Takes the bias from a linear layer, with or without a branch.
LogicalResult dropBias(Operation *op, RewriterBase &rewriter) {
  auto dropFrom = [&](auto linear) -> LogicalResult {
    if (!linear.getBias())
      return failure();
    rewriter.modifyOpInPlace(op, [&] { linear.getBiasMutable().clear(); });
    return success();
  };
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<transformer::LinearOp, lora::LinearOp, lora::UpOp>(dropFrom)
      .Default(failure());
}

/// Takes the values that hold at one place only from an application.
LogicalResult dropValues(Operation *op, RewriterBase &rewriter) {
  auto apply = dyn_cast<transformer::ApplyOp>(op);
  if (!apply || !apply.getValues())
    return failure();
  rewriter.modifyOpInPlace(op, [&] { apply.removeValuesAttr(); });
  return success();
}

/// Takes out an operation, or a function, that nothing uses.
LogicalResult erase(Operation *op, RewriterBase &rewriter) {
  if (!op->use_empty() || op->hasTrait<OpTrait::IsTerminator>())
    return failure();
  rewriter.eraseOp(op);
  return success();
}

/// Lets a function return its arguments, where there is one of each result's
/// type, and do nothing else.
LogicalResult emptyBody(Operation *op, RewriterBase &rewriter) {
  auto function = dyn_cast<func::FuncOp>(op);
  if (!function || !function.getBody().hasOneBlock() ||
      llvm::hasSingleElement(function.getBody().front()))
    return failure();
  Block &body = function.getBody().front();
  Operation *terminator = body.getTerminator();
  SmallVector<Value> results;
  for (Type type : terminator->getOperandTypes()) {
    auto same = llvm::find_if(body.getArguments(), [&](Value argument) {
      return argument.getType() == type;
    });
    if (same == body.args_end())
      return failure();
    results.push_back(*same);
  }
  rewriter.modifyOpInPlace(terminator,
                           [&] { terminator->setOperands(results); });
  while (Operation *other = terminator->getPrevNode())
    rewriter.eraseOp(other);
  return success();
}

/// Rewrites an operation into its operands, where there is one of each result's
/// type: norms, activations, sums, whole layers.
LogicalResult skip(Operation *op, RewriterBase &rewriter) {
  if (op->getNumResults() == 0)
    return failure();
  SmallVector<Value> replacements;
  for (Value result : op->getResults()) {
    auto same = llvm::find_if(op->getOperands(), [&](Value operand) {
      return operand.getType() == result.getType();
    });
    if (same == op->getOperands().end())
      return failure();
    replacements.push_back(*same);
  }
  rewriter.replaceOp(op, replacements);
  return success();
}

/// Takes the slots that nothing reads from a function. An application passes no
/// slot, so it stays as it is.
LogicalResult dropSlots(Operation *op, RewriterBase &rewriter) {
  auto function = dyn_cast<func::FuncOp>(op);
  if (!function || function.isExternal())
    return failure();
  BitVector unread(function.getNumArguments());
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    if (transformer::getSlotName(function, i) &&
        function.getArgument(i).use_empty())
      unread.set(i);
  if (unread.none())
    return failure();
  LogicalResult result = success();
  rewriter.modifyOpInPlace(op,
                           [&] { result = function.eraseArguments(unread); });
  return result;
}

/// Takes the expressions from the slots of a function.
LogicalResult dropSlotValues(Operation *op, RewriterBase &rewriter) {
  constexpr StringLiteral value = "transformer.value";
  auto function = dyn_cast<func::FuncOp>(op);
  bool hasValues = false;
  for (unsigned i = 0; function && i < function.getNumArguments(); ++i)
    hasValues |= bool(function.getArgAttr(i, value));
  if (!hasValues)
    return failure();
  rewriter.modifyOpInPlace(op, [&] {
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      function.removeArgAttr(i, value);
  });
  return success();
}

/// Tries changes on copies of a module.
class Reducer {
public:
  explicit Reducer(std::function<bool(ModuleOp)> isInteresting)
      : isInteresting(std::move(isInteresting)) {}

  /// Makes a change of `op`, if the problem still shows then.
  LogicalResult attempt(Operation *op, Change change, RewriterBase &rewriter) {
    auto module = op->getParentOfType<ModuleOp>();
    if (!module)
      return failure();
    IRMapping mapping;
    OwningOpRef<ModuleOp> copy = cast<ModuleOp>(module->clone(mapping));
    Operation *copied = mapping.lookup(op);
    IRRewriter copyRewriter(op->getContext());
    copyRewriter.setInsertionPoint(copied);
    if (failed(change(copied, copyRewriter)) || !shows(*copy))
      return failure();
    rewriter.setInsertionPoint(op);
    return change(op, rewriter);
  }

private:
  /// Whether a module that was not tried before is valid and shows the problem.
  bool shows(ModuleOp module) {
    if (failed(verify(module)))
      return false;
    std::string text;
    llvm::raw_string_ostream stream(text);
    module.print(stream, OpPrintingFlags().assumeVerified());
    return tried.insert(llvm::xxh3_64bits(text)).second &&
           isInteresting(module);
  }

  std::function<bool(ModuleOp)> isInteresting;
  /// Hashes of what was tried.
  std::set<uint64_t> tried;
};

/// What takes out most comes first.
constexpr Change kChanges[] = {erase,    emptyBody,  skip,      dropBranch,
                               dropBias, dropValues, dropSlots, dropSlotValues};

/// Operations below `module`; uses come before what they use, functions first.
std::vector<Operation *> operationsOf(ModuleOp module) {
  std::vector<Operation *> operations, inner;
  for (Operation &op : llvm::reverse(*module.getBody()))
    operations.push_back(&op);
  module.walk<WalkOrder::PostOrder>([&](Operation *op) {
    if (op != module && op->getParentOp() != module)
      inner.push_back(op);
  });
  operations.insert(operations.end(), inner.rbegin(), inner.rend());
  return operations;
}

} // namespace

void lora::reduceModule(ModuleOp module,
                        llvm::function_ref<bool(ModuleOp)> isInteresting) {
  Reducer reducer(isInteresting);
  IRRewriter rewriter(module.getContext());
  for (bool changed = true; std::exchange(changed, false);)
    for (Change change : kChanges) {
      std::vector<Operation *> operations = operationsOf(module);
      for (size_t i = 0; i < operations.size(); ++i)
        if (succeeded(reducer.attempt(operations[i], change, rewriter))) {
          changed = true;
          // Others may be gone with it.
          size_t before = operations.size();
          operations = operationsOf(module);
          size_t fewer = before - std::min(before, operations.size());
          i = i + 1 >= fewer ? i - fewer : size_t(-1);
        }
    }
}
