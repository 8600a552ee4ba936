//===- Switch.cpp - One adapter for another, without the original ---------===//
//
// Without lora_exact.safetensors both deltas are added up in f32 and the sum is
// rounded once. With it, the original is made first, beside the output, and
// the result is a merge like any other.
//
//===----------------------------------------------------------------------===//

#include "AdaptedModel.h"
#include "ExactFile.h"
#include "ModelFolder.h"
#include "lora-mlir/Adapter/Models.h"

#include <cmath>
#include <filesystem>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;

namespace {

constexpr const char *kFrom = "from", *kTo = "to";

/// Adds up how a tensor differs from a fresh merge of it.
class Comparison {
public:
  explicit Comparison(const AdaptedModel &fresh) : fresh(fresh) {}

  Error add(const std::string &name, std::span<const std::byte> switched,
            lora_rt::DType dtype);
  SwitchDifference take() {
    sum.share = deltaSquares > 0 ? std::sqrt(squares / deltaSquares) : 0;
    return sum;
  }

private:
  const AdaptedModel &fresh;
  SwitchDifference sum;
  double squares = 0, deltaSquares = 0;
};

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

  const SwitchOptions &options;
  const Reporting &reporting;
  const AdaptedModel &model;
  StagedFolder folder;
  std::optional<Comparison> comparison;
  std::vector<std::byte> bytes;
  SwitchResult result;
};

} // namespace

Error Comparison::add(const std::string &name,
                      std::span<const std::byte> switched,
                      lora_rt::DType dtype) {
  const lora_rt::TensorView *base = fresh.checkpoint().find(name);
  if (!base || base->bytes.size() != switched.size() || base->dtype != dtype)
    return lora_rt::makeError(ErrorCode::InvalidFile,
                              fresh.checkpoint().folder(), ": tensor '", name,
                              "' is not that of the merged folder; is this its "
                              "base model?");
  std::vector<std::byte> merged(base->bytes.begin(), base->bytes.end());
  const AdaptedTensor *tensor = fresh.find(name);
  std::vector<float> delta(size_t(base->elements()));
  if (tensor) {
    if (Error error = fresh.delta(*tensor, delta))
      return error;
    TensorRounding account;
    if (Error error = addRounded(*base, delta, 1, merged, account))
      return error;
    deltaSquares += account.deltaNorm * account.deltaNorm;
  }
  std::vector<double> a(delta.size()), b(delta.size());
  for (auto [from, to] :
       {std::pair(merged.data(), &a),
        std::pair(const_cast<std::byte *>(switched.data()), &b)})
    if (Error error = lora_rt::convert(dtype, from, lora_rt::DType::F64,
                                       to->data(), to->size()))
      return error;
  for (size_t i = 0; i < a.size(); ++i) {
    double difference = std::abs(a[i] - b[i]);
    sum.different += difference != 0;
    sum.largest = std::max(sum.largest, difference);
    squares += difference * difference;
  }
  sum.elements += int64_t(a.size());
  return Error::success();
}

Expected<std::span<const std::byte>>
Switcher::produce(const OutputTensor &output) {
  const std::string &name = output.spec.name;
  const AdaptedTensor *tensor = model.find(name);
  if (!tensor)
    return model.checkpoint().find(name)->bytes;
  std::vector<float> delta(static_cast<size_t>(tensor->elements()));
  if (Error error = model.delta(*tensor, delta, kFrom))
    return error;
  bytes.resize(tensor->stored->bytes.size());
  TensorRounding account;
  if (Error error = addRounded(*tensor->stored, delta, 1, bytes, account))
    return error;
  result.report.tensors.push_back(account);
  if (comparison)
    if (Error error = comparison->add(name, bytes, tensor->dtype))
      return error;
  return std::span<const std::byte>(bytes);
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
  if (Error error =
          folder.copyFile(options.mergedFolder + "/config.json", "config.json"))
    return error;
  if (Error error = copyCompanions(folder, options.mergedFolder))
    return error;
  if (Error error = writeShards(
          folder, listTensors(model.checkpoint()),
          [this](const OutputTensor &output) { return produce(output); },
          reporting.progress))
    return error;
  if (Error error = folder.commit())
    return error;
  if (comparison)
    result.difference = comparison->take();
  return std::move(result);
}

/// Unmerges to a folder of its own, and merges from there.
static Expected<SwitchResult> switchExactly(const SwitchOptions &options,
                                            const Reporting &reporting) {
  auto workspace = StagedFolder::create(options.outputFolder);
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
  auto exact = ExactReader::open(options.mergedFolder);
  if (!exact)
    return exact.takeError();
  if (*exact)
    return switchExactly(options, reporting);
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
