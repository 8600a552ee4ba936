//===- TransformerOps.cpp - Verifiers and effects -------------------------===//
//
// The labels (C1), (C2), ... are those of the constraints in
// TransformerOps.td.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-mlir/Dialect/Transformer/IR/VerifierUtils.h"
#include "lora-runtime/Checkpoint.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace lora::transformer;

#include "lora-mlir/Dialect/Transformer/IR/DifferentiableOpInterface.cpp.inc"

/// Parses a dictionary in which `kind` is only the name of the kind.
static ParseResult parseKindDict(OpAsmParser &parser, ActivationKindAttr &kind,
                                 NamedAttrList &attributes) {
  SMLoc start = parser.getCurrentLocation();
  auto parseEntry = [&]() -> ParseResult {
    std::string name;
    StringRef keyword, word;
    if (parser.parseOptionalKeyword(&keyword)) {
      if (parser.parseString(&name))
        return failure();
    } else {
      name = keyword.str();
    }
    if (parser.parseOptionalEqual()) {
      attributes.append(name, parser.getBuilder().getUnitAttr());
      return success();
    }
    Attribute value;
    SMLoc loc = parser.getCurrentLocation();
    if (name != "kind") {
      if (parser.parseAttribute(value))
        return failure();
      attributes.append(name, value);
      return success();
    }
    if (parser.parseOptionalKeyword(&word))
      return parser.parseAttribute(kind);
    if (std::optional<ActivationKind> known = symbolizeActivationKind(word)) {
      kind = ActivationKindAttr::get(parser.getContext(), *known);
      return success();
    }
    std::vector<std::string_view> names;
    for (uint32_t i = 0; i <= getMaxEnumValForActivationKind(); ++i)
      names.push_back(stringifyActivationKind(ActivationKind(i)));
    return parser.emitError(loc)
           << "expected a kind of activation, but got '" << word << "'"
           << lora_rt::suggestion(std::string_view(word), names);
  };
  if (succeeded(parser.parseOptionalLBrace()) &&
      failed(parser.parseOptionalRBrace()) &&
      (parser.parseCommaSeparatedList(parseEntry) || parser.parseRBrace()))
    return failure();
  if (!kind)
    return parser.emitError(start) << "expected {kind = silu}, or another kind";
  return success();
}

static void printKindDict(OpAsmPrinter &printer, Operation *op,
                          ActivationKindAttr kind, DictionaryAttr attributes) {
  printer << "{kind = " << stringifyActivationKind(kind.getValue());
  for (NamedAttribute entry : attributes) {
    if (entry.getName() == "kind")
      continue;
    printer << ", ";
    printer.printKeywordOrString(entry.getName());
    if (!isa<UnitAttr>(entry.getValue()))
      printer << " = " << entry.getValue();
  }
  printer << "}";
}

#define GET_OP_CLASSES
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.cpp.inc"

static LogicalResult expectElementType(Operation *op, StringRef name, Type type,
                                       Type expected) {
  Type got = getElementTypeOrSelf(type);
  if (got == getElementTypeOrSelf(expected))
    return success();
  return op->emitOpError() << "expected " << name << " to have element type "
                           << getElementTypeOrSelf(expected) << ", but got "
                           << got;
}

static LogicalResult expectMultiple(Operation *op, StringRef name,
                                    int64_t value, int64_t divisor) {
  if (divisor > 0 && value % divisor == 0)
    return success();
  return op->emitOpError() << "expected " << name << " to be a multiple of "
                           << divisor << ", but got " << value;
}

static LogicalResult expectPositive(Operation *op, StringRef name,
                                    const llvm::APFloat &value) {
  if (value.convertToDouble() > 0)
    return success();
  return op->emitOpError() << "expected " << name << " to be positive";
}

static LogicalResult expectSequence(Operation *op, Value sequence,
                                    int64_t tokens) {
  return expectShape(op, "sequence", sequence.getType(), {4, tokens});
}

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

/// Verifies (C4): an entry of `values` fits the slot that it names.
static LogicalResult verifySlotValue(ApplyOp apply, func::FuncOp block,
                                     NamedAttribute entry) {
  std::optional<unsigned> slot = findSlot(block, entry.getName());
  if (!slot || getSlotRole(block, *slot) == Role::State)
    return (apply.emitOpError() << "expected '" << entry.getName().getValue()
                                << "' among the values to be a slot of '"
                                << apply.getBlock() << "' that is not a state")
               .attachNote(block.getLoc())
           << "the block is here";
  auto expr = dyn_cast<WeightExprAttrInterface>(entry.getValue());
  auto type = cast<RankedTensorType>(block.getArgumentTypes()[*slot]);
  auto plain = RankedTensorType::get(type.getShape(), type.getElementType());
  if (!expr)
    return apply.emitOpError()
           << "expected the value of '" << entry.getName().getValue()
           << "' to be a weight expression, but got " << entry.getValue();
  if (expr.getValueType() != plain)
    return apply.emitOpError()
           << "expected the value of '" << entry.getName().getValue()
           << "' to have type " << plain << ", but got " << expr.getValueType();
  return success();
}

/// Verifies (C5) for a layer that the facts about the model name.
static LogicalResult verifyModelLayer(ApplyOp apply, func::FuncOp block,
                                      StringRef key, StringRef layer,
                                      int64_t vocabSize) {
  std::string weight = joinPath(layer, "weight");
  StringRef slot = weight, path = apply.getPath();
  if (layer.empty() ||
      (!path.empty() && !(slot.consume_front(path) && slot.consume_front("."))))
    return success();
  std::optional<unsigned> index = findSlot(block, slot);
  if (!index)
    return success();
  auto type = cast<RankedTensorType>(block.getArgumentTypes()[*index]);
  if (type.getRank() == 2 && type.getDimSize(0) == vocabSize)
    return success();
  return apply.emitOpError()
         << "expected the weight of '" << layer << "', the '" << key
         << "' of the model, to have 'vocab_size' = " << vocabSize
         << " rows, but got " << type;
}

LogicalResult ApplyOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  auto block =
      symbolTable.lookupNearestSymbolFrom<func::FuncOp>(*this, getBlockAttr());
  if (!block) // (C1)
    return emitOpError() << "expected '" << getBlock()
                         << "' to be a function of the module";
  SmallVector<Type> expected;
  for (unsigned i = 0, e = block.getNumArguments(); i < e; ++i)
    if (!getSlotName(block, i))
      expected.push_back(block.getArgumentTypes()[i]);
  if (TypeRange(expected) != getInputs().getTypes()) // (C2)
    return (emitOpError() << "expected inputs of types " << expected
                          << ", but got " << getInputs().getTypes())
               .attachNote(block.getLoc())
           << "the block is here";
  SmallVector<Type> results = getApplyResultTypes(block);
  if (TypeRange(results) != getOutputs().getTypes()) // (C3)
    return (emitOpError() << "expected results of types " << results
                          << ", but got " << getOutputs().getTypes())
               .attachNote(block.getLoc())
           << "the block is here";
  if (DictionaryAttr values = getValuesAttr())
    for (NamedAttribute entry : values)
      if (failed(verifySlotValue(*this, block, entry)))
        return failure();
  auto module = (*this)->getParentOfType<ModuleOp>();
  std::optional<ModelFacts> facts =
      module ? getModelFacts(module) : std::nullopt;
  if (facts &&
      (failed(verifyModelLayer(*this, block, "embedding_layer",
                               facts->embeddingLayer, facts->vocabSize)) ||
       failed(verifyModelLayer(*this, block, "output_layer", facts->outputLayer,
                               facts->vocabSize))))
    return failure();
  return success();
}

void ApplyOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  effects.emplace_back(MemoryEffects::Read::get(), ParameterResource::get());
  auto block =
      SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(*this, getBlockAttr());
  bool writes = !block;
  for (unsigned i = 0; block && i < block.getNumResults(); ++i)
    writes |= !isValueResult(block, i);
  if (writes)
    effects.emplace_back(MemoryEffects::Write::get(), ParameterResource::get());
}

//===----------------------------------------------------------------------===//
// Embedding and linear algebra
//===----------------------------------------------------------------------===//

LogicalResult EmbeddingOp::verify() {
  return expectShape(*this, "result", getResult().getType(), // (C1)
                     {getDim(getIds(), 0), getDim(getTable(), 1)});
}

LogicalResult PositionsOp::verify() {
  if (int64_t(getOffset()) < 0) // (C2)
    return emitOpError() << "expected offset not to be negative, but got "
                         << int64_t(getOffset());
  return expectSequence(*this, getSequence(), getDim(getResult(), 0)); // (C1)
}

LogicalResult LinearOp::verify() {
  if (isa_and_present<Conv1DAttr>(getWeight().getType().getEncoding())) // (C3)
    return emitOpError() << "expected the weight to be [out, in], but got "
                         << getWeight().getType();
  int64_t tokens = getDim(getX(), 0), in = getDim(getX(), 1),
          out = getDim(getWeight(), 0);
  if (failed(expectShape(*this, "weight", getWeight().getType(), {out, in})) ||
      failed(
          expectShape(*this, "result", getResult().getType(), {tokens, out})) ||
      failed(expectElementType(*this, "weight", getWeight().getType(),
                               getX().getType()))) // (C1), (C2)
    return failure();
  if (!getBias())
    return success();
  if (failed(expectShape(*this, "bias", getBias().getType(), {out})))
    return failure();
  return expectElementType(*this, "bias", getBias().getType(),
                           getX().getType());
}

LogicalResult MatmulOp::verify() {
  int64_t m = getDim(getA(), getTransposeA() ? 1 : 0);
  int64_t k = getDim(getA(), getTransposeA() ? 0 : 1);
  int64_t n = getDim(getB(), getTransposeB() ? 0 : 1);
  SmallVector<int64_t, 2> b{k, n};
  if (getTransposeB())
    std::swap(b[0], b[1]);
  if (failed(expectShape(*this, "b", getB().getType(), b)) ||
      failed(expectShape(*this, "result", getResult().getType(), {m, n})))
    return failure(); // (C1)
  return expectElementType(*this, "b", getB().getType(),
                           getA().getType()); // (C2)
}

LogicalResult SumTokensOp::verify() {
  return expectShape(*this, "result", getResult().getType(), // (C1)
                     {getDim(getX(), 1)});
}

LogicalResult EmbeddingGradientOp::verify() {
  return expectShape(*this, "dy", getDy().getType(), // (C1)
                     {getDim(getIds(), 0), getDim(getResult(), 1)});
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

LogicalResult CastOp::verify() {
  return expectShape(*this, "result", getResult().getType(), // (C1)
                     cast<RankedTensorType>(getX().getType()).getShape());
}

LogicalResult SoftcapOp::verify() {
  return expectPositive(*this, "cap", getCap()); // (C1)
}

LogicalResult ScaleFeaturesOp::verify() {
  return expectShape(*this, "scale", getScale().getType(), // (C1)
                     {getDim(getX(), 1)});
}

/// Verifies that `narrow` is a range of the features of `wide`, from `offset`
/// on.
static LogicalResult verifyFeatureRange(Operation *op, Value narrow, Value wide,
                                        int64_t offset) {
  int64_t end = offset + getDim(narrow, 1);
  if (offset < 0 || end > getDim(wide, 1))
    return op->emitOpError() << "expected features [" << offset << ", " << end
                             << ") to be among " << getDim(wide, 1);
  return expectElementType(op, "result", narrow.getType(), wide.getType());
}

LogicalResult SliceFeaturesOp::verify() {
  return verifyFeatureRange(*this, getResult(), getX(), getOffset()); // (C1)
}

LogicalResult PadFeaturesOp::verify() {
  return verifyFeatureRange(*this, getX(), getResult(), getOffset()); // (C1)
}

//===----------------------------------------------------------------------===//
// Normalization
//===----------------------------------------------------------------------===//

LogicalResult RMSNormOp::verify() {
  if (failed(expectPositive(*this, "eps", getEps()))) // (C2)
    return failure();
  return expectMultiple(*this, "the width of x", getDim(getX(), 1), // (C1)
                        getDim(getWeight(), 0));
}

LogicalResult RMSNormGradientOp::verify() {
  return expectMultiple(*this, "the width of x", getDim(getX(), 1), // (C1)
                        getDim(getWeight(), 0));
}

LogicalResult RMSNormWeightGradientOp::verify() {
  return expectMultiple(*this, "the width of x", getDim(getX(), 1), // (C1)
                        getDim(getResult(), 0));
}

LogicalResult LayerNormOp::verify() {
  if (failed(expectPositive(*this, "eps", getEps()))) // (C2)
    return failure();
  int64_t width = getDim(getX(), 1);
  if (failed(expectShape(*this, "weight", getWeight().getType(), {width})))
    return failure(); // (C1)
  return expectShape(*this, "bias", getBias().getType(), {width});
}

LogicalResult LayerNormGradientOp::verify() {
  return expectShape(*this, "weight", getWeight().getType(), // (C1)
                     {getDim(getX(), 1)});
}

LogicalResult LayerNormWeightGradientOp::verify() {
  return expectShape(*this, "result", getResult().getType(), // (C1)
                     {getDim(getX(), 1)});
}

//===----------------------------------------------------------------------===//
// Positions and attention
//===----------------------------------------------------------------------===//

LogicalResult RotaryTableOp::verify() {
  int64_t tokens = getDim(getCos(), 0);
  if (failed(expectSequence(*this, getSequence(), tokens)))
    return failure();
  if (bool(getFrequencies()) == bool(getInverseFrequencies())) // (C2)
    return emitOpError() << "expected the frequencies either as an attribute "
                            "or as an operand";
  int64_t count = getFrequencies() ? getDim(getFrequencies(), 0)
                                   : int64_t(getInverseFrequencies()->size());
  return expectShape(*this, "cos", getCos().getType(), {tokens, count}); // (C1)
}

LogicalResult RotaryOp::verify() {
  int64_t headDim = getHeadDim(), pairs = getDim(getCos(), 1);
  if (failed(
          expectMultiple(*this, "the width of x", getDim(getX(), 1), headDim)))
    return failure();      // (C1)
  if (2 * pairs > headDim) // (C2)
    return emitOpError() << "expected at most " << headDim / 2
                         << " angles for heads of width " << headDim
                         << ", but got " << pairs;
  return expectShape(*this, "cos", getCos().getType(),
                     {getDim(getX(), 0), pairs});
}

LogicalResult CacheWriteOp::verify() {
  if (failed(expectShape(*this, "x", getX().getType(),
                         {getDim(getX(), 0), getDim(getCache(), 1)})) ||
      failed(expectElementType(*this, "x", getX().getType(),
                               getCache().getType()))) // (C1)
    return failure();
  if (!getCache().hasOneUse()) // (C2)
    return emitOpError() << "expected the cache to have no other use, because "
                            "it is updated in place";
  return expectSequence(*this, getSequence(), getDim(getX(), 0));
}

/// Checks of attention and of its gradient: heads, widths and the sequence
/// table.
static LogicalResult verifyAttention(Operation *op, Value q, Value k, Value lse,
                                     Value sequence, int64_t heads,
                                     int64_t kvHeads,
                                     std::optional<int64_t> window,
                                     std::optional<llvm::APFloat> softcap) {
  if (heads <= 0 || kvHeads <= 0 || heads % kvHeads) // (C1)
    return op->emitOpError()
           << "expected heads to be a positive multiple of kv_heads, but got "
           << heads << " and " << kvHeads;
  if (failed(expectMultiple(op, "the width of q", getDim(q, 1), heads)))
    return failure();         // (C2)
  if (window && *window <= 0) // (C4)
    return op->emitOpError()
           << "expected window to be positive, but got " << *window;
  if (softcap && failed(expectPositive(op, "softcap", *softcap)))
    return failure();
  int64_t width = getDim(q, 1) / heads * kvHeads;
  if (failed(expectShape(op, "k", k.getType(), {getDim(k, 0), width})) ||
      failed(expectShape(op, "lse", lse.getType(), {getDim(q, 0), heads})))
    return failure(); // (C2), (C3)
  return expectSequence(op, sequence, getDim(q, 0));
}

LogicalResult AttentionOp::verify() {
  Type lse = getLse().getType().getElementType();
  if (lse != getAccumulationType(getQ().getType().getElementType()))
    return emitOpError() << "expected lse to be of the accumulation type of q, "
                            "but got "
                         << lse; // (C3)
  return verifyAttention(*this, getQ(), getK(), getLse(), getSequence(),
                         getHeads(), getKvHeads(), getWindow(), getSoftcap());
}

LogicalResult AttentionGradientOp::verify() {
  return verifyAttention(*this, getQ(), getK(), getLse(), getSequence(),
                         getHeads(), getKvHeads(), getWindow(), getSoftcap());
}

//===----------------------------------------------------------------------===//
// Loss and update
//===----------------------------------------------------------------------===//

LogicalResult CrossEntropyOp::verify() {
  if (failed(expectElementType(*this, "lse", getLse().getType(),
                               getLoss().getType())) ||
      failed(expectShape(*this, "labels", getLabels().getType(),
                         {getDim(getLogits(), 0)})))
    return failure();
  return expectShape(*this, "lse", getLse().getType(), // (C1)
                     {getDim(getLogits(), 0)});
}

LogicalResult AdamWOp::verify() {
  return expectShape(*this, "hyperparameters", getHyperparameters().getType(),
                     {8}); // (C1)
}

LogicalResult SGDOp::verify() {
  return expectShape(*this, "hyperparameters", getHyperparameters().getType(),
                     {4}); // (C1)
}
