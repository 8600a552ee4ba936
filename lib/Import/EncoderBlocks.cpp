//===- EncoderBlocks.cpp - Layers of encoders, and heads ------------------===//
//
// The layers follow transformers' modeling files of BERT and RoBERTa. All
// tokens of a sequence see each other: the sequence table says so, and there is
// no cache.
//
//===----------------------------------------------------------------------===//

#include "ModelBuilder.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"

using namespace lora;
using namespace lora::transformer;
using namespace mlir;

void ModelBuilder::buildEncoderEmbedding() {
  Block block =
      begin("embedding",
            {{"ids", ids()}, {"token_types", ids()}, {"seq", sequence()}},
            hidden(), &plan.embedding);
  auto table = [&](StringRef layer, Value rows) {
    return lookUp(layer, rows, block.get(layer + ".weight"));
  };
  // The sums are in the order of transformers.
  Value x = add("token_types", table("word_embeddings", block.get("ids")),
                table("token_type_embeddings", block.get("token_types")));
  x = add("positions", x,
          table("position_embeddings", positionRows(block.get("seq"))));
  finish(block, layerNorm(block, "LayerNorm", x));
}

void ModelBuilder::buildEncoder(StringRef name, const BlockPlan &plan) {
  Block block =
      begin(name, {{"x", hidden()}, {"seq", sequence()}}, hidden(), &plan);
  Value x = block.get("x");
  Projections parts{linear(block, "attention.self.query", x),
                    linear(block, "attention.self.key", x),
                    linear(block, "attention.self.value", x)};
  Value attended = linear(block, "attention.output.dense",
                          attend(block, "attention.self", parts, std::nullopt));
  x = layerNorm(block, "attention.output.LayerNorm",
                add("attention.residual", attended, x));
  Value wide =
      activate("intermediate.act", linear(block, "intermediate.dense", x));
  Value fed = linear(block, "output.dense", wide);
  finish(block,
         layerNorm(block, "output.LayerNorm", add("output.residual", fed, x)));
}

/// The pooler's input is the hidden states of first tokens.
void ModelBuilder::buildPooler() {
  Block block = begin("pooler", {{"x", hidden()}}, hidden(), &*plan.pooler);
  finish(block,
         tanh("pooler.activation", linear(block, "dense", block.get("x"))));
}

void ModelBuilder::buildHead() {
  Block block = begin("head", {{"x", hidden()}}, logits(), &*plan.head);
  Value x = block.get("x");
  if (block.get("decoder.weight")) {
    bool bert = config.family == ModelFamily::Bert;
    std::string inner = bert ? "transform." : "";
    x = linear(block, inner + "dense", x);
    // BERT uses the activation of the layers; RoBERTa always uses this one.
    x = bert ? activate("transform_act_fn", x)
             : ActivationOp::create(b, named("gelu"), x.getType(), x,
                                    ActivationKind::GeluErf);
    x = layerNorm(block, inner + (bert ? "LayerNorm" : "layer_norm"), x);
    x = transformer::LinearOp::create(b, named("decoder"), logits(), x,
                                      block.get("decoder.weight"),
                                      block.get("bias"));
  } else if (block.get("dense.weight")) // RoBERTa's head for sequences
    x = head(block, "out_proj",
             tanh("tanh", linear(block, "dense", block.get("x"))));
  else
    x = head(block, "", x);
  if (config.logitSoftcap)
    x = SoftcapOp::create(b, named("final_logit_softcapping"), x.getType(), x,
                          b.getF64FloatAttr(*config.logitSoftcap));
  finish(block, x);
}
