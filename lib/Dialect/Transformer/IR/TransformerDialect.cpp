//===- TransformerDialect.cpp - Registration and attribute checks ---------===//
//
// Registers the dialect and verifies the attributes that blocks carry on their
// arguments and results.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/Transformer/IR/NearNames.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-mlir/Dialect/Transformer/IR/VerifierUtils.h"
#include "lora-runtime/Checkpoint.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

using namespace mlir;
using namespace lora::transformer;

#include "lora-mlir/Dialect/Transformer/IR/TransformerDialect.cpp.inc"

void TransformerDialect::initialize() {
  registerAttributes();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Slots
//===----------------------------------------------------------------------===//

std::optional<ModelFacts> lora::transformer::getModelFacts(ModuleOp module) {
  if (auto model =
          module->getAttrOfType<ModelAttr>(TransformerDialect::kModelAttr))
    return model.getFacts();
  return std::nullopt;
}

void lora::transformer::setModelFacts(ModuleOp module,
                                      const ModelFacts &facts) {
  module->setAttr(TransformerDialect::kModelAttr,
                  ModelAttr::get(module.getContext(), facts));
}

StringRef lora::transformer::getInputName(func::FuncOp entry, unsigned index) {
  auto input = entry.getArgAttrOfType<InputKindAttr>(
      index, TransformerDialect::kInputAttr);
  return input ? stringifyInputKind(input.getValue()) : StringRef();
}

StringRef lora::transformer::getOutputName(func::FuncOp entry, unsigned index) {
  auto output = entry.getResultAttrOfType<OutputKindAttr>(
      index, TransformerDialect::kOutputAttr);
  return output ? stringifyOutputKind(output.getValue()) : StringRef();
}

StringAttr lora::transformer::getSlotName(func::FuncOp block, unsigned index) {
  return block.getArgAttrOfType<StringAttr>(index,
                                            TransformerDialect::kSlotAttr);
}

Role lora::transformer::getSlotRole(func::FuncOp block, unsigned index) {
  auto role =
      block.getArgAttrOfType<RoleAttr>(index, TransformerDialect::kRoleAttr);
  return role ? role.getValue() : Role::Frozen;
}

Attribute lora::transformer::getSlotValue(func::FuncOp block, unsigned index) {
  if (Attribute value = block.getArgAttr(index, TransformerDialect::kValueAttr))
    return value;
  auto type = cast<RankedTensorType>(block.getArgumentTypes()[index]);
  return BaseAttr::get(
      block.getContext(), getSlotName(block, index),
      RankedTensorType::get(type.getShape(), type.getElementType()));
}

Attribute lora::transformer::getSlotValue(ApplyOp apply, func::FuncOp block,
                                          unsigned index) {
  if (DictionaryAttr values = apply.getValuesAttr())
    if (Attribute value = values.get(getSlotName(block, index)))
      return value;
  return getSlotValue(block, index);
}

std::optional<unsigned> lora::transformer::findSlot(func::FuncOp block,
                                                    StringRef name) {
  for (unsigned i = 0, e = block.getNumArguments(); i < e; ++i)
    if (StringAttr slot = getSlotName(block, i); slot && slot == name)
      return i;
  return std::nullopt;
}

bool lora::transformer::isValueResult(func::FuncOp block, unsigned index) {
  return !block.getResultAttr(index, TransformerDialect::kNextAttr) &&
         !block.getResultAttr(index, TransformerDialect::kGradAttr);
}

std::string lora::transformer::joinPath(StringRef path, StringRef name) {
  return path.empty() ? name.str() : (path + "." + name).str();
}

Location lora::transformer::namedLoc(StringRef name, Location loc) {
  // "+" joins the names of fused slots, but the name of a value cannot contain
  // it.
  std::string printable = name.str();
  llvm::replace(printable, '+', '-');
  if (auto named = dyn_cast<NameLoc>(loc))
    loc = named.getChildLoc();
  return NameLoc::get(StringAttr::get(loc.getContext(), printable), loc);
}

SmallVector<Type> lora::transformer::getApplyResultTypes(func::FuncOp block) {
  SmallVector<Type> types;
  bool hasGradients = false;
  for (unsigned i = 0, e = block.getNumResults(); i < e; ++i) {
    if (isValueResult(block, i))
      types.push_back(block.getResultTypes()[i]);
    hasGradients |= bool(block.getResultAttr(i, TransformerDialect::kGradAttr));
  }
  if (hasGradients)
    types.push_back(GradientsType::get(block.getContext()));
  return types;
}

std::string lora::transformer::nearFunctions(ModuleOp module, StringRef name) {
  std::vector<std::string_view> names;
  for (auto function : module.getOps<func::FuncOp>())
    if (!function.isDeclaration())
      names.push_back(function.getSymName());
  return lora_rt::suggestion(name, names);
}

Type lora::transformer::getAccumulationType(Type elementType) {
  return elementType.isF64() ? elementType
                             : Float32Type::get(elementType.getContext());
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

LogicalResult lora::transformer::refuseUnknown(InFlightDiagnostic diag,
                                               StringRef attribute,
                                               ArrayRef<StringRef> known) {
  std::vector<std::string_view> names(known.begin(), known.end());
  std::string near = lora_rt::suggestion(attribute, names);
  StringRef dialect = attribute.split('.').first;
  if (known.empty())
    return diag << "expected no attribute of the " << dialect
                << " dialect here, but got '" << attribute << "'";
  diag << "expected a known attribute of the " << dialect
       << " dialect, but got '" << attribute << "'" << near;
  if (near.empty()) {
    diag << "; known here: ";
    llvm::interleaveComma(known, diag);
  }
  return diag;
}

/// The attributes of the dialect, by where they are permitted.
static constexpr StringRef kOperationAttrs[] = {
    TransformerDialect::kModelAttr, TransformerDialect::kTokensAttr,
    TransformerDialect::kTokenRowsAttr};
static constexpr StringRef kArgumentAttrs[] = {
    TransformerDialect::kSlotAttr, TransformerDialect::kValueAttr,
    TransformerDialect::kRoleAttr, TransformerDialect::kInputAttr};
static constexpr StringRef kResultAttrs[] = {TransformerDialect::kNextAttr,
                                             TransformerDialect::kGradAttr,
                                             TransformerDialect::kOutputAttr};

/// Refuses an attribute that belongs to something other than an operation, or
/// that the dialect does not have.
static LogicalResult refuseMisplaced(Operation *op, StringRef name) {
  bool isArgument = llvm::is_contained(kArgumentAttrs, name);
  if (isArgument || llvm::is_contained(kResultAttrs, name))
    return op->emitOpError() << "expected '" << name << "' on "
                             << (isArgument ? "an argument" : "a result")
                             << " of a block, but got it elsewhere";
  if (llvm::is_contained(kOperationAttrs, name))
    return op->emitOpError()
           << "expected '" << name << "' on an operation, but got it on an "
           << "argument or result";
  return success();
}

LogicalResult
TransformerDialect::verifyOperationAttribute(Operation *op,
                                             NamedAttribute attribute) {
  if (attribute.getName() == kTokensAttr) {
    if (!isa<func::FuncOp>(op) || !isa<IntegerAttr>(attribute.getValue()))
      return op->emitOpError() << "expected '" << kTokensAttr
                               << "' to be an integer on a function";
    return success();
  }
  if (attribute.getName() == kTokenRowsAttr) {
    if (!isa<UnitAttr>(attribute.getValue()))
      return op->emitOpError()
             << "expected '" << kTokenRowsAttr << "' to have no value";
    return success();
  }
  if (attribute.getName() != kModelAttr) {
    if (failed(refuseMisplaced(op, attribute.getName())))
      return failure();
    return refuseUnknown(op->emitOpError(), attribute.getName(),
                         kOperationAttrs);
  }
  if (!isa<ModuleOp>(op) || !isa<ModelAttr>(attribute.getValue()))
    return op->emitOpError() << "expected '" << kModelAttr
                             << "' to be #transformer.model on a module";
  return success();
}

LogicalResult TransformerDialect::verifyRegionArgAttribute(
    Operation *op, unsigned regionIndex, unsigned argIndex,
    NamedAttribute attribute) {
  auto block = dyn_cast<func::FuncOp>(op);
  if (!block)
    return op->emitOpError() << "expected '" << attribute.getName().getValue()
                             << "' on an argument of a function";
  StringRef name = attribute.getName();
  auto type = dyn_cast<RankedTensorType>(block.getArgumentTypes()[argIndex]);
  auto where = [&]() {
    return block.emitOpError() << "argument " << argIndex << ": ";
  };

  if (name == kSlotAttr) {
    auto slot = dyn_cast<StringAttr>(attribute.getValue());
    if (!slot || slot.getValue().empty())
      return where() << "expected a slot name, but got "
                     << attribute.getValue();
    if (!type)
      return where() << "expected a slot to be a ranked tensor, but got "
                     << block.getArgumentTypes()[argIndex];
    if (findSlot(block, slot) != argIndex)
      return where() << "expected slot names to be unique, but '"
                     << slot.getValue() << "' is used twice";
    bool isState = getSlotRole(block, argIndex) == Role::State;
    if (!isState && !type.hasStaticShape())
      return where() << "expected a parameter to have a static shape, but got "
                     << type;
    return success();
  }
  if (!llvm::is_contained(kArgumentAttrs, name)) {
    if (failed(refuseMisplaced(block, name)))
      return failure();
    return refuseUnknown(where(), name, kArgumentAttrs);
  }
  if (name == kInputAttr) {
    if (!isa<InputKindAttr>(attribute.getValue()))
      return where() << "expected #transformer.input, but got "
                     << attribute.getValue();
    if (getSlotName(block, argIndex))
      return where() << "expected an input or a slot, but got both";
    for (unsigned i = 0; i < argIndex; ++i)
      if (block.getArgAttr(i, kInputAttr) == attribute.getValue())
        return where() << "expected inputs to be unique, but '"
                       << getInputName(block, argIndex) << "' is there twice";
    return success();
  }
  if (!getSlotName(block, argIndex))
    return where() << "expected '" << kSlotAttr << "' beside '" << name << "'";
  if (name == kRoleAttr) {
    if (!isa<RoleAttr>(attribute.getValue()))
      return where() << "expected #transformer.role, but got "
                     << attribute.getValue();
    return success();
  }
  auto expr = dyn_cast<WeightExprAttrInterface>(attribute.getValue());
  if (!expr)
    return where() << "expected a weight expression, but got "
                   << attribute.getValue();
  if (getSlotRole(block, argIndex) == Role::State)
    return where() << "expected a state to have no weight expression";
  RankedTensorType plain =
      type ? RankedTensorType::get(type.getShape(), type.getElementType())
           : type;
  if (expr.getValueType() != plain)
    return where() << "expected the weight expression to have type " << plain
                   << ", but got " << expr.getValueType();
  return success();
}

/// The value that the operation which defines `value` updates in place, or
/// null. For example a cache before a write, also if the write has become a
/// loop.
static Value getUpdatedValue(Value value) {
  auto result = dyn_cast<OpResult>(value);
  if (!result)
    return {};
  if (auto write = dyn_cast<CacheWriteOp>(result.getOwner()))
    return write.getCache();
  OpOperand *operand = nullptr;
  if (auto loop = dyn_cast<LoopLikeOpInterface>(result.getOwner()))
    operand = loop.getTiedLoopInit(result);
  else if (auto op = dyn_cast<DestinationStyleOpInterface>(result.getOwner()))
    operand = op.getTiedOpOperand(result);
  return operand ? operand->get() : Value();
}

/// Verifies that `value`, the new value of the state argument `state`, is
/// derived from it only by in-place updates, so that no state is copied.
static LogicalResult verifyUpdatedInPlace(func::FuncOp block, unsigned result,
                                          Value value, BlockArgument state) {
  while (Value updated = getUpdatedValue(value))
    value = updated;
  if (value == state)
    return success();
  return block.emitOpError()
         << "result " << result
         << ": expected the state's new value to be its argument updated in "
            "place, but got another value";
}

LogicalResult TransformerDialect::verifyRegionResultAttribute(
    Operation *op, unsigned regionIndex, unsigned resultIndex,
    NamedAttribute attribute) {
  auto block = dyn_cast<func::FuncOp>(op);
  if (attribute.getName() == kOutputAttr) {
    if (!block || !isa<OutputKindAttr>(attribute.getValue()))
      return op->emitOpError()
             << "result " << resultIndex
             << ": expected #transformer.output on a function, but got "
             << attribute.getValue();
    if (!isValueResult(block, resultIndex))
      return op->emitOpError()
             << "result " << resultIndex
             << ": expected an output, or a state's new value or gradient, but "
                "got both";
    return success();
  }
  auto slotName = dyn_cast<StringAttr>(attribute.getValue());
  if (!llvm::is_contained(kResultAttrs, attribute.getName())) {
    if (failed(refuseMisplaced(op, attribute.getName())))
      return failure();
    return refuseUnknown(op->emitOpError() << "result " << resultIndex << ": ",
                         attribute.getName(), kResultAttrs);
  }
  if (!block || !slotName)
    return op->emitOpError() << "expected '" << attribute.getName().getValue()
                             << "' to name a slot of a function";
  std::optional<unsigned> slot = findSlot(block, slotName);
  bool isNext = attribute.getName() == kNextAttr;
  Role role = isNext ? Role::State : Role::Trainable;
  if (!slot || getSlotRole(block, *slot) != role)
    return block.emitOpError()
           << "result " << resultIndex << ": expected '" << slotName.getValue()
           << "' to be a slot of role " << stringifyRole(role);
  Type argType = block.getArgumentTypes()[*slot];
  Type resultType = block.getResultTypes()[resultIndex];
  if (isNext && argType != resultType)
    return block.emitOpError()
           << "result " << resultIndex << ": expected the state's type "
           << argType << ", but got " << resultType;
  auto gradient = dyn_cast<RankedTensorType>(resultType);
  if (!isNext && (!gradient || cast<RankedTensorType>(argType).getShape() !=
                                   gradient.getShape()))
    return block.emitOpError()
           << "result " << resultIndex
           << ": expected the gradient to have the shape of " << argType
           << ", but got " << resultType;
  if (!isNext || block.isDeclaration())
    return success();
  // A body without a terminator, or with too few results, is reported
  // elsewhere.
  if (block.getBody().back().empty() ||
      block.getBody().back().back().getNumOperands() <= resultIndex)
    return success();
  Operation *terminator = &block.getBody().back().back();
  return verifyUpdatedInPlace(block, resultIndex,
                              terminator->getOperand(resultIndex),
                              block.getArgument(*slot));
}
