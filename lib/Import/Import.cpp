//===- Import.cpp - A Hugging Face folder as IR ---------------------------===//
//
// Reads the configuration; then matches the parameters that it requires with
// the tensors of the checkpoint; then builds the graph.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Import/Import.h"
#include "ModelBuilder.h"
#include "TensorMatcher.h"
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-runtime/Folder.h"
#include "mlir/IR/Verifier.h"

#include <algorithm>
#include <filesystem>

using namespace lora;
using namespace lora_rt;

/// Fails if two adapters were made for different models.
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
    options.adapterFolders.push_back(adapter->folder());
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

/// transformers adds an adapter that is in a model's folder to the model.
static Error refuseOtherAdapter(const std::string &path,
                                const ImportOptions &options) {
  Expected<std::string> folder = findFolder(path, FolderKind::Model);
  if (!folder)
    return folder.takeError();
  if (!isFile(*folder + "/config.json") ||
      !isFile(*folder + "/adapter_config.json"))
    return Error::success();
  std::error_code code;
  for (const std::string &adapter : options.adapterFolders)
    if (std::filesystem::equivalent(adapter, *folder, code))
      return Error::success();
  return makeError(ErrorCode::InvalidFile, *folder,
                   ": the folder holds a model and an adapter "
                   "(adapter_config.json), which transformers would add to it; "
                   "give the same folder as the adapter, too, or move the "
                   "adapter's files to another one");
}

Expected<mlir::OwningOpRef<mlir::ModuleOp>>
lora::importModel(mlir::MLIRContext &context, const std::string &folder,
                  const Checkpoint &checkpoint, const ImportOptions &options) {
  if (Error error = refuseOtherAdapter(folder, options))
    return error;
  Expected<ModelConfig> config = readModelConfig(folder, options.head);
  if (!config)
    return config.takeError();
  return importModel(context, *config, checkpoint, options);
}

Expected<mlir::OwningOpRef<mlir::ModuleOp>>
lora::importModel(mlir::MLIRContext &context, const std::string &folder,
                  const ImportOptions &options) {
  Expected<Checkpoint> checkpoint = Checkpoint::open(folder);
  if (!checkpoint)
    return checkpoint.takeError();
  return importModel(context, folder, *checkpoint, options);
}
