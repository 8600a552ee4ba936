//===- DecoderBlocks.cpp - Layers of decoders -----------------------------===//
//
// The layers follow transformers' modeling files of Llama, Mistral, Qwen2,
// Qwen3, Gemma 2, Gemma 3, Phi-3 and GPT-2.
//
//===----------------------------------------------------------------------===//

#include "ModelBuilder.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"

using namespace lora;
using namespace lora::transformer;
using namespace mlir;

/// Queries, keys and values before positions are applied.
ModelBuilder::Projections ModelBuilder::projections(Block &block, Value x) {
  if (config.family != ModelFamily::Phi3)
    return {linear(block, "self_attn.q_proj", x),
            linear(block, "self_attn.k_proj", x),
            linear(block, "self_attn.v_proj", x)};
  Value all = linear(block, "self_attn.qkv_proj", x);
  int64_t q = config.heads * config.headDim,
          kv = config.kvHeads * config.headDim;
  return {slice("self_attn.q", all, 0, q), slice("self_attn.k", all, q, kv),
          slice("self_attn.v", all, q + kv, kv)};
}

Value ModelBuilder::feedForward(Block &block, Value x) {
  Value gate, up;
  if (config.family == ModelFamily::Phi3) {
    Value both = linear(block, "mlp.gate_up_proj", x);
    gate = slice("mlp.gate", both, 0, config.intermediateSize);
    up =
        slice("mlp.up", both, config.intermediateSize, config.intermediateSize);
  } else {
    gate = linear(block, "mlp.gate_proj", x);
    up = linear(block, "mlp.up_proj", x);
  }
  Value active = activate("mlp.act_fn", gate);
  Value product = MulOp::create(b, named("mlp"), active.getType(), active, up);
  return linear(block, "mlp.down_proj", product);
}

void ModelBuilder::buildDecoder(StringRef name, const BlockPlan &plan,
                                const LayerConfig &layer) {
  RankedTensorType table = angles(config.ropes[layer.rope]);
  Block block = begin(
      name,
      {{"x", hidden()}, {"cos", table}, {"sin", table}, {"seq", sequence()}},
      hidden(), &plan, states("self_attn"));
  Value x = block.get("x");
  SmallVector<Value> next;

  Projections parts = projections(block, rmsNorm(block, "input_layernorm", x));
  if (config.qkNorm) {
    parts.q = rmsNorm(block, "self_attn.q_norm", parts.q);
    parts.k = rmsNorm(block, "self_attn.k_norm", parts.k);
  }
  auto rotate = [&](StringRef name, Value x) -> Value {
    return RotaryOp::create(b, named(name), x.getType(), x, block.get("cos"),
                            block.get("sin"),
                            b.getI64IntegerAttr(config.headDim),
                            /*inverse=*/UnitAttr());
  };
  parts.q = rotate("self_attn.q_rotary", parts.q);
  parts.k = rotate("self_attn.k_rotary", parts.k);
  parts = cached(block, "self_attn", parts, next);
  Value attended = linear(block, "self_attn.o_proj",
                          attend(block, "self_attn", parts, layer.window));
  // Gemma normalizes the output of a branch in addition to its input.
  bool gemma = config.isGemma();
  if (gemma)
    attended = rmsNorm(block, "post_attention_layernorm", attended);
  x = add("self_attn.residual", x, attended);
  Value fed = feedForward(block, rmsNorm(block,
                                         gemma ? "pre_feedforward_layernorm"
                                               : "post_attention_layernorm",
                                         x));
  if (gemma)
    fed = rmsNorm(block, "post_feedforward_layernorm", fed);
  SmallVector<Value> results{add("mlp.residual", x, fed)};
  llvm::append_range(results, next);
  finish(block, results);
}

void ModelBuilder::buildGPT2(StringRef name, const BlockPlan &plan) {
  Block block = begin(name, {{"x", hidden()}, {"seq", sequence()}}, hidden(),
                      &plan, states("attn"));
  Value x = block.get("x");
  SmallVector<Value> next;
  int64_t width = config.hiddenSize;
  Value all = linear(block, "attn.c_attn", layerNorm(block, "ln_1", x));
  Projections parts{slice("attn.q", all, 0, width),
                    slice("attn.k", all, width, width),
                    slice("attn.v", all, 2 * width, width)};
  parts = cached(block, "attn", parts, next);
  x = add(
      "attn.residual", x,
      linear(block, "attn.c_proj", attend(block, "attn", parts, std::nullopt)));
  Value wide = activate("mlp.act",
                        linear(block, "mlp.c_fc", layerNorm(block, "ln_2", x)));
  SmallVector<Value> results{
      add("mlp.residual", x, linear(block, "mlp.c_proj", wide))};
  llvm::append_range(results, next);
  finish(block, results);
}

/// A table of tokens, or of learned positions.
void ModelBuilder::buildTable(StringRef name, const BlockPlan &plan) {
  Block block = begin(name, {{"ids", ids()}}, hidden(), &plan);
  StringRef layer = StringRef(plan.path).rsplit('.').second;
  Value x = lookUp(layer.empty() ? plan.path : layer, block.get("ids"),
                   block.get("weight"));
  // Gemma's factor has the type of the table, and the product is rounded once.
  if (config.isGemma()) {
    llvm::APFloat factor(std::sqrt(float(config.hiddenSize)));
    bool inexact;
    if (type.isBF16())
      factor.convert(llvm::APFloat::BFloat(),
                     llvm::APFloat::rmNearestTiesToEven, &inexact);
    x = ScaleOp::create(b, named("embed_scale"), x.getType(), x,
                        b.getF64FloatAttr(factor.convertToDouble()));
  }
  finish(block, x);
}

void ModelBuilder::buildNorm() {
  Block block = begin("norm", {{"x", hidden()}}, hidden(), &*plan.norm);
  FloatAttr eps = b.getF64FloatAttr(config.normEps);
  Value x = block.get("x"), weight = block.get("weight");
  if (Value bias = block.get("bias"))
    x = LayerNormOp::create(b, named("norm"), x.getType(), x, weight, bias,
                            eps);
  else
    x = RMSNormOp::create(b, named("norm"), x.getType(), x, weight, eps);
  finish(block, x);
}
