//===- ModelBuilder.cpp - The module and its entries ----------------------===//
//
// Layers that are equal share a block. Entries only apply blocks.
//
//===----------------------------------------------------------------------===//

#include "ModelBuilder.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"

using namespace lora;
using namespace lora::transformer;
using namespace mlir;

ModelBuilder::ModelBuilder(MLIRContext &context, const ModelConfig &config,
                           const ModelPlan &plan, const GraphOptions &options)
    : config(config), plan(plan), options(options), b(&context),
      type(elementType(plan.computeType)) {}

Value ModelBuilder::apply(StringRef block, const std::string &path,
                          ValueRange inputs, Type result) {
  return ApplyOp::create(b, named(path), TypeRange(result),
                         FlatSymbolRefAttr::get(b.getContext(), block),
                         b.getStringAttr(path), inputs, DictionaryAttr())
      .getResult(0);
}

std::vector<std::string> ModelBuilder::buildLayers() {
  StringRef stem = config.isEncoder() ? "encoder" : "decoder";
  // The properties in which layers of one block agree.
  using Kind = std::pair<LayerConfig, std::vector<lora_rt::DType>>;
  std::vector<Kind> kinds;
  std::vector<std::string> names, layers;
  for (auto [layer, settings] : llvm::zip_equal(plan.layers, config.layers)) {
    Kind kind{settings, layer.stored};
    size_t index = size_t(llvm::find(kinds, kind) - kinds.begin());
    if (index == kinds.size()) {
      kinds.push_back(kind);
      names.push_back(index ? (stem + "." + Twine(index)).str() : stem.str());
      if (config.isEncoder())
        buildEncoder(names.back(), layer);
      else if (config.family == ModelFamily::GPT2)
        buildGPT2(names.back(), layer);
      else
        buildDecoder(names.back(), layer, settings);
    }
    layers.push_back(names[index]);
  }
  return layers;
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

bool ModelBuilder::hasFrequencies() const {
  return !options.fixedFrequencies &&
         llvm::any_of(config.ropes, [](const RopeConfig &rope) {
           return rope.kind != RopeConfig::Kind::Static;
         });
}

Value ModelBuilder::embed(Block &entry) {
  if (config.isEncoder())
    return apply("embedding", plan.embedding.path,
                 {entry.get("ids"), entry.get("token_types"), entry.get("seq")},
                 hidden());
  Value x = apply("embedding", plan.embedding.path, entry.get("ids"), hidden());
  if (!plan.positions)
    return x;
  Value positions = apply("positions", plan.positions->path,
                          positionRows(entry.get("seq")), hidden());
  return add("positions", x, positions);
}

SmallVector<std::pair<Value, Value>> ModelBuilder::buildAngles(Block &entry) {
  SmallVector<std::pair<Value, Value>> tables;
  for (const RopeConfig &rope : config.ropes) {
    bool given =
        rope.kind != RopeConfig::Kind::Static && !options.fixedFrequencies;
    auto table = RotaryTableOp::create(
        b, named("rotary_emb"), angles(rope), angles(rope), entry.get("seq"),
        given ? entry.get("frequencies") : Value(),
        given ? DenseF32ArrayAttr() : b.getDenseF32ArrayAttr(rope.frequencies),
        rope.attentionFactor == 1 ? FloatAttr()
                                  : b.getF64FloatAttr(rope.attentionFactor));
    tables.emplace_back(table.getCos(), table.getSin());
  }
  return tables;
}

void ModelBuilder::buildHiddenStates(ArrayRef<std::string> layers) {
  SmallVector<Input> inputs{{"ids", ids(), InputKind::Ids},
                            {"seq", sequence(), InputKind::Sequence}};
  if (config.isEncoder())
    inputs.push_back({"token_types", ids(), InputKind::TokenTypes});
  if (hasFrequencies())
    inputs.push_back(
        {"frequencies",
         tensor({int64_t(config.ropes[0].frequencies.size())}, b.getF32Type()),
         InputKind::Frequencies});
  Block entry =
      beginEntry("hidden_states", inputs, hidden(), OutputKind::Hidden);
  Value x = embed(entry);
  SmallVector<std::pair<Value, Value>> tables = buildAngles(entry);
  for (auto [name, layer, settings] :
       llvm::zip_equal(layers, plan.layers, config.layers)) {
    SmallVector<Value> operands{x};
    if (!tables.empty())
      llvm::append_values(operands, tables[settings.rope].first,
                          tables[settings.rope].second);
    operands.push_back(entry.get("seq"));
    x = apply(name, layer.path, operands, hidden());
  }
  if (plan.norm)
    x = apply("norm", plan.norm->path, x, hidden());
  finish(entry, x);
}

void ModelBuilder::buildLogits() {
  Block entry = beginEntry("logits", {{"hidden", hidden(), InputKind::Hidden}},
                           logits(), OutputKind::Logits);
  Value x = entry.get("hidden");
  if (plan.pooler)
    x = apply("pooler", plan.pooler->path, x, hidden());
  const BlockPlan &at = plan.tied ? plan.embedding : *plan.head;
  finish(entry, apply("head", at.path, x, logits()));
}

void ModelBuilder::buildPooled() {
  Block entry = beginEntry("pooled", {{"hidden", hidden(), InputKind::Hidden}},
                           hidden(), OutputKind::Pooled);
  finish(entry,
         apply("pooler", plan.pooler->path, entry.get("hidden"), hidden()));
}

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

/// What the runtime needs to give frequencies.
static lora_rt::Manifest::Rope describeRope(const RopeConfig &rope,
                                            ModelFamily family) {
  using Rope = lora_rt::Manifest::Rope;
  Rope result;
  result.switchLength = rope.switchLength;
  if (rope.kind == RopeConfig::Kind::Dynamic) {
    result.kind = Rope::Kind::Dynamic;
    result.width = int64_t(2 * rope.frequencies.size());
    result.theta = rope.theta;
    result.factor = rope.factor;
  } else {
    result.kind = Rope::Kind::LongRope;
    result.shortFrequencies = rope.frequencies;
    result.longFrequencies = rope.longFrequencies;
    // prepare_inputs_for_generation in transformers' modeling_phi3.py.
    result.restartsCache = family == ModelFamily::Phi3;
  }
  return result;
}

/// The path of the layer of a block whose weight has a row for each token.
static std::string tokenLayer(const BlockPlan &block) {
  for (const Parameter &parameter : block.parameters)
    if (StringRef layer = parameter.name;
        parameter.perToken && layer.consume_back("weight")) {
      layer.consume_back(".");
      return layer.empty() ? block.path : joinPath(block.path, layer);
    }
  return {};
}

ModelFacts ModelBuilder::describe() const {
  ModelFacts facts;
  facts.family = familyName(config.family);
  facts.vocabSize = config.vocabSize;
  facts.hiddenSize = config.hiddenSize;
  facts.maxPositions = config.maxPositions;
  if (options.fixedFrequencies)
    for (const RopeConfig &rope : config.ropes)
      if (rope.kind != RopeConfig::Kind::Static)
        facts.maxPositions = std::min(facts.maxPositions, rope.switchLength);
  facts.layers = int64_t(config.layers.size());
  facts.embeddingLayer = tokenLayer(plan.embedding);
  if (config.head == ModelHead::LanguageModel)
    facts.outputLayer = tokenLayer(*plan.head);
  facts.isTied = plan.tied || plan.sharesTable;
  facts.eosTokenIds.assign(config.eosTokenIds.begin(),
                           config.eosTokenIds.end());
  facts.head = config.head;
  facts.outputs = config.head == ModelHead::None ? 0 : outputs();
  facts.isBidirectional = !config.causal;
  facts.poolsLast = !config.isEncoder();
  facts.tokenTypes = config.tokenTypes;
  facts.padTokenId = int32_t(config.padTokenId.value_or(-1));
  facts.skipsPadding = config.family == ModelFamily::Roberta;
  if (hasFrequencies())
    facts.rope = describeRope(config.ropes[0], config.family);
  return facts;
}

OwningOpRef<ModuleOp> ModelBuilder::build() {
  OwningOpRef<ModuleOp> owner(
      ModuleOp::create(named(familyName(config.family))));
  module = *owner;
  setModelFacts(module, describe());
  if (config.isEncoder())
    buildEncoderEmbedding();
  else
    buildTable("embedding", plan.embedding);
  if (plan.positions)
    buildTable("positions", *plan.positions);
  std::vector<std::string> layers = buildLayers();
  if (plan.norm)
    buildNorm();
  if (plan.pooler)
    buildPooler();
  if (plan.head)
    buildHead();
  buildHiddenStates(layers);
  if (plan.head)
    buildLogits();
  else if (plan.pooler)
    buildPooled();
  return owner;
}
