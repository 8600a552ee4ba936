//===- EncoderConfig.cpp - Settings of BERT and RoBERTa -------------------===//
//
// Reads the keys of encoders with learned positions. RoBERTa counts positions
// from the row after that of padding.
//
//===----------------------------------------------------------------------===//

#include "ConfigParts.h"

#include <cmath>

using namespace lora;

static void refuseDecoders(ConfigReader &reader) {
  if (!reader.isUnset("is_decoder"))
    reader.unsupported("is_decoder = ", show(*reader.find("is_decoder")),
                       " is not supported: attention of encoders sees all "
                       "tokens");
  if (reader.isUnset("position_embedding_type"))
    return;
  std::string kind = reader.text("position_embedding_type");
  if (kind != "absolute")
    reader.unsupported("position_embedding_type '", kind,
                       "' is not supported; supported is: absolute");
}

/// The positions of RoBERTa begin after the row of padding.
static void readPositions(ConfigContext &context) {
  auto &[reader, traits, config, where] = context;
  reader.refuseNull("max_position_embeddings");
  config.positionRows =
      reader.size("max_position_embeddings", maxIndex, traits.maxPositions);
  config.maxPositions = config.positionRows;
  if (config.family != ModelFamily::Roberta || reader.failed())
    return;
  if (!config.padTokenId)
    return reader.invalid("pad_token_id: expected a token id, because "
                          "positions are counted from it, but got ",
                          reader.find("pad_token_id")
                              ? show(*reader.find("pad_token_id"))
                              : "null");
  config.positionOffset = *config.padTokenId + 1;
  config.maxPositions = config.positionRows - config.positionOffset;
  if (config.maxPositions < 1)
    reader.invalid("max_position_embeddings: expected more than ",
                   config.positionOffset,
                   ", because positions begin after pad_token_id, but got ",
                   config.positionRows);
}

void lora::readEncoder(ConfigContext &context) {
  auto &[reader, traits, config, where] = context;
  refuseDecoders(reader);
  config.hiddenSize = reader.size("hidden_size", maxWidth);
  config.intermediateSize = reader.size("intermediate_size", maxWidth);
  config.layers.resize(size_t(reader.size("num_hidden_layers", maxLayers)));
  config.heads = reader.size("num_attention_heads", maxWidth);
  readPositions(context);
  reader.refuseNull("type_vocab_size");
  config.tokenTypes = reader.size("type_vocab_size", maxIndex, 2);
  if (reader.failed())
    return;
  if (config.hiddenSize % config.heads)
    return reader.invalid("hidden_size ", config.hiddenSize,
                          " is not a multiple of num_attention_heads ",
                          config.heads);
  config.kvHeads = config.heads;
  config.headDim = config.hiddenSize / config.heads;
  config.attentionScale = std::pow(double(config.headDim), -0.5);
  reader.refuseNull("layer_norm_eps");
  config.normEps = reader.positive("layer_norm_eps", traits.normEps);
  readActivation(context, "hidden_act", MLPActivation::GeluErf);
  config.qkvBias = config.outputBias = config.mlpBias = true;
}
