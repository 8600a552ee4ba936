//===- ModelBuilder.cpp - Blocks and entries of a decoder model -----------===//
//
// The graph of Llama, Mistral, Qwen2 and Qwen3, as transformers' modeling files
// define it. Parameters are slots; their order is that of decoderParameters.
//
//===----------------------------------------------------------------------===//

#include "ModelBuilder.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"

using namespace lora;
using namespace lora::transformer;
using namespace mlir;

std::vector<Parameter> lora::embeddingParameters(const ModelConfig &config) {
  return {{"weight", {config.vocabSize, config.hiddenSize}}};
}

std::vector<Parameter> lora::normParameters(const ModelConfig &config) {
  return {{"weight", {config.hiddenSize}}};
}

std::vector<Parameter> lora::decoderParameters(const ModelConfig &config) {
  std::vector<Parameter> result;
  int64_t hidden = config.hiddenSize, wide = config.intermediateSize;
  int64_t q = config.heads * config.headDim,
          kv = config.kvHeads * config.headDim;
  auto linear = [&](const std::string &name, int64_t out, int64_t in,
                    bool bias) {
    result.push_back({name + ".weight", {out, in}});
    if (bias)
      result.push_back({name + ".bias", {out}});
  };
  result.push_back({"input_layernorm.weight", {hidden}});
  linear("self_attn.q_proj", q, hidden, config.qkvBias);
  linear("self_attn.k_proj", kv, hidden, config.qkvBias);
  linear("self_attn.v_proj", kv, hidden, config.qkvBias);
  if (config.qkNorm) {
    result.push_back({"self_attn.q_norm.weight", {config.headDim}});
    result.push_back({"self_attn.k_norm.weight", {config.headDim}});
  }
  linear("self_attn.o_proj", hidden, q, config.outputBias);
  result.push_back({"post_attention_layernorm.weight", {hidden}});
  linear("mlp.gate_proj", wide, hidden, config.mlpBias);
  linear("mlp.up_proj", wide, hidden, config.mlpBias);
  linear("mlp.down_proj", hidden, wide, config.mlpBias);
  return result;
}

namespace {

class ModelBuilder {
public:
  ModelBuilder(MLIRContext &context, const ModelConfig &config,
               const CheckpointFacts &facts)
      : config(config), facts(facts), b(&context),
        type(elementType(facts.computeType)) {}

  OwningOpRef<ModuleOp> build();

private:
  /// An argument that is not a parameter, with the name that it is printed by.
  struct Input {
    StringRef name;
    Type type;
  };
  /// A block or entry under construction.
  struct Block {
    func::FuncOp function;
    llvm::StringMap<Value> slots;
  };

  Type elementType(lora_rt::DType dtype);
  RankedTensorType tensor(ArrayRef<int64_t> shape, Type element) {
    return RankedTensorType::get(shape, element);
  }
  /// [tokens, width] in the compute type.
  RankedTensorType activation(int64_t width) {
    return tensor({ShapedType::kDynamic, width}, type);
  }
  RankedTensorType ids() {
    return tensor({ShapedType::kDynamic}, b.getI32Type());
  }
  RankedTensorType sequence() {
    return tensor({4, ShapedType::kDynamic}, b.getI32Type());
  }
  RankedTensorType angles() {
    return tensor({ShapedType::kDynamic, config.headDim / 2}, b.getF32Type());
  }
  RankedTensorType logits() {
    return tensor({ShapedType::kDynamic, config.vocabSize}, b.getF32Type());
  }
  Location named(StringRef name) { return NameLoc::get(b.getStringAttr(name)); }

  /// Begins a function; the builder then stands in its body.
  Block begin(StringRef name, ArrayRef<Input> inputs, ArrayRef<Type> results,
              ArrayRef<Parameter> parameters = {},
              ArrayRef<lora_rt::DType> stored = {},
              ArrayRef<StringRef> states = {});

  Value linear(Block &block, StringRef module, Value x);
  Value norm(Block &block, StringRef module, Value x);
  Value activate(StringRef module, Value x);
  Value attention(Block &block, Value x, std::optional<int64_t> window,
                  SmallVectorImpl<Value> &states);
  Value feedForward(Block &block, Value x);

  void buildEmbedding();
  void buildDecoder(StringRef name, const LayerKind &kind);
  void buildNorm();
  void buildHead();
  void buildHiddenStates(ArrayRef<std::string> decoders);
  void buildLogits();
  DictionaryAttr description();

  Value apply(StringRef block, const std::string &path, ValueRange inputs,
              Type result) {
    return ApplyOp::create(b, named(path), TypeRange(result),
                           FlatSymbolRefAttr::get(b.getContext(), block),
                           b.getStringAttr(path), inputs, DictionaryAttr())
        .getResult(0);
  }
  std::string path(StringRef module) {
    return std::string(config.prefix()) + module.str();
  }

  const ModelConfig &config;
  const CheckpointFacts &facts;
  OpBuilder b;
  Type type;
  ModuleOp module;
};

} // namespace

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

ModelBuilder::Block ModelBuilder::begin(StringRef name, ArrayRef<Input> inputs,
                                        ArrayRef<Type> results,
                                        ArrayRef<Parameter> parameters,
                                        ArrayRef<lora_rt::DType> stored,
                                        ArrayRef<StringRef> states) {
  SmallVector<Type> types, allResults(results);
  SmallVector<Location> locations;
  for (const Input &input : inputs) {
    types.push_back(input.type);
    locations.push_back(named(input.name));
  }
  for (const Parameter &parameter : parameters) {
    types.push_back(tensor(parameter.shape, type));
    locations.push_back(named(parameter.name));
  }
  Type state = activation(config.kvHeads * config.headDim);
  for (StringRef name : states) {
    types.push_back(state);
    allResults.push_back(state);
    locations.push_back(named(name));
  }
  b.setInsertionPointToEnd(module.getBody());
  auto function = func::FuncOp::create(b, named(name), name,
                                       b.getFunctionType(types, allResults));
  function.getBody().push_back(new mlir::Block());
  function.getBody().front().addArguments(types, locations);
  if (!parameters.empty())
    function.setPrivate();

  Block block{function, {}};
  unsigned index = inputs.size();
  for (auto [parameter, dtype] : llvm::zip_equal(parameters, stored)) {
    StringAttr slot = b.getStringAttr(parameter.name);
    function.setArgAttr(index, TransformerDialect::kSlotAttr, slot);
    if (Type from = elementType(dtype); from != type) {
      auto base =
          BaseAttr::get(b.getContext(), slot, tensor(parameter.shape, from));
      function.setArgAttr(
          index, TransformerDialect::kValueAttr,
          CastAttr::get(b.getContext(), base, tensor(parameter.shape, type)));
    }
    block.slots[parameter.name] = function.getArgument(index++);
  }
  unsigned result = results.size();
  for (StringRef state : states) {
    StringAttr slot = b.getStringAttr(state);
    function.setArgAttr(index, TransformerDialect::kSlotAttr, slot);
    function.setArgAttr(index, TransformerDialect::kRoleAttr,
                        RoleAttr::get(b.getContext(), Role::State));
    function.setResultAttr(result++, TransformerDialect::kNextAttr, slot);
    block.slots[state] = function.getArgument(index++);
  }
  b.setInsertionPointToEnd(&function.getBody().front());
  return block;
}

//===----------------------------------------------------------------------===//
// Parts of a decoder block
//===----------------------------------------------------------------------===//

Value ModelBuilder::linear(Block &block, StringRef module, Value x) {
  Value weight = block.slots.lookup((module + ".weight").str());
  Value bias = block.slots.lookup((module + ".bias").str());
  int64_t out = cast<RankedTensorType>(weight.getType()).getDimSize(0);
  return LinearOp::create(b, named(module), activation(out), x, weight, bias);
}

Value ModelBuilder::norm(Block &block, StringRef module, Value x) {
  return RMSNormOp::create(b, named(module), x.getType(), x,
                           block.slots.lookup((module + ".weight").str()),
                           b.getF64FloatAttr(config.normEps));
}

Value ModelBuilder::activate(StringRef module, Value x) {
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
  return ActivationOp::create(b, named(module), x.getType(), x, kind);
}

Value ModelBuilder::attention(Block &block, Value x,
                              std::optional<int64_t> window,
                              SmallVectorImpl<Value> &states) {
  func::FuncOp function = block.function;
  Value cos = function.getArgument(1), sin = function.getArgument(2);
  Value seq = function.getArgument(3);
  Value q = linear(block, "self_attn.q_proj", x);
  Value k = linear(block, "self_attn.k_proj", x);
  Value v = linear(block, "self_attn.v_proj", x);
  if (config.qkNorm) {
    q = norm(block, "self_attn.q_norm", q);
    k = norm(block, "self_attn.k_norm", k);
  }
  auto rotate = [&](StringRef name, Value x) -> Value {
    return RotaryOp::create(b, named(name), x.getType(), x, cos, sin,
                            b.getI64IntegerAttr(config.headDim),
                            /*inverse=*/UnitAttr());
  };
  q = rotate("self_attn.q_rotary", q);
  k = rotate("self_attn.k_rotary", k);
  auto write = [&](StringRef state, Value x) -> Value {
    Value cache = block.slots.lookup(state);
    states.push_back(
        CacheWriteOp::create(b, named(state), cache.getType(), cache, x, seq));
    return states.back();
  };
  k = write("self_attn.key_cache", k);
  v = write("self_attn.value_cache", v);
  RankedTensorType lse =
      tensor({ShapedType::kDynamic, config.heads}, b.getF32Type());
  auto attention = AttentionOp::create(
      b, named("self_attn"), q.getType(), lse, q, k, v, seq,
      b.getI64IntegerAttr(config.heads), b.getI64IntegerAttr(config.kvHeads),
      b.getF64FloatAttr(config.attentionScale),
      window ? b.getI64IntegerAttr(*window) : IntegerAttr());
  return linear(block, "self_attn.o_proj", attention.getResult());
}

Value ModelBuilder::feedForward(Block &block, Value x) {
  Value gate = linear(block, "mlp.gate_proj", x);
  Value up = linear(block, "mlp.up_proj", x);
  Value active = activate("mlp.act_fn", gate);
  Value product = MulOp::create(b, named("mlp"), active.getType(), active, up);
  return linear(block, "mlp.down_proj", product);
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

void ModelBuilder::buildEmbedding() {
  Type result = activation(config.hiddenSize);
  Block block = begin("embedding", {{"ids", ids()}}, result,
                      embeddingParameters(config), facts.embedding);
  Value x = EmbeddingOp::create(b, named("embed_tokens"), result,
                                block.function.getArgument(0),
                                block.slots.lookup("weight"));
  func::ReturnOp::create(b, named("embedding"), x);
}

void ModelBuilder::buildDecoder(StringRef name, const LayerKind &kind) {
  Type hidden = activation(config.hiddenSize);
  Block block = begin(name,
                      {{"x", hidden},
                       {"cos", angles()},
                       {"sin", angles()},
                       {"seq", sequence()}},
                      hidden, decoderParameters(config), kind.stored,
                      {"self_attn.key_cache", "self_attn.value_cache"});
  Value x = block.function.getArgument(0);
  SmallVector<Value> states;
  Value attended =
      attention(block, norm(block, "input_layernorm", x), kind.window, states);
  x = AddOp::create(b, named("self_attn.residual"), hidden, x, attended);
  Value fed = feedForward(block, norm(block, "post_attention_layernorm", x));
  x = AddOp::create(b, named("mlp.residual"), hidden, x, fed);
  SmallVector<Value> results{x};
  llvm::append_range(results, states);
  func::ReturnOp::create(b, named(name), results);
}

void ModelBuilder::buildNorm() {
  Type hidden = activation(config.hiddenSize);
  Block block = begin("norm", {{"x", hidden}}, hidden, normParameters(config),
                      facts.norm);
  Value x = RMSNormOp::create(
      b, named("norm"), hidden, block.function.getArgument(0),
      block.slots.lookup("weight"), b.getF64FloatAttr(config.normEps));
  func::ReturnOp::create(b, named("norm"), x);
}

void ModelBuilder::buildHead() {
  Block block = begin("head", {{"x", activation(config.hiddenSize)}}, logits(),
                      embeddingParameters(config), facts.head);
  Value x = LinearOp::create(b, named("lm_head"), logits(),
                             block.function.getArgument(0),
                             block.slots.lookup("weight"), /*bias=*/Value());
  func::ReturnOp::create(b, named("head"), x);
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

void ModelBuilder::buildHiddenStates(ArrayRef<std::string> decoders) {
  Type hidden = activation(config.hiddenSize);
  Block entry =
      begin("hidden_states", {{"ids", ids()}, {"seq", sequence()}}, hidden);
  Value ids = entry.function.getArgument(0),
        seq = entry.function.getArgument(1);
  Value x = apply("embedding", path("embed_tokens"), ids, hidden);
  auto table = RotaryTableOp::create(
      b, named("rotary_emb"), angles(), angles(), seq,
      b.getDenseF32ArrayAttr(config.ropes.front().frequencies));
  for (auto [index, decoder] : llvm::enumerate(decoders))
    x = apply(decoder, path("layers." + std::to_string(index)),
              {x, table.getCos(), table.getSin(), seq}, hidden);
  x = apply("norm", path("norm"), x, hidden);
  func::ReturnOp::create(b, named("hidden_states"), x);
}

void ModelBuilder::buildLogits() {
  Block entry =
      begin("logits", {{"hidden", activation(config.hiddenSize)}}, logits());
  Value x = apply("head", facts.tied ? path("embed_tokens") : "lm_head",
                  entry.function.getArgument(0), logits());
  func::ReturnOp::create(b, named("logits"), x);
}

DictionaryAttr ModelBuilder::description() {
  auto number = [&](StringRef name, int64_t value) {
    return b.getNamedAttr(name, b.getI64IntegerAttr(value));
  };
  return b.getDictionaryAttr(
      {b.getNamedAttr("family",
                      b.getStringAttr(StringRef(familyName(config.family)))),
       number("vocab_size", config.vocabSize),
       number("hidden_size", config.hiddenSize),
       number("max_positions", config.maxPositions),
       number("layers", int64_t(config.layers.size())),
       b.getNamedAttr("tied", b.getBoolAttr(facts.tied)),
       b.getNamedAttr("eos_token_ids", b.getI64ArrayAttr(config.eosTokenIds))});
}

OwningOpRef<ModuleOp> ModelBuilder::build() {
  OwningOpRef<ModuleOp> owner(
      ModuleOp::create(named(familyName(config.family))));
  module = *owner;
  module->setAttr(TransformerDialect::kModelAttr, description());
  buildEmbedding();
  std::vector<LayerKind> kinds;
  std::vector<std::string> names, decoders;
  for (const LayerKind &kind : facts.layers) {
    size_t index = size_t(llvm::find(kinds, kind) - kinds.begin());
    if (index == kinds.size()) {
      kinds.push_back(kind);
      names.push_back(index ? "decoder." + std::to_string(index) : "decoder");
      buildDecoder(names.back(), kind);
    }
    decoders.push_back(names[index]);
  }
  buildNorm();
  if (config.head != ModelHead::None)
    buildHead();
  buildHiddenStates(decoders);
  if (config.head != ModelHead::None)
    buildLogits();
  return owner;
}

OwningOpRef<ModuleOp> lora::buildModel(MLIRContext &context,
                                       const ModelConfig &config,
                                       const CheckpointFacts &facts) {
  return ModelBuilder(context, config, facts).build();
}
