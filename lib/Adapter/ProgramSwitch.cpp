//===- ProgramSwitch.cpp - Another adapter in a compiled file -------------===//
//
// As for folders: without the part `exact`, both deltas are added in f32 and
// the sum is rounded once. With it, the original file is restored first, beside
// the output.
//
//===----------------------------------------------------------------------===//

#include "FreshComparison.h"
#include "Programs.h"

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;
using lora_rt::TensorView;

using Bytes = std::span<const std::byte>;

static constexpr const char *kFrom = "from", *kTo = "to";

namespace {

/// The file before any adapter, with the new adapter, as a reference for
/// comparison.
struct FreshProgram {
  ProgramFile base;
  std::unique_ptr<AdaptedModel> model;
  /// The index of each parameter by its name.
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
  TensorBuffer buffer;
  RoundedSum sum;
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
  if (Error error =
          model.addDelta(*model.find(plain.name), plain, 1, sum, kFrom))
    return error;
  if (again)
    return Bytes(sum.bytes);
  result.report.tensors.push_back(sum.account);
  if (!comparison)
    return Bytes(sum.bytes);
  auto place = fresh->indices.find(plain.name);
  if (place == fresh->indices.end())
    return makeError(ErrorCode::InvalidFile, fresh->base.path(),
                     ": has no parameter '", plain.name, "'");
  auto original = fresh->base.plain(place->second, buffer);
  if (!original)
    return original.takeError();
  if (original->dtype != plain.dtype || original->shape != plain.shape)
    return makeError(ErrorCode::InvalidFile, fresh->base.path(),
                     ": parameter '", plain.name,
                     "' is not that of the merged file");
  if (Error error = comparison->addTo(*original, sum.bytes))
    return error;
  fresh->base.release(place->second);
  return Bytes(sum.bytes);
}

SwitchResult ProgramSwitcher::take() {
  if (comparison)
    result.difference = comparison->take();
  return std::move(result);
}

Expected<SwitchResult> lora::switchProgram(const SwitchOptions &options,
                                           const Reporting &reporting) {
  auto program = ProgramFile::open(options.mergedFolder);
  if (!program)
    return program.takeError();
  if (Error error = checkMerged(*program, options.fromAdapter))
    return error;
  if (program->parts().find(lora_rt::exactPart))
    return switchExactly(options,
                         /*beside=*/options.outputFolder + ".original",
                         reporting);
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
  edit.adapterFolder = options.toAdapter;
  edit.progress = reporting.progress;
  if (Error error = writeProgram(*program, options.outputFolder, edit))
    return error;
  return switcher.take();
}
