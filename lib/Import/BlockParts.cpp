//===- BlockParts.cpp - The parts of blocks -------------------------------===//
//
// Builds functions with their slots, and the layers that the families share.
//
//===----------------------------------------------------------------------===//

#include "ModelBuilder.h"
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"

using namespace lora;
using namespace lora::transformer;
using namespace mlir;

Type ModelBuilder::elementType(lora_rt::DType dtype) {
  switch (dtype) {
  case lora_rt::DType::BF16:
    return b.getBF16Type();
  case lora_rt::DType::F16:
    return b.getF16Type();
  case lora_rt::DType::F64:
    return b.getF64Type();
  default:
    return b.getF32Type();
  }
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

std::pair<RankedTensorType, Attribute>
ModelBuilder::slotOf(const Parameter &parameter, lora_rt::DType stored) {
  MLIRContext *context = b.getContext();
  StringAttr name = b.getStringAttr(parameter.name);
  bool isConv1D = parameter.form == ParameterForm::Conv1D;
  bool isOnePlus = parameter.form == ParameterForm::OnePlus;
  SmallVector<int64_t, 2> shape = parameter.shape;
  shape[0] = parameter.storedRows.value_or(shape[0]);
  auto base = RankedTensorType::get(
      shape, elementType(stored),
      isConv1D ? Attribute(Conv1DAttr::get(context)) : Attribute());
  Attribute value = BaseAttr::get(context, name, base);
  if (parameter.storedRows)
    value = ResizeRowsAttr::get(context, value, parameter.shape[0]);
  if (isConv1D)
    value = TransposeAttr::get(context, value);
  RankedTensorType from = cast<WeightExprAttrInterface>(value).getValueType();
  RankedTensorType to =
      tensor(from.getShape(), isOnePlus ? b.getF32Type() : type);
  if (from != to)
    value = CastAttr::get(context, value, to);
  if (isOnePlus)
    value = OffsetAttr::get(context, value, b.getF64FloatAttr(1));
  return {to, isa<BaseAttr>(value) ? Attribute() : value};
}

ModelBuilder::Block ModelBuilder::begin(StringRef name, ArrayRef<Input> inputs,
                                        ArrayRef<Type> results,
                                        const BlockPlan *plan,
                                        ArrayRef<std::string> states) {
  SmallVector<Type> types, allResults(results);
  SmallVector<Location> locations;
  SmallVector<std::pair<RankedTensorType, Attribute>> slots;
  SmallVector<std::string> names;
  auto addArgument = [&](StringRef argument, Type argumentType) {
    types.push_back(argumentType);
    locations.push_back(named(argument));
    names.push_back(argument.str());
  };
  for (const Input &input : inputs)
    addArgument(input.name, input.type);
  if (plan)
    for (auto [parameter, stored] :
         llvm::zip_equal(plan->parameters, plan->stored)) {
      slots.push_back(slotOf(parameter, stored));
      addArgument(parameter.name, slots.back().first);
    }
  Type state = activation(config.kvHeads * config.headDim);
  for (const std::string &stateName : states) {
    addArgument(stateName, state);
    allResults.push_back(state);
  }
  b.setInsertionPointToEnd(module.getBody());
  auto function = func::FuncOp::create(b, named(name), name,
                                       b.getFunctionType(types, allResults));
  function.getBody().push_back(new mlir::Block());
  function.getBody().front().addArguments(types, locations);
  if (plan)
    function.setPrivate();

  unsigned index = inputs.size();
  for (auto [slotType, value] : slots) {
    function.setArgAttr(index, TransformerDialect::kSlotAttr,
                        b.getStringAttr(names[index]));
    if (value)
      function.setArgAttr(index, TransformerDialect::kValueAttr, value);
    ++index;
  }
  unsigned result = results.size();
  for (const std::string &stateName : states) {
    StringAttr slot = b.getStringAttr(stateName);
    function.setArgAttr(index, TransformerDialect::kSlotAttr, slot);
    function.setArgAttr(index++, TransformerDialect::kRoleAttr,
                        RoleAttr::get(b.getContext(), Role::State));
    function.setResultAttr(result++, TransformerDialect::kNextAttr, slot);
  }
  Block block{function, {}};
  for (auto [argument, value] : llvm::zip_equal(names, function.getArguments()))
    block.values[argument] = value;
  b.setInsertionPointToEnd(&function.getBody().front());
  return block;
}

ModelBuilder::Block ModelBuilder::beginEntry(StringRef name,
                                             ArrayRef<Input> inputs,
                                             Type result, OutputKind output) {
  Block entry = begin(name, inputs, result);
  for (auto [index, input] : llvm::enumerate(inputs))
    entry.function.setArgAttr(index, TransformerDialect::kInputAttr,
                              InputKindAttr::get(b.getContext(), *input.kind));
  entry.function.setResultAttr(0, TransformerDialect::kOutputAttr,
                               OutputKindAttr::get(b.getContext(), output));
  return entry;
}

void ModelBuilder::finish(Block &block, ValueRange results) {
  func::ReturnOp::create(b, block.function.getLoc(), results);
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

Value ModelBuilder::linear(Block &block, StringRef layer, Value x) {
  Value weight = block.get(layer + ".weight");
  int64_t out = cast<RankedTensorType>(weight.getType()).getDimSize(0);
  return transformer::LinearOp::create(b, named(layer), activation(out), x,
                                       weight, block.get(layer + ".bias"));
}

Value ModelBuilder::head(Block &block, StringRef layer, Value x) {
  std::string prefix = layer.empty() ? "" : layer.str() + ".";
  return transformer::LinearOp::create(b, block.function.getLoc(), logits(), x,
                                       block.get(prefix + "weight"),
                                       block.get(prefix + "bias"));
}

Value ModelBuilder::rmsNorm(Block &block, StringRef layer, Value x) {
  return RMSNormOp::create(b, named(layer), x.getType(), x,
                           block.get(layer + ".weight"),
                           b.getF64FloatAttr(config.normEps));
}

Value ModelBuilder::layerNorm(Block &block, StringRef layer, Value x) {
  return LayerNormOp::create(
      b, named(layer), x.getType(), x, block.get(layer + ".weight"),
      block.get(layer + ".bias"), b.getF64FloatAttr(config.normEps));
}

Value ModelBuilder::activate(StringRef layer, Value x) {
  ActivationKind kind = ActivationKind::Silu;
  switch (config.activation) {
  case MLPActivation::Silu:
    kind = ActivationKind::Silu;
    break;
  case MLPActivation::GeluErf:
    kind = ActivationKind::GeluErf;
    break;
  case MLPActivation::GeluTanh:
    kind = ActivationKind::GeluTanh;
    break;
  case MLPActivation::Relu:
    kind = ActivationKind::Relu;
    break;
  }
  return ActivationOp::create(b, named(layer), x.getType(), x, kind);
}

Value ModelBuilder::tanh(StringRef layer, Value x) {
  return ActivationOp::create(b, named(layer), x.getType(), x,
                              ActivationKind::Tanh);
}

Value ModelBuilder::add(StringRef name, Value x, Value y) {
  return AddOp::create(b, named(name), x.getType(), x, y);
}

Value ModelBuilder::slice(StringRef name, Value x, int64_t offset,
                          int64_t width) {
  return SliceFeaturesOp::create(b, named(name), activation(width), x, offset);
}

Value ModelBuilder::lookUp(StringRef name, Value ids, Value table) {
  return transformer::EmbeddingOp::create(b, named(name), hidden(), ids, table);
}

Value ModelBuilder::positionRows(Value sequence) {
  return PositionsOp::create(b, named("position_ids"), ids(), sequence,
                             uint64_t(config.positionOffset));
}

SmallVector<std::string> ModelBuilder::states(const std::string &layer) {
  if (!config.causal)
    return {};
  return {layer + ".key_cache", layer + ".value_cache"};
}

ModelBuilder::Projections ModelBuilder::cached(Block &block,
                                               const std::string &layer,
                                               Projections parts,
                                               SmallVectorImpl<Value> &next) {
  auto write = [&](const std::string &state, Value x) -> Value {
    Value cache = block.get(state);
    next.push_back(CacheWriteOp::create(b, named(state), cache.getType(), cache,
                                        x, block.get("seq")));
    return next.back();
  };
  SmallVector<std::string> names = states(layer);
  if (names.empty())
    return parts;
  parts.k = write(names[0], parts.k);
  parts.v = write(names[1], parts.v);
  return parts;
}

Value ModelBuilder::attend(Block &block, StringRef layer, Projections parts,
                           std::optional<int64_t> window) {
  RankedTensorType lse =
      tensor({ShapedType::kDynamic, config.heads}, b.getF32Type());
  return AttentionOp::create(
             b, named(layer), parts.q.getType(), lse, parts.q, parts.k, parts.v,
             block.get("seq"), b.getI64IntegerAttr(config.heads),
             b.getI64IntegerAttr(config.kvHeads),
             b.getF64FloatAttr(config.attentionScale),
             window ? b.getI64IntegerAttr(*window) : IntegerAttr(),
             config.attentionSoftcap
                 ? b.getF64FloatAttr(*config.attentionSoftcap)
                 : FloatAttr())
      .getResult();
}
