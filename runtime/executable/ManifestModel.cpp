//===- ManifestModel.cpp - The manifest's `model` -------------------------===//
//
// Reads the object `model` strictly, and checks that its fields fit together
// (head and outputs, attention and positions, rotary settings).
//
//===----------------------------------------------------------------------===//

#include "ManifestModel.h"

#include <array>
#include <limits>

namespace lora_rt {

namespace {

constexpr std::array<const char *, 1> pooledNames = {"last"};
constexpr std::array<const char *, 2> attentionNames = {"causal",
                                                        "bidirectional"};
constexpr std::array<const char *, 2> positionNames = {"plain", "skip_padding"};
constexpr std::array<const char *, 2> ropeNames = {"dynamic", "longrope"};

Error readRope(const Json &json, const std::string &where,
               std::optional<Manifest::Rope> &result) {
  Fields fields(json, where + ": manifest: rope");
  Manifest::Rope rope;
  rope.kind = Manifest::Rope::Kind(fields.choice("kind", ropeNames));
  rope.switchLength = fields.size("switch_length");
  if (rope.kind == Manifest::Rope::Kind::Dynamic) {
    rope.width = fields.size("width");
    rope.theta = fields.positive("theta");
    rope.factor = fields.positive("factor");
    if (rope.width % 2 != 0 || rope.width < 4 || rope.width > 65536)
      fields.fail("expected an even 'width' from 4 to 65536");
  } else {
    rope.shortFrequencies = fields.floats("short");
    rope.longFrequencies = fields.floats("long");
    if (rope.shortFrequencies.empty() ||
        rope.shortFrequencies.size() != rope.longFrequencies.size())
      fields.fail("expected as many 'short' frequencies as 'long' ones");
  }
  result = std::move(rope);
  return fields.finish();
}

} // namespace

Error readModel(const Json &json, const std::string &where,
                Manifest::Model &model) {
  Fields fields(json, where + ": manifest: model");
  model.family = fields.text("family");
  model.vocabSize = fields.size("vocab_size");
  model.hiddenSize = fields.size("hidden_size");
  model.maxPositions = fields.size("max_positions");
  // Token ids and positions have 32 bits.
  for (auto [key, value] : {std::pair("vocab_size", model.vocabSize),
                            {"max_positions", model.maxPositions}})
    if (value > std::numeric_limits<int32_t>::max())
      fields.fail("'", key, "' is ", value, ", which is too large");
  model.dtype = fields.type("dtype");
  for (const Json &id : fields.list("eos_token_ids")) {
    if (!isIndex(id) || id.get<int64_t>() > std::numeric_limits<int32_t>::max())
      fields.fail("expected token ids in 'eos_token_ids'");
    else
      model.eosTokenIds.push_back(id.get<int32_t>());
  }
  model.head = ModelHead(fields.choice("head", headNames));
  model.outputs = fields.index("outputs");
  if (model.hasHead() != (model.outputs > 0))
    fields.fail(
        "expected 'outputs' to be above 0 with a head and 0 without one");
  model.isBidirectional = fields.choice("attention", attentionNames) == 1;
  model.poolsLast = !model.isBidirectional;
  if (fields.has("pooled")) {
    fields.choice("pooled", pooledNames);
    model.poolsLast = true;
  }
  model.tokenTypes = fields.index("token_types");
  int64_t pad = fields.indexOrMinusOne("pad_token_id");
  if (pad > std::numeric_limits<int32_t>::max())
    fields.fail("expected a token id or -1 in 'pad_token_id'");
  else
    model.padTokenId = int32_t(pad);
  model.skipsPadding = fields.choice("positions", positionNames) == 1;
  if (model.skipsPadding && (pad < 0 || !model.isBidirectional))
    fields.fail("positions that skip padding need bidirectional attention and "
                "a 'pad_token_id'");
  if (const Json *rope = fields.take("rope"))
    if (Error error = readRope(*rope, where, model.rope))
      return error;
  return fields.finish();
}

} // namespace lora_rt
