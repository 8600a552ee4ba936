//===- ProgramSwitch.cpp - Another adapter in a compiled file -------------===//
//
// As for folders: without the part `exact` both deltas are added up in f32 and
// the sum is rounded once; with it, the original is made first, beside the
// output.
//
//===----------------------------------------------------------------------===//

#include "FreshComparison.h"
#include "Programs.h"
#include "StagedFolder.h"

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;
using lora_rt::TensorView;

using Bytes = std::span<const std::byte>;

static constexpr const char *kFrom = "from", *kTo = "to";

namespace {

/// The file before any adapter, with the new one, to compare with.
struct FreshProgram {
  ProgramFile base;
  std::unique_ptr<AdaptedModel> model;
  /// Parameters by name, each once.
  std::map<std::string, size_t> indices;

  static Expected<FreshProgram> open(const ProgramFile &merged,
                                     const SwitchOptions &options,
                                     const Reporting &reporting);
};

class ProgramSwitcher {
public:
  ProgramSwitcher(const AdaptedModel &model, const FreshProgram *fresh)
      : model(model), fresh(fresh) {
    if (fresh)
      comparison.emplace(*fresh->model);
  }

  Expected<Bytes> edit(const TensorView &plain, bool again);
  SwitchResult take();

private:
  const AdaptedModel &model;
  const FreshProgram *fresh;
  std::optional<FreshComparison> comparison;
  TensorRoom room;
  std::vector<std::byte> bytes;
  SwitchResult result;
};

} // namespace

Expected<FreshProgram> FreshProgram::open(const ProgramFile &merged,
                                          const SwitchOptions &options,
                                          const Reporting &reporting) {
  auto base = ProgramFile::open(options.modelFolder);
  if (!base)
    return base.takeError();
  auto refuse = [&](const auto &...what) {
    return makeError(ErrorCode::InvalidArgument, base->path(), ": ", what...,
                     "; --base takes the file that ", merged.path(),
                     " was before an adapter was merged");
  };
  if (base->adapter())
    return refuse("the adapter '", base->adapter()->name,
                  "' is merged into it");
  if (base->graph() != merged.graph())
    return refuse("is another model");
  FreshProgram fresh{std::move(*base), nullptr, {}};
  auto model =
      AdaptedModel::openGraph(fresh.base.graph(), fresh.base.tensors(),
                              {{options.toAdapter}}, reporting.warning);
  if (!model)
    return model.takeError();
  fresh.model = std::move(*model);
  for (size_t i = 0; i < fresh.base.parameters().size(); ++i)
    fresh.indices.emplace(fresh.base.parameters()[i].name, i);
  return std::move(fresh);
}

Expected<Bytes> ProgramSwitcher::edit(const TensorView &plain, bool again) {
  const AdaptedTensor &tensor = *model.find(plain.name);
  std::vector<float> delta(size_t(tensor.elements()));
  if (Error error = model.delta(tensor, delta, kFrom))
    return error;
  bytes.resize(plain.bytes.size());
  TensorRounding account;
  if (Error error = addRounded(plain, delta, 1, bytes, account))
    return error;
  if (again)
    return Bytes(bytes);
  result.report.tensors.push_back(account);
  if (!comparison)
    return Bytes(bytes);
  auto place = fresh->indices.find(plain.name);
  if (place == fresh->indices.end())
    return makeError(ErrorCode::InvalidFile, fresh->base.path(),
                     ": has no parameter '", plain.name, "'");
  auto original = fresh->base.plain(place->second, room);
  if (!original)
    return original.takeError();
  if (original->dtype != plain.dtype || original->shape != plain.shape)
    return makeError(ErrorCode::InvalidFile, fresh->base.path(),
                     ": parameter '", plain.name,
                     "' is not that of the merged file");
  if (Error error = comparison->addTo(*original, bytes))
    return error;
  fresh->base.release(place->second);
  return Bytes(bytes);
}

SwitchResult ProgramSwitcher::take() {
  if (comparison)
    result.difference = comparison->take();
  return std::move(result);
}

/// Unmerges to a file of its own, and merges from there.
static Expected<SwitchResult> switchExactly(const SwitchOptions &options,
                                            const Reporting &reporting) {
  auto workspace = StagedFolder::create(options.outputFolder + ".original");
  if (!workspace)
    return workspace.takeError();
  std::string original = workspace->pathOf("original");
  auto unmerged = unmergeProgram(
      {options.mergedFolder, options.fromAdapter, original}, reporting);
  if (!unmerged)
    return unmerged.takeError();
  auto merged = mergeProgram(
      {original, options.toAdapter, options.outputFolder, /*exact=*/true},
      reporting);
  if (!merged)
    return merged.takeError();
  SwitchResult result;
  result.exact = true;
  result.report = std::move(*merged);
  return result;
}

Expected<SwitchResult> lora::switchProgram(const SwitchOptions &options,
                                           const Reporting &reporting) {
  auto program = ProgramFile::open(options.mergedFolder);
  if (!program)
    return program.takeError();
  if (Error error = checkMerged(*program, options.fromAdapter))
    return error;
  if (program->parts().find(lora_rt::exactPart))
    return switchExactly(options, reporting);
  auto carried = describeAdapter(options.toAdapter);
  if (!carried)
    return carried.takeError();
  auto model = AdaptedModel::openGraph(
      program->graph(), program->tensors(),
      {{options.fromAdapter, kFrom}, {options.toAdapter, kTo}},
      reporting.warning);
  if (!model)
    return model.takeError();
  std::optional<FreshProgram> fresh;
  if (!options.modelFolder.empty()) {
    auto opened = FreshProgram::open(*program, options, reporting);
    if (!opened)
      return opened.takeError();
    fresh.emplace(std::move(*opened));
  }
  ProgramSwitcher switcher(**model, fresh ? &*fresh : nullptr);
  ProgramEdit edit;
  edit.changes = [&](const std::string &name) { return (*model)->find(name); };
  edit.edit = [&](const TensorView &plain, bool again) {
    return switcher.edit(plain, again);
  };
  edit.adapter = std::move(*carried);
  edit.progress = reporting.progress;
  if (Error error = writeProgram(*program, options.outputFolder, edit))
    return error;
  return switcher.take();
}
