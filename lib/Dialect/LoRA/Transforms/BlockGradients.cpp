//===- BlockGradients.cpp - Forward and backward of a block ---------------===//
//
// A backward function begins as a copy of the block followed by the gradient
// operations, which therefore say what they need of the forward pass. Each such
// value is then taken from where it costs least: an argument, a recomputation,
// a result of the forward function; the rest of the copy is dead.
//
//===----------------------------------------------------------------------===//

#include "BlockGradients.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

/// The arguments of `block` without a slot.
static SmallVector<unsigned> getInputs(func::FuncOp block) {
  return llvm::to_vector(llvm::make_filter_range(
      llvm::seq(block.getNumArguments()),
      [&](unsigned i) { return !getSlotName(block, i); }));
}

/// The results of `block` that an application returns as values.
static SmallVector<unsigned> getValueResults(func::FuncOp block) {
  return llvm::to_vector(llvm::make_filter_range(
      llvm::seq(block.getNumResults()),
      [&](unsigned i) { return isValueResult(block, i); }));
}

static bool isTrainable(func::FuncOp block, unsigned index) {
  return getSlotName(block, index) &&
         getSlotRole(block, index) == Role::Trainable;
}

/// The values of `block` that depend on a trainable slot or on an active input.
static llvm::DenseSet<Value> getActiveValues(func::FuncOp block,
                                             ArrayRef<bool> activeInputs) {
  llvm::DenseSet<Value> active;
  for (auto [input, isActive] : llvm::zip_equal(getInputs(block), activeInputs))
    if (isActive)
      active.insert(block.getArgument(input));
  for (unsigned i = 0, e = block.getNumArguments(); i < e; ++i)
    if (isTrainable(block, i))
      active.insert(block.getArgument(i));
  propagateActivity(block.getBody().front(), active);
  return active;
}

SmallVector<bool> lora::getActiveResults(func::FuncOp block,
                                         ArrayRef<bool> activeInputs) {
  llvm::DenseSet<Value> active = getActiveValues(block, activeInputs);
  Operation *terminator = block.getBody().front().getTerminator();
  return llvm::map_to_vector(getValueResults(block), [&](unsigned i) {
    return active.contains(terminator->getOperand(i));
  });
}

/// Whether `op` works on each row (or parameter) alone, so that recomputing it
/// costs about as much as reading its result.
static bool isCheap(Operation *op) {
  return isa<AddOp, MulOp, ActivationOp, CastOp, ScaleFeaturesOp,
             SliceFeaturesOp, PadFeaturesOp, RMSNormOp, RotaryOp>(op) ||
         matchPattern(op, m_Constant());
}

/// The bytes that a kept value of this type needs for each token.
static uint64_t getBytesPerToken(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  if (tensor.getNumDynamicDims() != 1)
    return 0;
  uint64_t elements = 1;
  for (int64_t size : tensor.getShape())
    elements *= ShapedType::isDynamic(size) ? 1 : size;
  return elements * llvm::divideCeil(tensor.getElementTypeBitWidth(), 8);
}

namespace {

/// The function that will become a backward function: a copy of the block with
/// its gradient operations.
class BackwardBuilder {
public:
  BackwardBuilder(BlockPattern &pattern)
      : pattern(pattern), inputs(getInputs(pattern.block)),
        valueResults(getValueResults(pattern.block)),
        copy(cast<func::FuncOp>(pattern.block->clone())),
        body(copy.getBody().front()),
        returned(llvm::to_vector(body.getTerminator()->getOperands())) {
    for (Operation &op : body.without_terminator())
      forwardOps.push_back(&op);
  }
  ~BackwardBuilder() { copy.erase(); }

  LogicalResult buildGradientOps();
  /// Chooses the kept values, given as (operation, result) numbers, and
  /// replaces them by arguments of the copy.
  std::vector<std::pair<unsigned, unsigned>> chooseKept(BlockGradients &result);
  /// Moves the operations to a new function. Its arguments are those that are
  /// used, in this order: gradients of results, kept values, inputs, slots.
  func::FuncOp finish(BlockGradients &result);

private:
  Value addArgument(Type type, Location loc, BackwardOperand operand) {
    operands.push_back({body.addArgument(type, loc), operand});
    return operands.back().first;
  }

  BlockPattern &pattern;
  SmallVector<unsigned> inputs, valueResults;
  func::FuncOp copy;
  Block &body;
  SmallVector<Value> returned;
  SmallVector<Operation *> forwardOps;
  /// Arguments in addition to the block's: gradients of results, and kept
  /// values.
  SmallVector<std::pair<Value, BackwardOperand>> operands;
  SmallVector<std::pair<unsigned, Value>> inputGradients;
  SmallVector<std::pair<unsigned, Value>> slotGradients;
};

} // namespace

LogicalResult BackwardBuilder::buildGradientOps() {
  llvm::DenseSet<Value> active = getActiveValues(copy, pattern.activeInputs);
  OpBuilder builder(body.getTerminator());
  ReverseMode reverse(builder, active);
  for (auto [i, hasGradient] : llvm::enumerate(pattern.resultGradients)) {
    if (!hasGradient)
      continue;
    Value result = returned[valueResults[i]];
    reverse.accumulate(
        result, addArgument(result.getType(), getGradientLoc(result.getLoc()),
                            {BackwardOperand::ResultGradient, unsigned(i)}));
  }
  if (failed(reverse.run(forwardOps)))
    return failure();

  for (auto [i, isActive] : llvm::enumerate(pattern.activeInputs))
    if (Value gradient = reverse.lookup(copy.getArgument(inputs[i]));
        gradient && isActive)
      inputGradients.push_back({unsigned(i), gradient});
  for (unsigned i = 0, e = copy.getNumArguments(); i < e; ++i) {
    if (!isTrainable(copy, i))
      continue;
    Value gradient = reverse.lookup(copy.getArgument(i));
    if (!gradient) {
      // The update reads the gradient of every trainable slot.
      auto type = cast<RankedTensorType>(copy.getArgumentTypes()[i]);
      type = type.clone(getAccumulationType(type.getElementType()));
      gradient = arith::ConstantOp::create(builder, copy.getLoc(),
                                           builder.getZeroAttr(type));
    }
    slotGradients.push_back({i, gradient});
  }
  SmallVector<Value> results;
  auto addResult = [&](Value gradient, unsigned argument) {
    results.push_back(gradient);
    // A returned gradient is named after the value that it is the gradient of.
    if (Operation *op = gradient.getDefiningOp())
      op->setLoc(getGradientLoc(copy.getArgument(argument).getLoc()));
  };
  for (auto &[index, gradient] : inputGradients)
    addResult(gradient, inputs[index]);
  for (auto &[index, gradient] : slotGradients)
    addResult(gradient, index);
  body.getTerminator()->setOperands(results);
  return success();
}

std::vector<std::pair<unsigned, unsigned>>
BackwardBuilder::chooseKept(BlockGradients &result) {
  llvm::DenseSet<Operation *> forward(forwardOps.begin(), forwardOps.end());
  llvm::DenseSet<Value> available;
  for (Value argument : body.getArguments())
    available.insert(argument);

  std::vector<std::pair<unsigned, unsigned>> kept;
  unsigned numForwardResults = valueResults.size();
  for (auto [number, op] : llvm::enumerate(forwardOps)) {
    if (isCheap(op) && llvm::all_of(op->getOperands(), [&](Value operand) {
          return available.contains(operand);
        })) {
      available.insert_range(op->getResults());
      continue;
    }
    for (OpResult value : op->getResults()) {
      bool isNeeded = llvm::any_of(value.getUsers(), [&](Operation *user) {
        return !forward.contains(user);
      });
      if (!isNeeded)
        continue;
      BackwardOperand source{BackwardOperand::ForwardResult, 0};
      auto *position = llvm::find_if(
          valueResults, [&](unsigned i) { return returned[i] == value; });
      if (position != valueResults.end()) {
        source.index = position - valueResults.begin();
      } else {
        source.index = numForwardResults++;
        kept.push_back({unsigned(number), value.getResultNumber()});
        result.keptBytesPerToken += getBytesPerToken(value.getType());
      }
      Value argument = addArgument(value.getType(), value.getLoc(), source);
      value.replaceAllUsesWith(argument);
      available.insert(argument);
    }
  }
  result.numKept = kept.size();

  for (Operation *op : llvm::reverse(forwardOps)) {
    if (op->use_empty()) {
      op->erase();
      continue;
    }
    // A value is recomputed right before its first use, so that it does not
    // live longer.
    Operation *firstUser = *op->user_begin();
    for (Operation *user : op->getUsers())
      if (user->isBeforeInBlock(firstUser))
        firstUser = user;
    op->moveBefore(firstUser);
    if (!matchPattern(op, m_Constant()))
      result.numRecomputed += op->getNumResults();
  }
  return kept;
}

func::FuncOp BackwardBuilder::finish(BlockGradients &result) {
  Builder builder(copy.getContext());
  for (unsigned i = 0, e = inputs.size(); i < e; ++i)
    operands.push_back(
        {copy.getArgument(inputs[i]), {BackwardOperand::Input, i}});

  SmallVector<Value> arguments;
  SmallVector<DictionaryAttr> attributes;
  for (auto &[argument, source] : operands) {
    if (argument.use_empty())
      continue;
    arguments.push_back(argument);
    attributes.push_back(builder.getDictionaryAttr({}));
    result.operands.push_back(source);
  }
  for (unsigned i = 0, e = copy.getNumArguments(); i < e; ++i) {
    // The slot of a gradient is an argument even if its value is not used.
    if (!getSlotName(copy, i) ||
        (copy.getArgument(i).use_empty() && !isTrainable(copy, i)))
      continue;
    arguments.push_back(copy.getArgument(i));
    attributes.push_back(copy.getArgAttrDict(i));
  }

  Operation *terminator = body.getTerminator();
  auto backward = func::FuncOp::create(
      copy.getLoc(),
      (pattern.block.getName() + ".backward").str() +
          (inputGradients.empty() ? "_first" : ""),
      builder.getFunctionType(ValueRange(arguments).getTypes(),
                              terminator->getOperandTypes()));
  backward.setPrivate();
  Block *entry = backward.addEntryBlock();
  for (auto [from, to] : llvm::zip_equal(arguments, entry->getArguments())) {
    to.setLoc(from.getLoc());
    from.replaceAllUsesWith(to);
  }
  entry->getOperations().splice(entry->end(), body.getOperations());
  for (auto [i, attrs] : llvm::enumerate(attributes))
    backward.setArgAttrs(i, attrs);

  for (auto &[input, gradient] : inputGradients)
    result.inputs.push_back(input);
  for (auto [i, gradient] : llvm::enumerate(slotGradients)) {
    StringAttr slot = getSlotName(copy, gradient.first);
    backward.setResultAttr(inputGradients.size() + i,
                           TransformerDialect::kGradAttr, slot);
    result.slots.push_back(slot);
  }
  return backward;
}

BlockGradients *BlockDifferentiator::get(BlockPattern pattern) {
  auto key = std::make_tuple(pattern.block.getOperation(),
                             std::vector<bool>(pattern.activeInputs.begin(),
                                               pattern.activeInputs.end()),
                             std::vector<bool>(pattern.resultGradients.begin(),
                                               pattern.resultGradients.end()));
  auto found = made.find(key);
  if (found != made.end())
    return &found->second;
  FailureOr<BlockGradients> built = build(pattern);
  if (failed(built))
    return nullptr;
  ++numBlocks;
  numKept += built->numKept;
  numRecomputed += built->numRecomputed;
  remark::passed(pattern.block.getLoc(),
                 remark::RemarkOpts::name("Backward").category("lora-autodiff"))
      << remark::add("made {0}: {1} values kept ({2} bytes a token), {3} "
                     "recomputed, {4} gradients of inputs, {5} of parameters",
                     built->backward.getName().str(), built->numKept,
                     built->keptBytesPerToken, built->numRecomputed,
                     built->inputs.size(), built->slots.size());
  return &made.emplace(key, *built).first->second;
}

FailureOr<BlockGradients> BlockDifferentiator::build(BlockPattern &pattern) {
  BlockGradients result;
  BackwardBuilder backward(pattern);
  if (failed(backward.buildGradientOps()))
    return failure();
  result.forward = getForward(pattern.block, backward.chooseKept(result));
  result.backward = backward.finish(result);
  symbols.insert(result.backward, std::next(result.forward->getIterator()));
  return result;
}

func::FuncOp
BlockDifferentiator::getForward(func::FuncOp block,
                                ArrayRef<std::pair<unsigned, unsigned>> kept) {
  if (kept.empty())
    return block;
  func::FuncOp &forward =
      forwards[{block, Positions(kept.begin(), kept.end())}];
  if (forward)
    return forward;

  forward = cast<func::FuncOp>(block->clone());
  std::string name = (block.getName() + ".forward").str();
  forward.setName(symbols.lookup(name) ? name + "_first" : name);
  Block &body = forward.getBody().front();
  SmallVector<Operation *> operations = llvm::map_to_vector(
      body.without_terminator(), [](Operation &op) { return &op; });
  SmallVector<Value> results =
      llvm::to_vector(body.getTerminator()->getOperands());
  for (auto [operation, index] : kept) {
    Value value = operations[operation]->getResult(index);
    (void)forward.insertResult(results.size(), value.getType(), {});
    results.push_back(value);
  }
  body.getTerminator()->setOperands(results);
  symbols.insert(forward, std::next(block->getIterator()));
  return forward;
}
