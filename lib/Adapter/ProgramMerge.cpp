//===- ProgramMerge.cpp - W + s B A in a compiled file, and back ----------===//
//
// Merges an adapter into the parameters of a compiled file, or takes it out
// again. The graph in the file says which parameters the adapter changes; the
// code stays the same. Options, messages and results are those of the commands
// for folders.
//
//===----------------------------------------------------------------------===//

#include "AdaptedModel.h"
#include "ExactFile.h"
#include "ModelFolder.h"
#include "Programs.h"

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;
using lora_rt::TensorView;

using Bytes = std::span<const std::byte>;

Expected<lora_rt::CarriedAdapter>
lora::describeAdapter(const std::string &folder) {
  auto checksum = adapterChecksum(folder);
  if (!checksum)
    return checksum.takeError();
  return lora_rt::CarriedAdapter{peft::folderName(folder), std::move(*checksum),
                                 /*merged=*/true};
}

Error lora::checkMerged(const ProgramFile &program,
                        const std::string &adapterFolder) {
  if (!program.adapter())
    return makeError(ErrorCode::InvalidArgument, program.path(),
                     ": no adapter is merged into it");
  auto checksum = adapterChecksum(adapterFolder);
  if (!checksum)
    return checksum.takeError();
  if (program.adapter()->checksum != *checksum)
    return makeError(ErrorCode::InvalidArgument, adapterFolder,
                     ": is not the adapter that was merged into ",
                     program.path(), "; that one was called '",
                     program.adapter()->name, "' and has the checksum ",
                     program.adapter()->checksum);
  return Error::success();
}

namespace {

/// Merges an adapter into the parameters of a file.
class ProgramMerger {
public:
  ProgramMerger(const AdaptedModel &model, ExactWriter *exact)
      : model(model), exact(exact) {}

  Expected<Bytes> edit(const TensorView &plain, bool again) {
    if (Error error = model.addDelta(*model.find(plain.name), plain, 1, sum))
      return error;
    if (again)
      return Bytes(sum.bytes);
    report.tensors.push_back(sum.account);
    if (exact)
      if (Error error = exact->addLost(plain, sum.delta, sum.bytes))
        return error;
    return Bytes(sum.bytes);
  }

  RoundingReport report;

private:
  const AdaptedModel &model;
  ExactWriter *exact;
  RoundedSum sum;
};

/// Takes the adapter out of a file's parameters.
class ProgramUnmerger {
public:
  ProgramUnmerger(const AdaptedModel &model,
                  const std::optional<ExactReader> &exact)
      : model(model), exact(exact) {}

  Expected<Bytes> edit(const TensorView &plain, bool again) {
    if (Error error = model.addDelta(*model.find(plain.name), plain, -1, sum))
      return error;
    if (exact) {
      if (Error error = exact->restore(plain.name, plain.dtype, sum.bytes))
        return error;
    } else if (!again) {
      report.tensors.push_back(sum.account);
    }
    return Bytes(sum.bytes);
  }

  RoundingReport report;

private:
  const AdaptedModel &model;
  const std::optional<ExactReader> &exact;
  RoundedSum sum;
};

} // namespace

Expected<RoundingReport> lora::mergeProgram(const MergeOptions &options,
                                            const Reporting &reporting) {
  auto program = ProgramFile::open(options.modelFolder);
  if (!program)
    return program.takeError();
  if (program->adapter())
    return makeError(ErrorCode::InvalidArgument, program->path(),
                     ": the adapter '", program->adapter()->name,
                     "' is merged into it already; exchange it (lora-adapter "
                     "switch), or take it out first (lora-adapter unmerge)");
  auto carried = describeAdapter(options.adapterFolder);
  if (!carried)
    return carried.takeError();
  auto model =
      AdaptedModel::openGraph(program->graph(), program->tensors(),
                              {{options.adapterFolder}}, reporting.warning);
  if (!model)
    return model.takeError();
  if (reporting.progress)
    reporting.progress("merging " + options.adapterFolder + " into " +
                       std::to_string((*model)->tensors().size()) +
                       " tensors of " + program->path());

  // What rounding loses is collected in a folder beside the output.
  std::optional<StagedFolder> workspace;
  std::optional<ExactWriter> exact;
  if (options.exact) {
    auto folder = StagedFolder::create(options.outputFolder + ".exact");
    if (!folder)
      return folder.takeError();
    workspace.emplace(std::move(*folder));
    auto writer = ExactWriter::create(*workspace, options.adapterFolder);
    if (!writer)
      return writer.takeError();
    exact = std::move(*writer);
  }
  ProgramMerger merger(**model, exact ? &*exact : nullptr);
  ProgramEdit edit;
  edit.changes = [&](const std::string &name) { return (*model)->find(name); };
  edit.edit = [&](const TensorView &plain, bool again) {
    return merger.edit(plain, again);
  };
  edit.adapter = std::move(*carried);
  edit.adapterFolder = options.adapterFolder;
  edit.progress = reporting.progress;
  if (exact) {
    edit.written = [&](const std::string &key, Bytes bytes) {
      exact->addMerged(key, bytes);
    };
    edit.makeExact = [&]() -> Expected<std::string> {
      if (Error error = exact->commit())
        return error;
      return workspace->pathOf(kExactFile);
    };
  }
  if (Error error = writeProgram(*program, options.outputFolder, edit))
    return error;
  return std::move(merger.report);
}

Expected<UnmergeResult> lora::unmergeProgram(const UnmergeOptions &options,
                                             const Reporting &reporting) {
  auto program = ProgramFile::open(options.mergedFolder);
  if (!program)
    return program.takeError();
  if (Error error = checkMerged(*program, options.adapterFolder))
    return error;
  std::optional<ExactReader> exact;
  if (program->parts().find(lora_rt::exactPart)) {
    auto bytes = program->parts().verified(lora_rt::exactPart);
    if (!bytes)
      return bytes.takeError();
    auto reader =
        ExactReader::parse(*bytes, program->path() + ": part 'exact'");
    if (!reader)
      return reader.takeError();
    exact = std::move(*reader);
  }
  auto model =
      AdaptedModel::openGraph(program->graph(), program->tensors(),
                              {{options.adapterFolder}}, reporting.warning);
  if (!model)
    return model.takeError();
  if (exact)
    if (Error error =
            exact->check(options.adapterFolder, (*model)->checkpoint()))
      return error;
  if (reporting.progress)
    reporting.progress("taking " + options.adapterFolder + " out of " +
                       program->path() + (exact ? ", exactly" : ""));
  ProgramUnmerger unmerger(**model, exact);
  ProgramEdit edit;
  edit.changes = [&](const std::string &name) { return (*model)->find(name); };
  edit.edit = [&](const TensorView &plain, bool again) {
    return unmerger.edit(plain, again);
  };
  edit.progress = reporting.progress;
  if (Error error = writeProgram(*program, options.outputFolder, edit))
    return error;
  return UnmergeResult{exact.has_value(), std::move(unmerger.report)};
}
