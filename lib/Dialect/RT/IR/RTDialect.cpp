//===- RTDialect.cpp - Registration, verifiers, parallel_for's syntax -----===//
//
// The labels (C1), (C2), ... are those of the constraints in RTOps.td.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-mlir/Dialect/Transformer/IR/VerifierUtils.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lora::rt;

#include "lora-mlir/Dialect/RT/IR/RTDialect.cpp.inc"

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

void RTDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "lora-mlir/Dialect/RT/IR/RTTypes.cpp.inc"
      >();
}

LogicalResult RTDialect::verifyOperationAttribute(Operation *op,
                                                  NamedAttribute attribute) {
  static constexpr StringRef known[] = {kTargetAttr,    kFrameBytesAttr,
                                        kEntryAttr,     kKernelAttr,
                                        kSlotTableAttr, kContractAttr};
  StringRef name = attribute.getName();
  if (llvm::is_contained(known, name))
    return success();
  return transformer::refuseUnknown(op->emitOpError(), name, known);
}

StringRef RTDialect::getEngine(Operation *module) {
  auto target = module->getAttrOfType<DictionaryAttr>(kTargetAttr);
  auto engine = target ? target.getAs<StringAttr>("engine") : StringAttr();
  return engine ? engine.getValue() : "cpu";
}

bool RTDialect::hasFeature(Operation *op, StringRef feature) {
  while (op && !op->hasAttr(kTargetAttr))
    op = op->getParentOp();
  auto target =
      op ? op->getAttrOfType<DictionaryAttr>(kTargetAttr) : DictionaryAttr();
  auto features = target ? target.getAs<ArrayAttr>("features") : ArrayAttr();
  return features && llvm::any_of(features, [&](Attribute one) {
           auto name = dyn_cast<StringAttr>(one);
           return name && name.getValue() == feature;
         });
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
