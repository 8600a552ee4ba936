//===- RTDialect.cpp - Registration, verifiers, parallel_for's syntax -----===//
//
// Verifies what the manifest is made from, where it stands in the IR.
//
// The labels (C1), (C2), ... are those of the constraints in RTOps.td.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-mlir/Dialect/Transformer/IR/FieldAttributes.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-mlir/Dialect/Transformer/IR/VerifierUtils.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lora;
using namespace lora::rt;

#include "lora-mlir/Dialect/RT/IR/RTDialect.cpp.inc"

#include "lora-mlir/Dialect/RT/IR/RTEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "lora-mlir/Dialect/RT/IR/RTAttributes.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "lora-mlir/Dialect/RT/IR/RTTypes.cpp.inc"

#define GET_OP_CLASSES
#include "lora-mlir/Dialect/RT/IR/RTOps.cpp.inc"

void RTDialect::initialize() {
  registerAttributes();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "lora-mlir/Dialect/RT/IR/RTOps.cpp.inc"
      >();
}

void RTDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "lora-mlir/Dialect/RT/IR/RTAttributes.cpp.inc"
      >();
}

void RTDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "lora-mlir/Dialect/RT/IR/RTTypes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

LogicalResult TargetAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 DictionaryAttr fields) {
  return FieldsFromAttributes::convert<lora_rt::Manifest::Target>(fields,
                                                                  emitError);
}

TargetAttr TargetAttr::get(MLIRContext *context,
                           const lora_rt::Manifest::Target &target) {
  return get(context, FieldsToAttributes::convert(context, target));
}

lora_rt::Manifest::Target TargetAttr::getTarget() const {
  // The verifier has read the fields before.
  return *FieldsFromAttributes::convert<lora_rt::Manifest::Target>(
      getFields(), [&] { return emitError(UnknownLoc::get(getContext())); });
}

LogicalResult
PrimitiveSpecAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                          DictionaryAttr fields) {
  FailureOr<lora_rt::PrimitiveSpec> spec =
      FieldsFromAttributes::convert<lora_rt::PrimitiveSpec>(fields, emitError);
  if (failed(spec))
    return failure();
  if (lora_rt::Error error = spec->verify("primitive"))
    return emitError() << error.message();
  return success();
}

PrimitiveSpecAttr PrimitiveSpecAttr::get(MLIRContext *context,
                                         const lora_rt::PrimitiveSpec &spec) {
  return get(context, FieldsToAttributes::convert(context, spec));
}

lora_rt::PrimitiveSpec PrimitiveSpecAttr::getSpec() const {
  // The verifier has read the fields before.
  return *FieldsFromAttributes::convert<lora_rt::PrimitiveSpec>(
      getFields(), [&] { return emitError(UnknownLoc::get(getContext())); });
}

LogicalResult EntryAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                StringAttr name, StringAttr function,
                                int64_t tokens, ArrayAttr inputs,
                                ArrayAttr outputs) {
  if (name.empty() || function.empty())
    return emitError() << "expected an entry to have a name and a function";
  if (tokens < 0)
    return emitError() << "expected a number of tokens from 0 on, but got "
                       << tokens;
  for (ArrayAttr names : {inputs, outputs})
    if (!llvm::all_of(names, llvm::IsaPred<StringAttr>))
      return emitError() << "expected a list of names, but got " << names;
  return success();
}

LogicalResult SlotAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               SlotKind kind, StringAttr path, StringAttr slot,
                               RankedTensorType type, Attribute value,
                               int64_t offset) {
  bool hasValue = kind == SlotKind::Param || kind == SlotKind::Trainable;
  if (hasValue != bool(value))
    return emitError() << "expected a slot of kind " << stringifySlotKind(kind)
                       << " to have " << (hasValue ? "a" : "no") << " value";
  bool hasOffset = kind == SlotKind::Trainable || kind == SlotKind::Gradient;
  if (hasOffset != (offset >= 0))
    return emitError() << "expected a slot of kind " << stringifySlotKind(kind)
                       << " to have " << (hasOffset ? "an" : "no") << " offset";
  return success();
}

/// Verifies that the table consists of slots and regions, and that a gradient
/// lies where its trainable does.
static LogicalResult verifySlotTable(Operation *op, Attribute attribute) {
  auto table = dyn_cast<ArrayAttr>(attribute);
  if (!isa<ModuleOp>(op) || !table ||
      !llvm::all_of(table, llvm::IsaPred<SlotAttr, RegionAttr>))
    return op->emitOpError() << "expected '" << RTDialect::kSlotTableAttr
                             << "' to be a list of #rt.slot and #rt.region on "
                                "a module";
  llvm::DenseMap<std::pair<Attribute, Attribute>, SlotAttr> trainables;
  for (Attribute entry : table)
    if (auto slot = dyn_cast<SlotAttr>(entry);
        slot && slot.getKind() == SlotKind::Trainable)
      trainables[{slot.getPath(), slot.getSlot()}] = slot;
  for (Attribute entry : table) {
    auto slot = dyn_cast<SlotAttr>(entry);
    if (!slot || slot.getKind() != SlotKind::Gradient)
      continue;
    SlotAttr trainable = trainables.lookup({slot.getPath(), slot.getSlot()});
    if (!trainable || trainable.getOffset() != slot.getOffset() ||
        trainable.getType().getShape() != slot.getType().getShape())
      return op->emitOpError()
             << "expected the gradient of '"
             << transformer::joinPath(slot.getPath(), slot.getSlot())
             << "' to belong to a trainable slot of its shape and offset";
  }
  return success();
}

LogicalResult RTDialect::verifyOperationAttribute(Operation *op,
                                                  NamedAttribute attribute) {
  static constexpr StringRef known[] = {kTargetAttr,    kFrameBytesAttr,
                                        kEntryAttr,     kKernelAttr,
                                        kSlotTableAttr, kContractAttr};
  StringRef name = attribute.getName();
  auto expect = [&](bool holds, StringRef what) -> LogicalResult {
    if (holds)
      return success();
    return op->emitOpError() << "expected '" << name << "' to be " << what;
  };
  if (name == kTargetAttr)
    return expect(isa<ModuleOp>(op) && isa<TargetAttr>(attribute.getValue()),
                  "#rt.target on a module");
  if (name == kEntryAttr)
    return expect(isa<FunctionOpInterface>(op) &&
                      isa<EntryAttr>(attribute.getValue()),
                  "#rt.entry on a function");
  if (name == kSlotTableAttr)
    return verifySlotTable(op, attribute.getValue());
  if (llvm::is_contained(known, name))
    return success();
  return transformer::refuseUnknown(op->emitOpError(), name, known);
}

std::string RTDialect::getEngine(Operation *module) {
  auto target = module->getAttrOfType<TargetAttr>(kTargetAttr);
  return target ? target.getTarget().engine : "cpu";
}

bool RTDialect::hasFeature(Operation *op, StringRef feature) {
  while (op && !op->hasAttr(kTargetAttr))
    op = op->getParentOp();
  auto target = op ? op->getAttrOfType<TargetAttr>(kTargetAttr) : TargetAttr();
  return target && llvm::is_contained(target.getTarget().features, feature);
}

EntryAttr RTDialect::getEntry(Operation *function) {
  return function->getAttrOfType<EntryAttr>(kEntryAttr);
}

LogicalResult SlotOp::verify() {
  auto type = cast<MemRefType>(getResult().getType());
  for (int64_t i = 1; i < type.getRank(); ++i)
    if (type.isDynamicDim(i)) // (C1)
      return emitOpError() << "expected only the leading dimension to be "
                              "dynamic, but got "
                           << type;
  return success();
}

LogicalResult FrameViewOp::verify() {
  auto type = cast<MemRefType>(getResult().getType());
  if (!type.getLayout().isIdentity()) // (C1)
    return emitOpError() << "expected a contiguous buffer, but got " << type;
  int64_t offset = getOffset();
  if (offset < 0 || offset % 64) // (C2)
    return emitOpError() << "expected the offset to be a multiple of 64, not "
                            "negative, but got "
                         << offset;
  return success();
}

LogicalResult ExecuteOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  if (!symbolTable.lookupNearestSymbolFrom<PrimitiveOp>(*this,
                                                        getPrimitiveAttr()))
    return emitOpError() << "expected '" << getPrimitive()
                         << "' to be an rt.primitive"; // (C1)
  return success();
}

LogicalResult
ExecuteGroupOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  for (auto primitive : getPrimitives().getAsRange<FlatSymbolRefAttr>())
    if (!symbolTable.lookupNearestSymbolFrom<PrimitiveOp>(*this, primitive))
      return emitOpError() << "expected '" << primitive.getValue()
                           << "' to be an rt.primitive"; // (C1)
  return success();
}

LogicalResult ExecuteGroupOp::verify() {
  size_t size = getPrimitives().size();
  if (size < 2 || size > RTDialect::kMaxGroup) // (C1)
    return emitOpError() << "expected 2 to " << RTDialect::kMaxGroup
                         << " primitives, but got " << size;
  int64_t sum = 0;
  bool positive = true;
  for (int32_t count : getCounts()) {
    positive &= count > 0;
    sum += count;
  }
  if (getCounts().size() != size || !positive ||
      sum != int64_t(getBuffers().size())) // (C2)
    return emitOpError() << "expected the positive counts of " << size
                         << " primitives, in all " << getBuffers().size();
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  auto kernel = symbolTable.lookupNearestSymbolFrom<FunctionOpInterface>(
      *this, getKernelAttr());
  if (!kernel || kernel.getNumResults() != 0)
    return emitOpError() << "expected '" << getKernel()
                         << "' to be a function without results"; // (C1)
  SmallVector<Type> expected(2, IndexType::get(getContext()));
  llvm::append_range(expected, getCaptures().getTypes());
  if (kernel.getArgumentTypes() != ArrayRef<Type>(expected))
    return emitOpError() << "expected '" << getKernel()
                         << "' to take two indices, then the types of the "
                            "captures"; // (C2)
  return success();
}

//===----------------------------------------------------------------------===//
// parallel_for
//===----------------------------------------------------------------------===//

void ParallelForOp::build(OpBuilder &builder, OperationState &state,
                          Value context, Value lower, Value upper,
                          int64_t grain) {
  state.addOperands({context, lower, upper});
  state.addAttribute(getGrainAttrName(state.name),
                     builder.getI64IntegerAttr(grain));
  OpBuilder::InsertionGuard guard(builder);
  Region *region = state.addRegion();
  Block *block =
      builder.createBlock(region, {}, builder.getIndexType(), state.location);
  builder.setInsertionPointToStart(block);
  YieldOp::create(builder, state.location);
}

ParseResult ParallelForOp::parse(OpAsmParser &parser, OperationState &state) {
  OpAsmParser::UnresolvedOperand context, lower, upper;
  OpAsmParser::Argument induction;
  IntegerAttr grain;
  Builder &builder = parser.getBuilder();
  induction.type = builder.getIndexType();
  Region *body = state.addRegion();
  if (parser.parseOperand(context) || parser.parseComma() ||
      parser.parseArgument(induction) || parser.parseEqual() ||
      parser.parseOperand(lower) || parser.parseKeyword("to") ||
      parser.parseOperand(upper) || parser.parseKeyword("grain") ||
      parser.parseAttribute(grain, builder.getI64Type()) ||
      parser.parseRegion(*body, induction) ||
      parser.parseOptionalAttrDict(state.attributes) ||
      parser.resolveOperand(context, ContextType::get(builder.getContext()),
                            state.operands) ||
      parser.resolveOperands({lower, upper}, builder.getIndexType(),
                             state.operands))
    return failure();
  state.addAttribute(getGrainAttrName(state.name), grain);
  if (body->empty() || body->back().empty() ||
      !body->back().back().hasTrait<OpTrait::IsTerminator>()) {
    OpBuilder yield(builder.getContext());
    if (body->empty())
      return parser.emitError(parser.getNameLoc(), "expected a body");
    yield.setInsertionPointToEnd(&body->back());
    YieldOp::create(yield, state.location);
  }
  return success();
}

void ParallelForOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getCtx() << ", " << getInductionVar() << " = " << getLower()
          << " to " << getUpper() << " grain " << getGrain() << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false,
                      /*printBlockTerminators=*/false);
  printer.printOptionalAttrDict((*this)->getAttrs(), {getGrainAttrName()});
}

LogicalResult ParallelForOp::verify() {
  Block &block = getBody().front();
  if (block.getNumArguments() != 1 || !block.getArgument(0).getType().isIndex())
    return emitOpError() << "expected the body to have one index argument";
  if (int64_t(getGrain()) < 1)
    return emitOpError() << "expected grain to be positive, but got "
                         << getGrain();
  return success();
}
