//===- ApplyToCalls.cpp - Blocks become functions on buffers --------------===//
//
// Gives every function the signature (context, slots, frame, buffers of the
// inputs, buffers of the outputs) and turns applications into calls. Bodies
// stay on tensors: an argument becomes a tensor by `bufferization.to_tensor`,
// and a result is written by `bufferization.materialize_in_destination`. So
// one-shot bufferization can handle one body at a time, without copies.
//
// The pass must run right before bufferization: the bufferization.to_buffer of
// a call's operand is where the callee reads the buffer, and must not be
// merged with an earlier one.
//
//===----------------------------------------------------------------------===//

#include "SlotTable.h"
#include "lora-mlir/Conversion/Passes.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/StringSet.h"

namespace lora {
#define GEN_PASS_DEF_CONVERTAPPLYTOCALLS
#include "lora-mlir/Conversion/Passes.h.inc"
} // namespace lora

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

namespace {
/// The three leading arguments of every lowered function.
enum LeadingArgument { kContext = 0, kSlots = 1, kFrame = 2, kNumLeading = 3 };
} // namespace

static MemRefType getBufferType(RankedTensorType type) {
  return MemRefType::get(type.getShape(), type.getElementType());
}

/// The indices of the results that a function returns as values, not through
/// buffers.
static SmallVector<unsigned> getValueResults(func::FuncOp function) {
  SmallVector<unsigned> results;
  for (unsigned i = 0, e = function.getNumResults(); i < e; ++i)
    if (isValueResult(function, i))
      results.push_back(i);
  return results;
}

//===----------------------------------------------------------------------===//
// Names in the manifest
//===----------------------------------------------------------------------===//

/// What the manifest says of a public function: the names of its inputs and
/// outputs are those that it is marked with; unmarked ones are numbered.
static rt::EntryAttr getEntry(func::FuncOp function) {
  Builder builder(function.getContext());
  auto tokens =
      function->getAttrOfType<IntegerAttr>(TransformerDialect::kTokensAttr);
  StringRef name = function.getSymName(), base = name;
  if (tokens)
    base.consume_back((".t" + Twine(tokens.getInt())).str());
  SmallVector<Attribute> inputs, outputs;
  auto add = [&](SmallVector<Attribute> &names, StringRef marked,
                 StringRef prefix) {
    names.push_back(builder.getStringAttr(
        marked.empty() ? prefix + Twine(names.size()) : Twine(marked)));
  };
  for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i)
    if (!getSlotName(function, i))
      add(inputs, getInputName(function, i), "input");
  for (unsigned i : getValueResults(function))
    add(outputs, getOutputName(function, i), "output");
  return rt::EntryAttr::get(
      function.getContext(), builder.getStringAttr(name),
      builder.getStringAttr(base), tokens ? tokens.getInt() : 0,
      builder.getArrayAttr(inputs), builder.getArrayAttr(outputs));
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

namespace {
/// Converts one function to the lowered signature.
class FunctionConverter {
public:
  FunctionConverter(func::FuncOp function, SymbolTable &symbols,
                    SlotTable &table,
                    const DenseMap<Operation *, int64_t> &ranges)
      : function(function), symbols(symbols), table(table), ranges(ranges),
        builder(function.getContext()) {}

  LogicalResult convert();

private:
  /// The memory of slot `index` in the range of this function, and a tensor on
  /// that memory.
  Value createSlot(int64_t index, const BlockSlot &slot);
  Value createTensor(Value memory, RankedTensorType type, bool writable);
  void materialize(Value tensor, Value memory);
  void convertArguments();
  void convertReturn();
  void convertApply(ApplyOp apply);

  func::FuncOp function;
  SymbolTable &symbols;
  SlotTable &table;
  const DenseMap<Operation *, int64_t> &ranges;
  OpBuilder builder;
  Value leading[kNumLeading];
  SmallVector<Value> outputs;
  /// The memory of states and gradients, by result.
  DenseMap<unsigned, Value> resultMemory;
  DenseSet<Value> inPlace; ///< The returned values that a callee writes.
};
} // namespace

Value FunctionConverter::createSlot(int64_t index, const BlockSlot &slot) {
  // Only the address of a packed weight matters here. The runtime knows how
  // many bytes it has.
  MemRefType memory = slot.type.getEncoding()
                          ? MemRefType::get({1}, builder.getI8Type())
                          : getBufferType(slot.type);
  std::string name =
      (slot.kind == rt::SlotKind::Gradient ? "d." : "") + slot.name.str();
  return rt::SlotOp::create(builder, namedLoc(name, function.getLoc()), memory,
                            leading[kContext], leading[kSlots], index);
}

Value FunctionConverter::createTensor(Value memory, RankedTensorType type,
                                      bool writable) {
  if (type.getEncoding())
    return UnrealizedConversionCastOp::create(builder, function.getLoc(), type,
                                              memory)
        .getResult(0);
  return bufferization::ToTensorOp::create(builder, function.getLoc(), type,
                                           memory, /*restrict=*/true, writable);
}

void FunctionConverter::materialize(Value tensor, Value memory) {
  bufferization::MaterializeInDestinationOp::create(
      builder, tensor.getLoc(), Type(), tensor, memory, /*restrict=*/true,
      /*writable=*/true);
}

void FunctionConverter::convertArguments() {
  Block &body = function.getBody().front();
  unsigned numOld = body.getNumArguments();
  SmallVector<BlockSlot> slots = getBlockSlots(function);
  MLIRContext *context = function.getContext();
  Type leadingTypes[] = {rt::ContextType::get(context),
                         rt::SlotsType::get(context),
                         rt::FrameType::get(context)};
  const char *names[] = {"context", "slots", "frame"};
  for (auto [value, type, name] : llvm::zip(leading, leadingTypes, names))
    value = body.addArgument(type, namedLoc(name, function.getLoc()));
  builder.setInsertionPointToStart(&body);

  for (unsigned i = 0; i < numOld; ++i) {
    if (getSlotName(function, i))
      continue;
    BlockArgument old = body.getArgument(i);
    auto type = cast<RankedTensorType>(old.getType());
    Value memory = body.addArgument(getBufferType(type), old.getLoc());
    old.replaceAllUsesWith(createTensor(memory, type, /*writable=*/false));
  }
  llvm::StringMap<Value> states;
  for (auto [index, slot] : llvm::enumerate(slots)) {
    Value memory = createSlot(index, slot);
    if (slot.kind == rt::SlotKind::Gradient) {
      resultMemory[slot.index] = memory;
      continue;
    }
    bool isState = slot.kind == rt::SlotKind::State;
    body.getArgument(slot.index)
        .replaceAllUsesWith(createTensor(memory, slot.type, isState));
    if (isState)
      states[slot.name.getValue()] = memory;
  }
  for (unsigned i = 0, e = function.getNumResults(); i < e; ++i)
    if (auto next = function.getResultAttrOfType<StringAttr>(
            i, TransformerDialect::kNextAttr))
      resultMemory[i] = states.lookup(next.getValue());
  for (unsigned i : getValueResults(function))
    outputs.push_back(body.addArgument(
        getBufferType(cast<RankedTensorType>(function.getResultTypes()[i])),
        body.getTerminator()->getOperand(i).getLoc()));
  body.eraseArguments(0, numOld);
}

void FunctionConverter::convertApply(ApplyOp apply) {
  builder.setInsertionPoint(apply);
  Location loc = apply.getLoc();
  auto block = symbols.lookup<func::FuncOp>(apply.getBlock());
  SmallVector<Value> operands{
      leading[kContext],
      rt::SlotRangeOp::create(builder, loc, leading[kSlots].getType(),
                              leading[kSlots], ranges.lookup(apply)),
      rt::SubframeOp::create(builder, loc, leading[kFrame].getType(),
                             leading[kFrame], 0)};
  for (Value input : apply.getInputs())
    operands.push_back(bufferization::ToBufferOp::create(
        builder, loc, getBufferType(cast<RankedTensorType>(input.getType())),
        input, /*read_only=*/true));

  // A value that this function returns is written to its destination
  // immediately.
  auto terminator = function.getBody().front().getTerminator();
  SmallVector<unsigned> returned = getValueResults(function);
  SmallVector<std::pair<Value, Value>> results;
  for (Value output : apply.getOutputs()) {
    auto type = dyn_cast<RankedTensorType>(output.getType());
    if (!type)
      continue;
    Value memory;
    for (auto [index, destination] : llvm::zip(returned, outputs))
      if (!memory && terminator->getOperand(index) == output) {
        memory = destination;
        inPlace.insert(output);
      }
    if (!memory)
      memory = memref::AllocOp::create(builder, loc, getBufferType(type));
    operands.push_back(memory);
    results.push_back({output, memory});
  }
  func::CallOp::create(builder, loc, block.getSymName(), TypeRange(), operands);
  for (auto [output, memory] : results) {
    // A buffer that this function allocates may be reused after the last use of
    // its value. The buffer of a result may not.
    bool isOwn = bool(memory.getDefiningOp<memref::AllocOp>());
    Value tensor = createTensor(
        memory, cast<RankedTensorType>(output.getType()), /*writable=*/isOwn);
    if (inPlace.erase(output))
      inPlace.insert(tensor);
    output.replaceAllUsesWith(tensor);
  }
  apply.erase();
}

void FunctionConverter::convertReturn() {
  Operation *terminator = function.getBody().front().getTerminator();
  builder.setInsertionPoint(terminator);
  auto output = outputs.begin();
  for (auto [index, operand] : llvm::enumerate(terminator->getOperands())) {
    if (Value memory = resultMemory.lookup(index))
      materialize(operand, memory);
    else if (!inPlace.erase(operand))
      materialize(operand, *output++);
    else
      ++output;
  }
  terminator->setOperands({});
}

LogicalResult FunctionConverter::convert() {
  for (Type type : llvm::concat<const Type>(function.getArgumentTypes(),
                                            function.getResultTypes()))
    if (!isa<RankedTensorType>(type))
      return function.emitOpError()
             << "expected arguments and results to be tensors, but got "
             << type;
  if (function.isPublic())
    function->setAttr(rt::RTDialect::kEntryAttr, getEntry(function));
  function->removeAttr(TransformerDialect::kTokensAttr);

  convertArguments();
  convertUpdates(function, table, leading[kContext], leading[kSlots]);
  for (ApplyOp apply :
       llvm::make_early_inc_range(function.getBody().front().getOps<ApplyOp>()))
    convertApply(apply);
  convertReturn();

  function.removeArgAttrsAttr();
  function.removeResAttrsAttr();
  function.setFunctionType(builder.getFunctionType(
      function.getBody().getArgumentTypes(), TypeRange()));
  return success();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// Fails if two applications in `entry` write the same gradient: the second
/// would overwrite the first.
static LogicalResult verifyGradientsOnce(func::FuncOp entry,
                                         SymbolTable &symbols) {
  llvm::StringSet<> written;
  WalkResult result = entry.walk([&](ApplyOp apply) {
    auto block = symbols.lookup<func::FuncOp>(apply.getBlock());
    for (const BlockSlot &slot : getBlockSlots(block))
      if (slot.kind == rt::SlotKind::Gradient &&
          !written.insert(joinPath(apply.getPath(), slot.name)).second) {
        apply.emitOpError() << "expected one gradient of '"
                            << joinPath(apply.getPath(), slot.name)
                            << "', but it is computed twice";
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// A result of a block that the entry does not return gets a buffer of its own.
/// The size of this buffer must be known for the plan.
static LogicalResult verifyFixedSizes(ApplyOp apply) {
  Operation *terminator = apply->getBlock()->getTerminator();
  for (Value output : apply.getOutputs()) {
    auto type = dyn_cast<RankedTensorType>(output.getType());
    if (type && !type.hasStaticShape() &&
        !llvm::is_contained(terminator->getOperands(), output))
      return apply.emitOpError()
             << "expected results with a fixed number of tokens, but got "
             << type
             << "; run -transformer-specialize-tokens first, or give "
                "-lora-lower the option tokens";
  }
  return success();
}

namespace {
struct ConvertApplyToCalls
    : public lora::impl::ConvertApplyToCallsBase<ConvertApplyToCalls> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    SlotTable table(module);
    DenseMap<Operation *, int64_t> ranges;
    SmallVector<func::FuncOp> functions;
    for (func::FuncOp function : module.getOps<func::FuncOp>())
      if (!function.isExternal())
        functions.push_back(function);

    for (func::FuncOp function : functions) {
      if (failed(verifyGradientsOnce(function, symbols)))
        return signalPassFailure();
      WalkResult result = function.walk([&](ApplyOp apply) {
        if (function.isPrivate() || apply->getParentOp() != function) {
          apply.emitOpError()
              << "expected applications only at the top of an entry";
          return WalkResult::interrupt();
        }
        if (failed(verifyFixedSizes(apply)))
          return WalkResult::interrupt();
        FailureOr<int64_t> range = table.getRange(
            apply, symbols.lookup<func::FuncOp>(apply.getBlock()));
        if (failed(range))
          return WalkResult::interrupt();
        ranges[apply] = *range;
        ++numCalls;
        return WalkResult::advance();
      });
      if (result.wasInterrupted())
        return signalPassFailure();
    }
    // Entries come first, because the slots of a block are read from its
    // arguments.
    for (bool entries : {true, false})
      for (func::FuncOp function : functions)
        if (function.isPublic() == entries &&
            failed(
                FunctionConverter(function, symbols, table, ranges).convert()))
          return signalPassFailure();
    ArrayAttr slots = table.getAttr();
    numSlots += slots.size();
    remark::analysis(
        module.getLoc(),
        remark::RemarkOpts::name("Slots").category("convert-apply-to-calls"))
        << remark::metric("Calls", ranges.size())
        << remark::metric("Slots", slots.size());
    module->setAttr(rt::RTDialect::kSlotTableAttr, slots);
  }
};
} // namespace
