//===- Switch.cpp - One adapter for another -------------------------------===//
//
// Without lora_exact.safetensors, both deltas are added in f32 and the sum is
// rounded once. With it, the original folder is restored first, beside the
// output, and the new adapter is merged into it.
//
//===----------------------------------------------------------------------===//

#include "AdaptedModel.h"
#include "Companions.h"
#include "ExactFile.h"
#include "FreshComparison.h"
#include "ModelFolder.h"
#include "Programs.h"
#include "lora-mlir/Adapter/Models.h"
#include "lora-runtime/OutputPath.h"

#include <filesystem>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;

namespace {

constexpr const char *kFrom = "from", *kTo = "to";

class Switcher {
public:
  Switcher(const SwitchOptions &options, const Reporting &reporting,
           const AdaptedModel &model, const AdaptedModel *fresh,
           StagedFolder folder)
      : options(options), reporting(reporting), model(model),
        folder(std::move(folder)) {
    if (fresh)
      comparison.emplace(*fresh);
  }

  Expected<SwitchResult> run();

private:
  Expected<std::span<const std::byte>> produce(const OutputTensor &output);
  Error writeTokenizer() const;

  const SwitchOptions &options;
  const Reporting &reporting;
  const AdaptedModel &model;
  StagedFolder folder;
  std::optional<FreshComparison> comparison;
  RoundedSum sum;
  SwitchResult result;
};

} // namespace

Expected<std::span<const std::byte>>
Switcher::produce(const OutputTensor &output) {
  const std::string &name = output.spec.name;
  const AdaptedTensor *tensor = model.find(name);
  if (!tensor)
    return model.checkpoint().find(name)->bytes;
  if (Error error = model.addDelta(*tensor, *tensor->stored, 1, sum, kFrom))
    return error;
  result.report.tensors.push_back(sum.account);
  if (comparison)
    if (Error error = comparison->add(*tensor->stored, sum.bytes))
      return error;
  return std::span<const std::byte>(sum.bytes);
}

/// Writes the new adapter's tokenizer, or the original model's as far as it is
/// known.
Error Switcher::writeTokenizer() const {
  auto merged = findTokenizer(options.mergedFolder);
  if (!merged)
    return merged.takeError();
  auto foreign = isFromAdapter(*merged, options.fromAdapter);
  if (!foreign)
    return foreign.takeError();
  const std::string &original = *foreign && !options.modelFolder.empty()
                                    ? options.modelFolder
                                    : options.mergedFolder;
  auto chosen = chooseTokenizer(original, options.toAdapter, reporting);
  if (!chosen)
    return chosen.takeError();
  if (*foreign && chosen->folder == options.mergedFolder)
    warnOfAdaptersTokenizer(options.mergedFolder, options.fromAdapter,
                            "give it with --base", reporting);
  return copyTokenizer(folder, *chosen);
}

Expected<SwitchResult> Switcher::run() {
  for (const AdaptedTensor &tensor : model.tensors())
    if (!tensor.merge || !tensor.stored)
      return lora_rt::makeError(
          ErrorCode::Unsupported, options.mergedFolder,
          ": one of the adapters "
          "replaces tensor '",
          tensor.name,
          "', which is no sum; only a folder that was made with merge --exact "
          "can be switched between them");
  if (Error error = folder.protectLike(model.checkpoint().folder()))
    return error;
  if (Error error = folder.copyFile(
          model.checkpoint().folder() + "/config.json", "config.json"))
    return error;
  if (Error error =
          copyCompanions(folder, model.checkpoint().folder(), reporting))
    return error;
  if (Error error = writeTokenizer())
    return error;
  if (Error error = writeShards(
          folder, listTensors(model.checkpoint()),
          [this](const OutputTensor &output) { return produce(output); },
          modeOfWeights(model.checkpoint()), reporting.progress))
    return error;
  if (Error error = folder.commit())
    return error;
  if (comparison)
    result.difference = comparison->take();
  return std::move(result);
}

Expected<SwitchResult> lora::switchExactly(const SwitchOptions &options,
                                           const std::string &beside,
                                           const Reporting &reporting) {
  auto workspace = StagedFolder::create(beside);
  if (!workspace)
    return workspace.takeError();
  std::string original = workspace->pathOf("original");
  auto unmerged = unmergeModel(
      {options.mergedFolder, options.fromAdapter, original}, reporting);
  if (!unmerged)
    return unmerged.takeError();
  auto merged = mergeModel({original, options.toAdapter, options.outputFolder,
                            /*exact=*/true},
                           reporting);
  if (!merged)
    return merged.takeError();
  SwitchResult result;
  result.exact = true;
  result.report = std::move(*merged);
  return result;
}

Expected<SwitchResult> lora::switchModel(const SwitchOptions &options,
                                         const Reporting &reporting) {
  if (Error error = lora_rt::checkOutput(
          options.outputFolder, {options.mergedFolder, options.fromAdapter,
                                 options.toAdapter, options.modelFolder}))
    return error;
  if (ProgramFile::isFile(options.mergedFolder))
    return switchProgram(options, reporting);
  auto exact = ExactReader::open(options.mergedFolder);
  if (!exact)
    return exact.takeError();
  if (*exact)
    return switchExactly(options, /*beside=*/options.outputFolder, reporting);
  auto folder = StagedFolder::create(options.outputFolder);
  if (!folder)
    return folder.takeError();
  auto model = AdaptedModel::open(
      options.mergedFolder,
      {{options.fromAdapter, kFrom}, {options.toAdapter, kTo}},
      reporting.warning);
  if (!model)
    return model.takeError();
  std::unique_ptr<AdaptedModel> fresh;
  if (!options.modelFolder.empty()) {
    auto opened = AdaptedModel::open(options.modelFolder, {{options.toAdapter}},
                                     reporting.warning);
    if (!opened)
      return opened.takeError();
    fresh = std::move(*opened);
  }
  return Switcher(options, reporting, **model, fresh.get(), std::move(*folder))
      .run();
}
