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
  TensorMatcher(const ModelConfig &config, const Checkpoint &checkpoint)
      : config(config), checkpoint(checkpoint) {}

  /// Finds the tensor of each parameter below `path`; remembers what is
  /// missing.
  std::vector<DType> match(const std::string &path,
                           llvm::ArrayRef<Parameter> parameters);

  /// The embedding and, where there is one, the head, which may be the same.
  void matchEmbedding(CheckpointFacts &facts);

  /// The type of most elements, as a type to compute in.
  DType preferredType() const;

  std::string unusedTensors() const;

  Error takeError();

private:
  DType use(const std::string &name, const Parameter &parameter,
            const TensorView *tensor);

  const ModelConfig &config;
  const Checkpoint &checkpoint;
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

DType TensorMatcher::use(const std::string &name, const Parameter &parameter,
                         const TensorView *tensor) {
  if (!tensor) {
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
  if (llvm::ArrayRef(tensor->shape) != llvm::ArrayRef(parameter.shape) &&
      !error)
    error = makeError(ErrorCode::InvalidFile, where(), " is ",
                      shapeText(tensor->shape), ", but config.json calls for ",
                      shapeText(parameter.shape),
                      "; are both files from the same model?");
  if (used.insert(tensor->name).second)
    elements[tensor->dtype] += tensor->elements();
  return tensor->dtype;
}

std::vector<DType> TensorMatcher::match(const std::string &path,
                                        llvm::ArrayRef<Parameter> parameters) {
  std::vector<DType> types;
  for (const Parameter &parameter : parameters) {
    std::string name = joinPath(path, parameter.name);
    types.push_back(use(name, parameter, findTensor(checkpoint, name)));
  }
  return types;
}

/// Whether two tensors hold the same bytes.
static bool areEqual(const TensorView &a, const TensorView &b) {
  return a.dtype == b.dtype && a.shape == b.shape &&
         (a.bytes.data() == b.bytes.data() ||
          std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0);
}

void TensorMatcher::matchEmbedding(CheckpointFacts &facts) {
  bool hasHead = config.head != ModelHead::None;
  Parameter parameter = embeddingParameters(config).front();
  std::string name = std::string(config.prefix()) + "embed_tokens.weight";
  const TensorView *embedding = findTensor(checkpoint, name);
  const TensorView *head =
      hasHead ? checkpoint.find("lm_head.weight") : nullptr;
  if (hasHead && config.tied) {
    facts.tied = !embedding || !head || areEqual(*embedding, *head);
    if (embedding && head && facts.tied)
      used.insert(head->name);
    if (facts.tied)
      embedding = head = embedding ? embedding : head;
  }
  facts.embedding = use(name, parameter, embedding);
  if (hasHead && !facts.tied)
    facts.head = use("lm_head.weight", parameter, head);
  else
    facts.head = facts.embedding;
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

std::string TensorMatcher::unusedTensors() const {
  std::vector<std::string> names;
  for (std::string_view name : checkpoint.names())
    if (!used.count(name) && !name.ends_with("rotary_emb.inv_freq"))
      names.emplace_back(name);
  if (names.empty())
    return {};
  return checkpoint.folder() + ": " + std::to_string(names.size()) +
         (names.size() == 1 ? " tensor is" : " tensors are") +
         " not part of the model and not used: " + listNames(names);
}

Expected<mlir::OwningOpRef<mlir::ModuleOp>>
lora::importModel(mlir::MLIRContext &context, const ModelConfig &config,
                  const Checkpoint &checkpoint, const ImportOptions &options) {
  if (options.dtype && *options.dtype != DType::F32 &&
      *options.dtype != DType::BF16)
    return makeError(ErrorCode::InvalidArgument, "cannot compute in ",
                     manifestName(*options.dtype), "; f32 and bf16 can be had");
  TensorMatcher matcher(config, checkpoint);
  CheckpointFacts facts;
  matcher.matchEmbedding(facts);
  std::string prefix(config.prefix());
  std::vector<Parameter> parameters = decoderParameters(config);
  for (size_t i = 0; i < config.layers.size(); ++i)
    facts.layers.push_back(
        {config.layers[i].window,
         matcher.match(prefix + "layers." + std::to_string(i), parameters)});
  facts.norm = matcher.match(prefix + "norm", normParameters(config)).front();
  if (Error error = matcher.takeError())
    return error;
  facts.computeType = options.dtype.value_or(matcher.preferredType());
  if (options.warning) {
    for (const std::string &warning : config.warnings)
      options.warning(warning);
    if (std::string unused = matcher.unusedTensors(); !unused.empty())
      options.warning(unused);
  }
  context.loadDialect<mlir::func::FuncDialect,
                      lora::transformer::TransformerDialect>();
  mlir::OwningOpRef<mlir::ModuleOp> module = buildModel(context, config, facts);
  if (mlir::failed(mlir::verify(*module)))
    return makeError(ErrorCode::System, checkpoint.folder(),
                     ": the imported graph does not verify; this is a bug");
  return module;
}

Expected<mlir::OwningOpRef<mlir::ModuleOp>>
lora::importModel(mlir::MLIRContext &context, const std::string &folder,
                  const ImportOptions &options) {
  Expected<ModelConfig> config = readModelConfig(folder);
  if (!config)
    return config.takeError();
  Expected<Checkpoint> checkpoint = Checkpoint::open(folder);
  if (!checkpoint)
    return checkpoint.takeError();
  return importModel(context, *config, *checkpoint, options);
}
