//===- Unmerge.cpp - W' - s B A, or the original bits ---------------------===//
//
// Takes an adapter out of a merged folder. Without lora_exact.safetensors it
// subtracts the delta and rounds; with it, it restores the original bits and
// checks them.
//
//===----------------------------------------------------------------------===//

#include "AdaptedModel.h"
#include "Companions.h"
#include "ExactFile.h"
#include "ModelFolder.h"
#include "Programs.h"
#include "lora-mlir/Adapter/Models.h"
#include "lora-runtime/OutputPath.h"

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::TensorView;

namespace {

class Unmerger {
public:
  Unmerger(const UnmergeOptions &options, const Reporting &reporting,
           const AdaptedModel &model, std::optional<ExactReader> exact,
           StagedFolder folder)
      : options(options), reporting(reporting), model(model),
        exact(std::move(exact)), folder(std::move(folder)) {}

  Expected<UnmergeResult> run();

private:
  Error refuseReplaced() const;
  Error writeTokenizer() const;
  Expected<std::span<const std::byte>> produce(const OutputTensor &output);

  const UnmergeOptions &options;
  const Reporting &reporting;
  const AdaptedModel &model;
  std::optional<ExactReader> exact;
  StagedFolder folder;
  RoundedSum sum;
  UnmergeResult result;
};

} // namespace

Error Unmerger::refuseReplaced() const {
  if (!exact)
    for (const AdaptedTensor &tensor : model.tensors())
      if (!tensor.merge || !tensor.stored)
        return lora_rt::makeError(
            ErrorCode::Unsupported, options.mergedFolder,
            ": the merge replaced "
            "tensor '",
            tensor.name,
            "', which cannot be subtracted; only a folder that was made with "
            "merge --exact can be unmerged");
  return Error::success();
}

/// Writes the tokenizer of the original model as far as it is known.
Error Unmerger::writeTokenizer() const {
  if (exact && exact->hasTokenizer()) {
    auto files = exact->tokenizer();
    if (!files)
      return files.takeError();
    for (const auto &[name, bytes] : *files)
      if (Error error = folder.writeFile(name, bytes))
        return error;
    return Error::success();
  }
  auto merged = findTokenizer(options.mergedFolder, reporting);
  if (!merged)
    return merged.takeError();
  auto foreign = isFromAdapter(*merged, options.adapterFolder);
  if (!foreign)
    return foreign.takeError();
  if (*foreign)
    warnOfAdaptersTokenizer(options.mergedFolder, options.adapterFolder,
                            "take them from there", reporting);
  return copyTokenizer(folder, *merged);
}

Expected<std::span<const std::byte>>
Unmerger::produce(const OutputTensor &output) {
  const std::string &name = output.spec.name;
  const AdaptedTensor *tensor = model.find(name);
  if (exact ? !exact->wasChanged(name) : !tensor)
    return model.checkpoint().find(name)->bytes;
  if (exact)
    if (const TensorView *original = exact->original(name)) {
      if (Error error = exact->checkOriginal(name, original->bytes))
        return error;
      return original->bytes;
    }
  if (!tensor || !tensor->merge)
    return lora_rt::makeError(ErrorCode::InvalidFile, options.adapterFolder,
                              ": does not add to tensor '", name,
                              "', although it was merged into it");
  if (Error error = model.addDelta(*tensor, *tensor->stored, -1, sum))
    return error;
  if (exact) {
    if (Error error = exact->restore(name, tensor->dtype, sum.bytes))
      return error;
  } else {
    result.report.tensors.push_back(sum.account);
  }
  return std::span<const std::byte>(sum.bytes);
}

Expected<UnmergeResult> Unmerger::run() {
  result.exact = exact.has_value();
  if (Error error = refuseReplaced())
    return error;
  if (exact)
    if (Error error = exact->check(options.adapterFolder, model.checkpoint()))
      return error;
  std::vector<OutputTensor> tensors;
  for (OutputTensor &tensor : listTensors(model.checkpoint())) {
    if (exact && exact->wasAdded(tensor.spec.name))
      continue;
    if (exact)
      if (const TensorView *original = exact->original(tensor.spec.name))
        tensor.spec = {tensor.spec.name, original->dtype, original->shape};
    tensors.push_back(std::move(tensor));
  }
  if (Error error = folder.protectLike(options.mergedFolder))
    return error;
  const std::string config = model.checkpoint().folder() + "/config.json";
  if (exact && exact->config()) {
    if (Error error = folder.writeText("config.json", *exact->config(),
                                       modeOfCopy(config)))
      return error;
  } else if (Error error = folder.copyFile(config, "config.json")) {
    return error;
  }
  if (Error error =
          copyCompanions(folder, model.checkpoint().folder(), reporting))
    return error;
  if (Error error = writeTokenizer())
    return error;
  if (Error error = writeShards(
          folder, std::move(tensors),
          [this](const OutputTensor &output) { return produce(output); },
          modeOfWeights(model.checkpoint()), reporting.progress))
    return error;
  if (Error error = folder.commit())
    return error;
  return std::move(result);
}

Expected<UnmergeResult> lora::unmergeModel(const UnmergeOptions &options,
                                           const Reporting &reporting) {
  if (Error error = lora_rt::checkOutput(
          options.outputFolder, {options.mergedFolder, options.adapterFolder}))
    return error;
  if (ProgramFile::isFile(options.mergedFolder))
    return unmergeProgram(options, reporting);
  auto folder = StagedFolder::create(options.outputFolder);
  if (!folder)
    return folder.takeError();
  auto exact = ExactReader::open(options.mergedFolder);
  if (!exact)
    return exact.takeError();
  auto model = AdaptedModel::open(options.mergedFolder,
                                  {{options.adapterFolder}}, reporting.warning);
  if (!model)
    return model.takeError();
  if (reporting.progress)
    reporting.progress("taking " + options.adapterFolder + " out of " +
                       options.mergedFolder + (*exact ? ", exactly" : ""));
  return Unmerger(options, reporting, **model, std::move(*exact),
                  std::move(*folder))
      .run();
}
