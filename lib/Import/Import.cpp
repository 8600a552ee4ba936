//===- Import.cpp - A Hugging Face folder as IR ---------------------------===//
//
// Matches the parameters that the configuration calls for with the tensors of
// the checkpoint. Every parameter must be there in the right shape; every
// tensor that is left over is named.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Import/Import.h"
#include "CheckpointNames.h"
#include "ModelBuilder.h"
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/IR/Verifier.h"

#include <algorithm>
#include <cstring>
#include <set>

using namespace lora;
using namespace lora_rt;
using lora::transformer::joinPath;

namespace {

class TensorMatcher {
public:
  /// `vocabulary` is config.json's; an adapter's may be another.
  TensorMatcher(const ModelConfig &config, int64_t vocabulary,
                const Checkpoint &checkpoint,
                const std::set<std::string> &provided)
      : config(config), vocabulary(vocabulary), checkpoint(checkpoint),
        provided(provided) {}

  /// Finds the tensor of each parameter of the plan; remembers what is missing.
  void match(ModelPlan &plan);

  /// The type of most elements, as a type to compute in.
  DType preferredType() const;

  std::string unusedTensors() const;

  Error takeError();

private:
  void match(BlockPlan &block);
  /// The embedding and the head, which may be the same.
  void matchEmbedding(ModelPlan &plan);
  /// Whether there is any tensor of the block.
  bool hasAny(const BlockPlan &block) const;
  DType use(const std::string &name, Parameter &parameter,
            const TensorView *tensor);

  const ModelConfig &config;
  int64_t vocabulary;
  const Checkpoint &checkpoint;
  const std::set<std::string> &provided;
  std::set<std::string_view> used;
  std::map<DType, int64_t> elements;
  std::vector<std::string> missing;
  Error error;
};

} // namespace

/// Up to `limit` names, and how many there are beyond.
static std::string listNames(llvm::ArrayRef<std::string> names,
                             size_t limit = 6) {
  std::string text;
  for (size_t i = 0; i < std::min(limit, names.size()); ++i)
    text += (i ? ", '" : "'") + names[i] + "'";
  if (names.size() > limit)
    text += " and " + std::to_string(names.size() - limit) + " more";
  return text;
}

DType TensorMatcher::use(const std::string &name, Parameter &parameter,
                         const TensorView *tensor) {
  // What an adapter brings need not be there, nor fit.
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
  // An adapter's vocabulary may be another than the model's.
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
  if (used.insert(tensor->name).second)
    elements[tensor->dtype] += tensor->elements();
  return tensor->dtype;
}

void TensorMatcher::match(BlockPlan &block) {
  for (Parameter &parameter : block.parameters) {
    std::string name = joinPath(block.path, parameter.name);
    block.stored.push_back(use(name, parameter,
                               config.tied ? resolveTensor(checkpoint, name)
                                           : findTensor(checkpoint, name)));
  }
}

bool TensorMatcher::hasAny(const BlockPlan &block) const {
  return llvm::any_of(block.parameters, [&](const Parameter &parameter) {
    std::string name = joinPath(block.path, parameter.name);
    return provided.count(name) || findTensor(checkpoint, name);
  });
}

/// Whether two tensors hold the same bytes.
static bool areEqual(const TensorView &a, const TensorView &b) {
  return a.dtype == b.dtype && a.shape == b.shape &&
         (a.bytes.data() == b.bytes.data() ||
          std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0);
}

void TensorMatcher::match(ModelPlan &plan) {
  if (config.head == ModelHead::LanguageModel && !config.isEncoder()) {
    matchEmbedding(plan);
  } else {
    match(plan.embedding);
    if (plan.head)
      match(*plan.head);
    // A head for masked words has a slot of its own for the embedding's tensor.
    if (plan.head && config.tied && config.head == ModelHead::LanguageModel)
      for (const Parameter &parameter : plan.head->parameters) {
        std::string name = joinPath(plan.head->path, parameter.name),
                    table = joinPath(plan.embedding.path,
                                     plan.embedding.parameters.front().name);
        const TensorView *own = findTensor(checkpoint, name),
                         *tied = findTensor(checkpoint, table);
        if (canBeTied(name, table))
          plan.sharesTable = !own || !tied || areEqual(*own, *tied);
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
  const TensorView *embedding = findTensor(checkpoint, name);
  const TensorView *head = findTensor(checkpoint, headName);
  if (config.tied) {
    plan.tied = !embedding || !head || areEqual(*embedding, *head);
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

Error TensorMatcher::takeError() {
  if (error || missing.empty())
    return std::move(error);
  bool onlyHead = missing.size() == 1 && missing.front() == "lm_head.weight";
  return makeError(ErrorCode::InvalidFile, checkpoint.folder(),
                   ": the checkpoint lacks ", listNames(missing),
                   suggestion(missing.front(), checkpoint.names()),
                   onlyHead && !config.tied
                       ? "; if the head is the embedding, config.json must say "
                         "\"tie_word_embeddings\": true"
                       : "");
}

/// Buffers that old checkpoints hold although they follow from the
/// configuration.
static bool isComputed(std::string_view name) {
  for (std::string_view end : {"rotary_emb.inv_freq", "position_ids",
                               ".attn.bias", ".attn.masked_bias"})
    if (name.ends_with(end))
      return true;
  return false;
}

std::string TensorMatcher::unusedTensors() const {
  std::vector<std::string> names;
  for (std::string_view name : checkpoint.names())
    if (!used.count(name) && !isComputed(name))
      names.emplace_back(name);
  if (names.empty())
    return {};
  return checkpoint.folder() + ": " + std::to_string(names.size()) +
         (names.size() == 1 ? " tensor is" : " tensors are") +
         " not part of the model and not used: " + listNames(names);
}

Error lora::fitToAdapter(ImportOptions &options,
                         const peft::PeftAdapter &adapter) {
  const peft::PeftAdapter *one = &adapter;
  return fitToAdapters(options, {&one, 1});
}

/// Refuses two adapters that were made for different models.
static Error refuseDifferent(const peft::PeftAdapter &a,
                             const peft::PeftAdapter &b, const char *what,
                             const std::string &ofA, const std::string &ofB) {
  return makeError(ErrorCode::InvalidArgument, a.folder(), " and ", b.folder(),
                   " were made for models with different ", what, " (", ofA,
                   " and ", ofB, "), and cannot be in one");
}

Error lora::fitToAdapters(ImportOptions &options,
                          std::span<const peft::PeftAdapter *const> adapters) {
  const peft::PeftAdapter *saysHead = nullptr, *saysLabels = nullptr,
                          *saysVocabulary = nullptr;
  for (const peft::PeftAdapter *adapter : adapters) {
    Expected<peft::AdapterFacts> facts = adapter->facts();
    if (!facts)
      return facts.takeError();
    if (facts->head) {
      if (saysHead && options.head->head != *facts->head)
        return refuseDifferent(*saysHead, *adapter, "heads",
                               std::string(headName(options.head->head)),
                               std::string(headName(*facts->head)));
      if (!saysHead)
        options.head = HeadRequest{*facts->head, 0};
      saysHead = adapter;
      if (saysLabels && facts->labels != 0 &&
          facts->labels != options.head->labels)
        return refuseDifferent(*saysLabels, *adapter, "numbers of labels",
                               std::to_string(options.head->labels),
                               std::to_string(facts->labels));
      if (facts->labels != 0) {
        options.head->labels = facts->labels;
        saysLabels = adapter;
      }
    }
    if (facts->vocabSize) {
      if (saysVocabulary && *options.vocabSize != *facts->vocabSize)
        return refuseDifferent(*saysVocabulary, *adapter, "vocabularies",
                               std::to_string(*options.vocabSize),
                               std::to_string(*facts->vocabSize));
      options.vocabSize = facts->vocabSize;
      saysVocabulary = adapter;
    }
    options.leastVocabSize =
        std::max(options.leastVocabSize, facts->leastVocabSize);
    for (const auto &[name, shape] : facts->parameters)
      options.provided.insert(name);
  }
  return Error::success();
}

Expected<mlir::OwningOpRef<mlir::ModuleOp>>
lora::importModel(mlir::MLIRContext &context, const ModelConfig &base,
                  const Checkpoint &checkpoint, const ImportOptions &options) {
  if (options.dtype && *options.dtype != DType::F32 &&
      *options.dtype != DType::BF16)
    return makeError(ErrorCode::InvalidArgument, "cannot compute in ",
                     manifestName(*options.dtype), "; f32 and bf16 can be had");
  ModelConfig config = base;
  config.vocabSize = options.vocabSize.value_or(
      std::max(base.vocabSize, options.leastVocabSize));
  TensorMatcher matcher(config, base.vocabSize, checkpoint, options.provided);
  ModelPlan plan = planModel(config);
  matcher.match(plan);
  if (Error error = matcher.takeError())
    return error;
  plan.computeType = options.dtype.value_or(matcher.preferredType());
  if (options.warning) {
    for (const std::string &warning : config.warnings)
      options.warning(warning);
    if (options.training)
      for (const std::string &warning : config.trainingWarnings)
        options.warning(warning);
    if (std::string unused = matcher.unusedTensors(); !unused.empty())
      options.warning(unused);
  }
  context.loadDialect<mlir::func::FuncDialect, lora::LoRADialect,
                      lora::transformer::TransformerDialect>();
  GraphOptions graph;
  graph.fixedFrequencies = options.training;
  mlir::OwningOpRef<mlir::ModuleOp> module =
      ModelBuilder(context, config, plan, graph).build();
  if (mlir::failed(mlir::verify(*module)))
    return makeError(ErrorCode::System, checkpoint.folder(),
                     ": the imported graph does not verify; this is a bug");
  return module;
}

Expected<mlir::OwningOpRef<mlir::ModuleOp>>
lora::importModel(mlir::MLIRContext &context, const std::string &folder,
                  const ImportOptions &options) {
  Expected<ModelConfig> config = readModelConfig(folder, options.head);
  if (!config)
    return config.takeError();
  Expected<Checkpoint> checkpoint = Checkpoint::open(folder);
  if (!checkpoint)
    return checkpoint.takeError();
  return importModel(context, *config, *checkpoint, options);
}
