//===- Merge.cpp - W + s B A as a model folder ----------------------------===//
//
// Every error that follows from names and shapes of the input is reported
// before the first weight is written.
//
//===----------------------------------------------------------------------===//

#include "AdaptedModel.h"
#include "Companions.h"
#include "ExactFile.h"
#include "Json.h"
#include "ModelFolder.h"
#include "Programs.h"
#include "lora-mlir/Adapter/Models.h"
#include "lora-mlir/Import/CheckpointTensors.h"
#include "lora-runtime/OutputPath.h"

#include <map>
#include <set>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;
using lora_rt::TensorView;

namespace {

class Merger {
public:
  Merger(const MergeOptions &options, const Reporting &reporting,
         const AdaptedModel &model, StagedFolder folder)
      : options(options), reporting(reporting), model(model),
        folder(std::move(folder)) {}

  Expected<RoundingReport> run();

private:
  std::vector<OutputTensor> plan() const;
  Error describeHead(const lora_rt::Json &config,
                     std::map<std::string, std::string> &values) const;
  Error writeConfig();
  Error writeCompanions();
  Error compute(const AdaptedTensor &tensor, const OutputTensor &output);
  Error keepLost(const AdaptedTensor &tensor);
  Expected<std::span<const std::byte>> produce(const OutputTensor &output);

  const MergeOptions &options;
  const Reporting &reporting;
  const AdaptedModel &model;
  StagedFolder folder;
  std::optional<ExactWriter> exact;
  RoundedSum sum;
  RoundingReport report;
};

} // namespace

/// The tensors of the checkpoint, followed by the tensors that are added to it.
std::vector<OutputTensor> Merger::plan() const {
  std::vector<OutputTensor> tensors = listTensors(model.checkpoint());
  std::string last =
      tensors.empty() ? "model.safetensors" : tensors.back().file;
  for (OutputTensor &tensor : tensors)
    if (const AdaptedTensor *adapted = model.find(tensor.spec.name))
      tensor.spec.shape = adapted->shape;
  for (const AdaptedTensor &adapted : model.tensors())
    if (!adapted.stored)
      tensors.push_back({{adapted.name, adapted.dtype, adapted.shape}, last});
  return tensors;
}

/// The class of the model with another head: "GPT2ForSequenceClassification"
/// for "GPT2LMHeadModel".
static std::string classWithHead(std::string name, ModelHead head) {
  for (std::string_view suffix :
       {"ForCausalLM", "ForMaskedLM", "LMHeadModel",
        "ForSequenceClassification", "ForTokenClassification", "Model"})
    if (name.ends_with(suffix)) {
      name.resize(name.size() - suffix.size());
      break;
    }
  switch (head) {
  case ModelHead::SequenceClassification:
    return name + "ForSequenceClassification";
  case ModelHead::TokenClassification:
    return name + "ForTokenClassification";
  default:
    return {};
  }
}

/// What config.json must say about a classification head that the adapter
/// brings.
Error Merger::describeHead(const lora_rt::Json &config,
                           std::map<std::string, std::string> &values) const {
  const std::optional<HeadRequest> &request = model.head();
  if (!request || request->labels == 0)
    return Error::success();
  auto own = readModelConfig(options.modelFolder);
  if (!own)
    return own.takeError();
  auto names = config.find("architectures");
  bool isNamed = names != config.end() && names->is_array() &&
                 !names->empty() && names->front().is_string();
  if (own->head != request->head && isNamed)
    if (std::string name =
            classWithHead(names->front().get<std::string>(), request->head);
        !name.empty())
      values["architectures"] = lora_rt::Json({name}).dump();
  if (own->head == request->head && own->labels == request->labels)
    return Error::success();
  lora_rt::OrderedJson toLabel, toId;
  for (int64_t i = 0; i < request->labels; ++i) {
    std::string label = "LABEL_" + std::to_string(i);
    toLabel[std::to_string(i)] = label;
    toId[label] = i;
  }
  values["id2label"] = toLabel.dump();
  values["label2id"] = toId.dump();
  if (config.contains("num_labels"))
    values["num_labels"] = std::to_string(request->labels);
  return Error::success();
}

Error Merger::writeConfig() {
  std::string path = model.checkpoint().folder() + "/config.json";
  auto text = lora_rt::readTextFile(path);
  if (!text)
    return text.takeError();
  auto config = lora_rt::parseJson(*text, path);
  if (!config)
    return config.takeError();
  std::map<std::string, std::string> values;
  if (model.unties())
    values["tie_word_embeddings"] = "false";
  for (const AdaptedTensor &tensor : model.tensors())
    if (tensor.isTokenTable && (*config)["vocab_size"] != tensor.shape[0])
      values["vocab_size"] = std::to_string(tensor.shape[0]);
  if (Error error = describeHead(*config, values))
    return error;
  auto edited = editConfig(*text, path, values);
  if (!edited)
    return edited.takeError();
  if (exact && !values.empty())
    exact->setConfig(*text);
  return folder.writeText("config.json", *edited, modeOfCopy(path));
}

Error Merger::writeCompanions() {
  if (Error error =
          copyCompanions(folder, model.checkpoint().folder(), reporting))
    return error;
  auto tokenizer =
      chooseTokenizer(options.modelFolder, options.adapterFolder, reporting);
  if (!tokenizer)
    return tokenizer.takeError();
  if (exact && tokenizer->folder != options.modelFolder) {
    auto former = findTokenizer(options.modelFolder);
    if (!former)
      return former.takeError();
    if (Error error = exact->addTokenizer(*former))
      return error;
  }
  return copyTokenizer(folder, *tokenizer);
}

Error Merger::compute(const AdaptedTensor &tensor, const OutputTensor &output) {
  if (tensor.merge) {
    TensorView base = *tensor.base;
    base.name = tensor.name;
    if (Error error = model.addDelta(tensor, base, 1, sum))
      return error;
  } else {
    std::vector<float> values(static_cast<size_t>(tensor.elements()));
    if (Error error = model.value(tensor, values))
      return error;
    sum.bytes.resize(values.size() * lora_rt::sizeOf(output.spec.dtype));
    sum.account = {};
    sum.account.name = tensor.name;
    if (Error error = replaceRounded(tensor.base, values, output.spec.dtype,
                                     sum.bytes, sum.account))
      return error;
  }
  report.tensors.push_back(sum.account);
  return exact ? keepLost(tensor) : Error::success();
}

/// Writes what an unmerge will need to restore the tensor that was just
/// computed.
Error Merger::keepLost(const AdaptedTensor &tensor) {
  if (!tensor.stored) {
    exact->addNew(tensor.name);
    return Error::success();
  }
  if (!tensor.merge)
    return exact->addOriginal(*tensor.stored);
  return exact->addLost(*tensor.stored, sum.delta, sum.bytes);
}

Expected<std::span<const std::byte>>
Merger::produce(const OutputTensor &output) {
  std::span<const std::byte> result;
  if (const AdaptedTensor *tensor = model.find(output.spec.name)) {
    if (Error error = compute(*tensor, output))
      return error;
    result = sum.bytes;
  } else {
    result = model.checkpoint().find(output.spec.name)->bytes;
  }
  if (exact)
    exact->addMerged(output.spec.name, result);
  return result;
}

Expected<RoundingReport> Merger::run() {
  unsigned mode = modeOfWeights(model.checkpoint());
  if (Error error = folder.protectLike(options.modelFolder))
    return error;
  if (options.exact) {
    auto writer = ExactWriter::create(folder, options.adapterFolder, mode);
    if (!writer)
      return writer.takeError();
    exact = std::move(*writer);
  }
  if (Error error = writeConfig())
    return error;
  if (Error error = writeCompanions())
    return error;
  if (Error error = writeShards(
          folder, plan(),
          [this](const OutputTensor &output) { return produce(output); }, mode,
          reporting.progress))
    return error;
  if (exact)
    if (Error error = exact->commit())
      return error;
  if (Error error = folder.commit())
    return error;
  return std::move(report);
}

/// Fails for a parameter that the model's class does not have (a bias of a
/// layer without one): transformers would silently ignore it.
static Error refuseUnknown(const MergeOptions &options,
                           const AdaptedModel &model) {
  auto config = readModelConfig(options.modelFolder, model.head());
  if (!config)
    return config.takeError();
  std::set<std::string> known;
  for (const CheckpointTensor &tensor : checkpointTensors(*config))
    known.insert(tensor.name);
  for (const AdaptedTensor &tensor : model.tensors())
    if (!tensor.base && !known.count(tensor.name))
      return makeError(
          ErrorCode::Unsupported, options.adapterFolder, ": brings '",
          tensor.name, "', which the model of ", options.modelFolder,
          "/config.json does not have, so that a merged folder would lose it; "
          "compile the model with the adapter: lora-compile ",
          options.modelFolder, " --adapter ", options.adapterFolder);
  return Error::success();
}

Expected<RoundingReport> lora::mergeModel(const MergeOptions &options,
                                          const Reporting &reporting) {
  if (Error error = lora_rt::checkOutput(
          options.outputFolder, {options.modelFolder, options.adapterFolder}))
    return error;
  if (ProgramFile::isFile(options.modelFolder))
    return mergeProgram(options, reporting);
  auto folder = StagedFolder::create(options.outputFolder);
  if (!folder)
    return folder.takeError();
  auto model = AdaptedModel::open(options.modelFolder,
                                  {{options.adapterFolder}}, reporting.warning);
  if (!model)
    return model.takeError();
  if (Error error = refuseUnknown(options, **model))
    return error;
  if (reporting.progress)
    reporting.progress("merging " + options.adapterFolder + " into " +
                       std::to_string((*model)->tensors().size()) +
                       " tensors of " + options.modelFolder);
  return Merger(options, reporting, **model, std::move(*folder)).run();
}
