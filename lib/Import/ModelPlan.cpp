//===- ModelPlan.cpp - The blocks of a model ------------------------------===//
//
// The parameters of each block. Names are those of transformers' tree of
// modules, shapes those of transformers' parameters. They are in the order of
// their use.
//
//===----------------------------------------------------------------------===//

#include "ModelPlan.h"

using namespace lora;

namespace {

/// Collects the parameters of a block.
class Parameters {
public:
  Parameters &linear(const std::string &name, int64_t out, int64_t in,
                     bool bias) {
    add(name + ".weight", {out, in});
    if (bias)
      add(name + ".bias", {out});
    return *this;
  }
  Parameters &conv1d(const std::string &name, int64_t out, int64_t in) {
    list.push_back({name + ".weight", {in, out}, ParameterForm::Conv1D});
    return add(name + ".bias", {out});
  }
  Parameters &rmsNorm(const std::string &name, int64_t width, bool onePlus) {
    list.push_back({name,
                    {width},
                    onePlus ? ParameterForm::OnePlus : ParameterForm::Plain});
    return *this;
  }
  Parameters &layerNorm(const std::string &name, int64_t width) {
    return add(name + ".weight", {width}).add(name + ".bias", {width});
  }
  Parameters &add(const std::string &name,
                  llvm::SmallVector<int64_t, 2> shape) {
    list.push_back({name, std::move(shape)});
    return *this;
  }
  Parameters &perToken(const std::string &name,
                       llvm::SmallVector<int64_t, 2> shape) {
    add(name, std::move(shape));
    list.back().perToken = true;
    return *this;
  }
  std::vector<Parameter> take() { return std::move(list); }

private:
  std::vector<Parameter> list;
};

} // namespace

/// Llama and the families that are derived from it.
static std::vector<Parameter> decoderParameters(const ModelConfig &config) {
  Parameters list;
  int64_t hidden = config.hiddenSize, wide = config.intermediateSize;
  int64_t q = config.heads * config.headDim,
          kv = config.kvHeads * config.headDim;
  bool gemma = config.isGemma();
  list.rmsNorm("input_layernorm.weight", hidden, gemma);
  if (config.family == ModelFamily::Phi3) {
    list.linear("self_attn.qkv_proj", q + 2 * kv, hidden, config.qkvBias);
  } else {
    list.linear("self_attn.q_proj", q, hidden, config.qkvBias)
        .linear("self_attn.k_proj", kv, hidden, config.qkvBias)
        .linear("self_attn.v_proj", kv, hidden, config.qkvBias);
  }
  if (config.qkNorm)
    list.rmsNorm("self_attn.q_norm.weight", config.headDim, gemma)
        .rmsNorm("self_attn.k_norm.weight", config.headDim, gemma);
  list.linear("self_attn.o_proj", hidden, q, config.outputBias)
      .rmsNorm("post_attention_layernorm.weight", hidden, gemma);
  if (gemma)
    list.rmsNorm("pre_feedforward_layernorm.weight", hidden, gemma);
  if (config.family == ModelFamily::Phi3)
    list.linear("mlp.gate_up_proj", 2 * wide, hidden, config.mlpBias);
  else
    list.linear("mlp.gate_proj", wide, hidden, config.mlpBias)
        .linear("mlp.up_proj", wide, hidden, config.mlpBias);
  list.linear("mlp.down_proj", hidden, wide, config.mlpBias);
  if (gemma)
    list.rmsNorm("post_feedforward_layernorm.weight", hidden, gemma);
  return list.take();
}

static std::vector<Parameter> gpt2Parameters(const ModelConfig &config) {
  int64_t hidden = config.hiddenSize, wide = config.intermediateSize;
  return Parameters()
      .layerNorm("ln_1", hidden)
      .conv1d("attn.c_attn", 3 * hidden, hidden)
      .conv1d("attn.c_proj", hidden, hidden)
      .layerNorm("ln_2", hidden)
      .conv1d("mlp.c_fc", wide, hidden)
      .conv1d("mlp.c_proj", hidden, wide)
      .take();
}

/// BERT and RoBERTa.
static std::vector<Parameter> encoderParameters(const ModelConfig &config) {
  int64_t hidden = config.hiddenSize, wide = config.intermediateSize;
  return Parameters()
      .linear("attention.self.query", hidden, hidden, true)
      .linear("attention.self.key", hidden, hidden, true)
      .linear("attention.self.value", hidden, hidden, true)
      .linear("attention.output.dense", hidden, hidden, true)
      .layerNorm("attention.output.LayerNorm", hidden)
      .linear("intermediate.dense", wide, hidden, true)
      .linear("output.dense", hidden, wide, true)
      .layerNorm("output.LayerNorm", hidden)
      .take();
}

/// The head of a model: its path and its parameters.
static BlockPlan planHead(const ModelConfig &config) {
  int64_t hidden = config.hiddenSize, labels = config.labels;
  auto plan = [](std::string path, Parameters &&parameters) {
    return BlockPlan{std::move(path), parameters.take(), {}};
  };
  // A head for masked words has one more layer, and the matrix of the
  // embedding.
  if (config.head == ModelHead::LanguageModel && config.isEncoder()) {
    bool bert = config.family == ModelFamily::Bert;
    std::string inner = bert ? "transform." : "";
    return plan(
        bert ? "cls.predictions" : "lm_head",
        std::move(
            Parameters()
                .linear(inner + "dense", hidden, hidden, true)
                .layerNorm(inner + (bert ? "LayerNorm" : "layer_norm"), hidden)
                .perToken("decoder.weight", {config.vocabSize, hidden})
                .perToken("bias", {config.vocabSize})));
  }
  if (config.head == ModelHead::LanguageModel)
    return plan("lm_head", std::move(Parameters().perToken(
                               "weight", {config.vocabSize, hidden})));
  bool ofSequences = config.head == ModelHead::SequenceClassification;
  Parameters parameters;
  if (config.family == ModelFamily::Roberta && ofSequences)
    return plan("classifier",
                std::move(parameters.linear("dense", hidden, hidden, true)
                              .linear("out_proj", labels, hidden, true)));
  parameters.add("weight", {labels, hidden});
  if (config.isEncoder() || !ofSequences)
    parameters.add("bias", {labels});
  bool isClassifier = config.isEncoder() ||
                      (config.family == ModelFamily::GPT2 && !ofSequences);
  return plan(isClassifier ? "classifier" : "score", std::move(parameters));
}

ModelPlan lora::planModel(const ModelConfig &config) {
  ModelPlan plan;
  std::string prefix(config.prefix());
  int64_t hidden = config.hiddenSize;
  auto layers = [&](const std::string &list,
                    const std::vector<Parameter> &parameters) {
    for (size_t i = 0; i < config.layers.size(); ++i)
      plan.layers.push_back(
          {prefix + list + "." + std::to_string(i), parameters, {}});
  };
  auto tokens = [&](const std::string &name) {
    return BlockPlan{
        prefix + name,
        Parameters().perToken("weight", {config.vocabSize, hidden}).take(),
        {}};
  };
  if (config.isEncoder()) {
    Parameters parameters;
    parameters.perToken("word_embeddings.weight", {config.vocabSize, hidden})
        .add("position_embeddings.weight", {config.positionRows, hidden})
        .add("token_type_embeddings.weight", {config.tokenTypes, hidden})
        .layerNorm("LayerNorm", hidden);
    plan.embedding = {prefix + "embeddings", parameters.take(), {}};
    layers("encoder.layer", encoderParameters(config));
    bool ofSequences = config.head == ModelHead::SequenceClassification;
    if (config.head == ModelHead::None ||
        (ofSequences && config.family == ModelFamily::Bert))
      plan.pooler = {prefix + "pooler",
                     Parameters().linear("dense", hidden, hidden, true).take(),
                     {}};
  } else if (config.family == ModelFamily::GPT2) {
    plan.embedding = tokens("wte");
    plan.positions = {
        prefix + "wpe",
        Parameters().add("weight", {config.positionRows, hidden}).take(),
        {}};
    layers("h", gpt2Parameters(config));
    plan.norm = {
        prefix + "ln_f",
        Parameters().add("weight", {hidden}).add("bias", {hidden}).take(),
        {}};
  } else {
    plan.embedding = tokens("embed_tokens");
    layers("layers", decoderParameters(config));
    plan.norm = {
        prefix + "norm",
        Parameters().rmsNorm("weight", hidden, config.isGemma()).take(),
        {}};
  }
  if (config.head != ModelHead::None)
    plan.head = planHead(config);
  return plan;
}
