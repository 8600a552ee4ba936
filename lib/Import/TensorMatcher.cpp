//===- TensorMatcher.cpp - Parameters and the tensors of a file -----------===//
//
// Implements TensorMatcher.h. Errors and warnings name the tensors: missing
// ones, wrong shapes, two values of one parameter, and tensors that are not
// used.
//
//===----------------------------------------------------------------------===//

#include "TensorMatcher.h"
#include "CheckpointNames.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"

#include <algorithm>

using namespace lora;
using namespace lora_rt;
using lora::transformer::joinPath;

const TensorView *TensorMatcher::find(const std::string &name) {
  std::string prefix(config.familyPrefix());
  std::vector<const TensorView *> found;
  // Names with the prefix of another family are left out.
  for (const TensorView *tensor : findTensors(checkpoint, name)) {
    bool isForeign = llvm::any_of(
        llvm::ArrayRef<llvm::StringRef>(
            {"model.", "transformer.", "bert.", "roberta."}),
        [&](llvm::StringRef other) {
          return other != prefix && tensor->name.starts_with(other.str());
        });
    if (!isForeign)
      found.push_back(tensor);
  }
  if (found.empty())
    return nullptr;
  for (const TensorView *other : llvm::drop_begin(found))
    if (!haveSameBytes(*found.front(), *other) && !provided.count(name) &&
        !error)
      error = makeError(ErrorCode::InvalidFile, checkpoint.folder(),
                        ": tensors '", found.front()->name, "' and '",
                        other->name, "' are the same parameter, ", name,
                        ", with different values; leave one of them out");
  for (const TensorView *other : found)
    used.insert(other->name);
  // If nothing is tied, transformers initializes the second name with zeros.
  if (std::string own = decoderBiasOf(name);
      !own.empty() && !config.tied && !provided.count(name) &&
      !llvm::StringRef(found.front()->name).ends_with(own)) {
    missing.push_back(own);
    return nullptr;
  }
  return found.front();
}

DType TensorMatcher::use(const std::string &name, Parameter &parameter,
                         const TensorView *tensor) {
  // A tensor that an adapter brings need not exist or fit.
  bool isProvided = provided.count(name);
  if (!tensor) {
    if (!isProvided)
      missing.push_back(name);
    return DType::F32;
  }
  auto where = [&]() {
    return std::string(checkpoint.fileOf(tensor->name)) + ": tensor '" +
           tensor->name + "'";
  };
  if (!isFloat(tensor->dtype) && !error)
    error = makeError(ErrorCode::Unsupported, where(), " is ",
                      safetensorsName(tensor->dtype),
                      "; supported are F32, F16, BF16 and F64, so take the "
                      "model's checkpoint that is not quantized");
  if (tensor->elements() == 0 && !isProvided && !error)
    error = makeError(
        ErrorCode::InvalidFile, where(), " is ", shapeText(tensor->shape),
        ", so it holds nothing: the model was saved under DeepSpeed ZeRO-3 "
        "without being gathered; make the weights of its checkpoint with "
        "DeepSpeed's zero_to_fp32.py, or save again with "
        "stage3_gather_16bit_weights_on_model_save");
  // The vocabulary of an adapter may differ from the model's.
  llvm::SmallVector<int64_t, 2> expected = parameter.shape;
  if (parameter.perToken && expected[0] != vocabulary) {
    expected[0] = vocabulary;
    if (llvm::ArrayRef(tensor->shape) == llvm::ArrayRef(expected))
      parameter.storedRows = vocabulary;
  }
  if (llvm::ArrayRef(tensor->shape) != llvm::ArrayRef(expected) &&
      !isProvided && !error)
    error =
        makeError(ErrorCode::InvalidFile, where(), " is ",
                  shapeText(tensor->shape), ", but config.json calls for ",
                  shapeText(expected), "; are both files from the same model?");
  used.insert(tensor->name);
  if (counted.insert(tensor->name).second)
    elements[tensor->dtype] += tensor->elements();
  return tensor->dtype;
}

void TensorMatcher::match(BlockPlan &block) {
  for (Parameter &parameter : block.parameters) {
    std::string name = joinPath(block.path, parameter.name);
    const TensorView *tensor = find(name);
    if (!tensor && config.tied)
      for (std::string_view other : tiedNames(name))
        tensor = tensor ? tensor : find(std::string(other));
    block.stored.push_back(use(name, parameter, tensor));
  }
}

bool TensorMatcher::hasAny(const BlockPlan &block) const {
  return llvm::any_of(block.parameters, [&](const Parameter &parameter) {
    std::string name = joinPath(block.path, parameter.name);
    return provided.count(name) || findTensor(checkpoint, name);
  });
}

void TensorMatcher::match(ModelPlan &plan) {
  if (config.head == ModelHead::LanguageModel && !config.isEncoder()) {
    matchEmbedding(plan);
  } else {
    match(plan.embedding);
    if (plan.head)
      match(*plan.head);
    // A head for masked words has its own slot for the tensor of the embedding.
    if (plan.head && config.tied && config.head == ModelHead::LanguageModel)
      for (const Parameter &parameter : plan.head->parameters) {
        std::string name = joinPath(plan.head->path, parameter.name),
                    table = joinPath(plan.embedding.path,
                                     plan.embedding.parameters.front().name);
        if (!canBeTied(name, table))
          continue;
        const TensorView *own = find(name), *tied = find(table);
        plan.sharesTable = !own || !tied || haveSameBytes(*own, *tied);
      }
  }
  if (plan.positions)
    match(*plan.positions);
  for (BlockPlan &layer : plan.layers)
    match(layer);
  if (plan.norm)
    match(*plan.norm);
  if (plan.pooler && !plan.head && !hasAny(*plan.pooler))
    plan.pooler.reset();
  if (plan.pooler)
    match(*plan.pooler);
}

void TensorMatcher::matchEmbedding(ModelPlan &plan) {
  Parameter &parameter = plan.embedding.parameters.front();
  Parameter &headParameter = plan.head->parameters.front();
  std::string name = joinPath(plan.embedding.path, parameter.name);
  std::string headName = joinPath(plan.head->path, "weight");
  const TensorView *embedding = find(name);
  const TensorView *head = find(headName);
  if (config.tied) {
    plan.tied = !embedding || !head || haveSameBytes(*embedding, *head);
    if (embedding && head && plan.tied)
      used.insert(head->name);
    if (plan.tied)
      embedding = head = embedding ? embedding : head;
  }
  plan.embedding.stored = {use(name, parameter, embedding)};
  plan.head->stored = plan.embedding.stored;
  if (plan.tied)
    headParameter.storedRows = parameter.storedRows;
  else
    plan.head->stored = {use(headName, headParameter, head)};
}

DType TensorMatcher::preferredType() const {
  int64_t narrow = 0, all = 0;
  for (auto [type, count] : elements) {
    all += count;
    if (type == DType::BF16)
      narrow += count;
  }
  return narrow > all / 2 ? DType::BF16 : DType::F32;
}

std::string TensorMatcher::wrappedName() const {
  struct Wrapper {
    llvm::StringRef part, text;
  };
  constexpr const char *peftModel =
      "a PEFT model with its adapter; make the plain model of it with "
      "merge_and_unload(), or unload(), and save that";
  static constexpr Wrapper wrappers[] = {
      {"base_model.model.", peftModel},
      {"base_layer.", peftModel},
      {"_orig_mod.", "a model that torch.compile had wrapped; save "
                     "model._orig_mod"},
      {"_fsdp_wrapped_module.", "a model that FSDP had wrapped; save its full "
                                "state, or the model itself"},
      {"_checkpoint_wrapped_module.",
       "a model whose layers were wrapped for activation checkpointing; save "
       "the model itself"},
      {"_forward_module.", "a model that Lightning had wrapped; save the model "
                           "itself"},
      {"module.", "a model that DistributedDataParallel or DeepSpeed had "
                  "wrapped; save model.module"},
      {"pretrained_model.", "a model with a value head; save its "
                            "pretrained_model"},
      {"language_model.", "a model of several modalities; save its language "
                          "model by itself"},
  };
  std::string wanted = missing.front(), prefix(config.familyPrefix());
  for (std::string_view name : checkpoint.names()) {
    std::string rest(name);
    const Wrapper *found = nullptr;
    for (const Wrapper &wrapper : wrappers)
      for (size_t at = 0; (at = rest.find(wrapper.part, at)) != rest.npos;)
        if (at == 0 || rest[at - 1] == '.') {
          rest.erase(at, wrapper.part.size());
          found = found ? found : &wrapper;
        } else {
          ++at;
        }
    if (found &&
        (rest == wanted || prefix + rest == wanted || rest == prefix + wanted))
      return "'" + std::string(name) +
             "' stands in its place: the file is that of " + found->text.str();
  }
  return {};
}

Error TensorMatcher::takeError() {
  if (error || missing.empty())
    return std::move(error);
  std::string like = wrappedName();
  if (!like.empty())
    return makeError(ErrorCode::InvalidFile, checkpoint.folder(),
                     ": the checkpoint lacks ", quotedNames(missing, 6), "; ",
                     like);
  bool onlyHead = missing.size() == 1 && missing.front() == "lm_head.weight";
  return makeError(ErrorCode::InvalidFile, checkpoint.folder(),
                   ": the checkpoint lacks ", quotedNames(missing, 6),
                   checkpoint.whereListed(missing.front()),
                   suggestion(missing.front(), checkpoint.names()),
                   onlyHead && !config.tied
                       ? "; if the head is the embedding, config.json must say "
                         "\"tie_word_embeddings\": true"
                       : "");
}

bool TensorMatcher::isComputed(const TensorView &tensor) const {
  llvm::StringRef name = tensor.name;
  std::string prefix(config.familyPrefix());
  name.consume_front(prefix);
  if (config.isEncoder())
    return name == "embeddings.position_ids" ||
           name == "embeddings.token_type_ids";
  bool isGPT2 = config.family == ModelFamily::GPT2;
  if (!isGPT2 && name == "rotary_emb.inv_freq")
    return true;
  unsigned layer;
  if (!name.consume_front(isGPT2 ? "h." : "layers.") ||
      name.consumeInteger(10, layer) || layer >= config.layers.size())
    return false;
  if (!isGPT2)
    return name == ".self_attn.rotary_emb.inv_freq";
  // The mask [1, 1, positions, positions], and the value that masks.
  return (name == ".attn.bias" && tensor.shape.size() == 4) ||
         (name == ".attn.masked_bias" && tensor.shape.empty());
}

std::string TensorMatcher::unusedTensors() const {
  std::vector<std::string> names;
  for (std::string_view name : checkpoint.names())
    if (!used.count(name) && !isComputed(*checkpoint.find(name)))
      names.emplace_back(name);
  if (names.empty())
    return {};
  return checkpoint.folder() + ": " + std::to_string(names.size()) +
         (names.size() == 1 ? " tensor is" : " tensors are") +
         " not part of the model and not used: " + quotedNames(names, 6);
}
