//===- ModelVariants.cpp - The files that are measured --------------------===//
//
// Compilers run in processes of their own, so that their memory and time can be
// measured.
//
//===----------------------------------------------------------------------===//

#include "BenchmarkRun.h"
#include "lora-mlir/Bench/RandomCheckpoint.h"
#include "lora-mlir/Bench/Shapes.h"
#include "lora-mlir/Import/PeftAdapter.h"
#include "lora-runtime/File.h"
#include "lora-runtime/Folder.h"

#include <algorithm>
#include <filesystem>

using namespace lora;
using namespace lora::bench;
using namespace lora_rt;
namespace fs = std::filesystem;

/// Whether a folder holds a checkpoint, not only a config.json.
static bool hasWeights(const std::string &folder) {
  return isFile(folder + "/model.safetensors") ||
         isFile(folder + "/model.safetensors.index.json");
}

Error BenchmarkRun::makeModel() {
  Expected<ShapeChoice> shape = findShape(options.model);
  if (!shape)
    return shape.takeError();
  if (!options.adapterFolder.empty())
    return makeError(ErrorCode::InvalidArgument,
                     "--adapter fits a model that "
                     "is there, but '",
                     options.model,
                     "' is a shape; --rank "
                     "says what adapter to make for it");
  CheckpointOptions make;
  make.config = shape->config;
  make.where = shape->name;
  make.folder = work->path();
  make.dtype = options.dtype;
  make.rank = options.rank;
  make.progress = options.progress;
  Expected<CheckpointFacts> facts = writeRandomCheckpoint(make);
  if (!facts)
    return facts.takeError();
  modelFolder = facts->modelFolder;
  adapterFolder = facts->adapterFolder;
  results.model->name = shape->name;
  results.model->branches = facts->branches;
  results.model->adapterRank = options.rank;
  return Error::success();
}

Error BenchmarkRun::takeModel() {
  std::error_code code;
  results.model->name = fs::weakly_canonical(options.model, code).filename();
  if (!options.adapterFolder.empty()) {
    Expected<std::string> found =
        findFolder(options.adapterFolder, FolderKind::Adapter);
    if (!found)
      return found.takeError();
    adapterFolder = *found;
    if (!isFile(adapterFolder + "/adapter_config.json"))
      return missingConfig(adapterFolder, FolderKind::Adapter);
    Expected<peft::PeftConfig> peft =
        peft::readPeftConfig(adapterFolder + "/adapter_config.json");
    if (!peft)
      return peft.takeError();
    results.model->adapterRank = peft->rank;
    return Error::success();
  }
  if (!options.rank)
    return Error::success();
  Expected<std::string> text = readTextFile(modelFolder + "/config.json");
  if (!text)
    return text.takeError();
  CheckpointOptions make;
  make.config = *text;
  make.where = modelFolder + "/config.json";
  make.folder = work->path();
  make.writesModel = false;
  make.rank = options.rank;
  // Only the type of the adapter matters here, which is F32.
  make.dtype = DType::F32;
  Expected<CheckpointFacts> facts = writeRandomCheckpoint(make);
  if (!facts)
    return facts.takeError();
  adapterFolder = facts->adapterFolder;
  results.model->branches = facts->branches;
  results.model->adapterRank = options.rank;
  return Error::success();
}

std::vector<std::string>
BenchmarkRun::compileCommand(const Variant &variant) const {
  std::vector<std::string> command = {variant.tools + "/lora-compile",
                                      modelFolder, "--quiet"};
  command.insert(command.end(), variant.compileOptions.begin(),
                 variant.compileOptions.end());
  if (!options.compileTokens.empty()) {
    std::string list;
    for (int64_t count : options.compileTokens)
      list += (list.empty() ? "" : ",") + std::to_string(count);
    command.insert(command.end(), {"--tokens", list});
  }
  if (options.dtype) {
    // F16 is a type for checkpoints. Models are not computed in it.
    DType type = *options.dtype == DType::F16 ? DType::F32 : *options.dtype;
    command.push_back("--dtype");
    command.push_back(std::string(manifestName(type)));
  }
  return command;
}

Error BenchmarkRun::compile(const Variant &variant, CompileResult &result) {
  std::vector<std::string> command = compileCommand(variant);
  command.insert(command.end(), {"-o", variant.file});
  // The measurement includes the generation of code, so the cache is disabled.
  // This is not an option, because the build to compare with may not have it.
  Expected<CommandResult> done =
      runCommand(command, log("compile-" + variant.name), {"LORA_CACHE=off"});
  if (!done)
    return done.takeError();
  result.contender = variant.name;
  result.seconds.push_back(done->seconds);
  result.peakPrivateBytes =
      std::max(result.peakPrivateBytes, done->peak.privateBytes);
  std::error_code code;
  result.fileBytes = fs::file_size(variant.file, code);
  return Error::success();
}

/// Compiles without the weights. This takes time that does not depend on the
/// size of the model.
Error BenchmarkRun::compileCode(CompileResult &result) {
  // The variant with the most code.
  const Variant &variant = variants[adapterFolder.empty() ? 0 : 2];
  std::vector<std::string> command = compileCommand(variant);
  command.insert(command.end(), {"--emit", "asm"});
  Expected<CommandResult> done = runCommand(command, log("code"));
  if (!done)
    return done.takeError();
  result.contender = variant.name + ", code alone";
  result.seconds.push_back(done->seconds);
  result.peakPrivateBytes =
      std::max(result.peakPrivateBytes, done->peak.privateBytes);
  return Error::success();
}

void BenchmarkRun::addVariants(const std::string &tools,
                               const std::string &suffix) {
  auto add = [&](const std::string &kind, std::vector<std::string> more) {
    std::string name = kind + suffix;
    variants.push_back(
        {name, std::move(more), *work / name, tools, kind == "unmerged"});
  };
  add("base", {});
  if (adapterFolder.empty())
    return;
  add("merged", {"--adapter", adapterFolder});
  add("unmerged", {"--adapter", adapterFolder, "--unmerged"});
}

/// The operating system hands out memory that was just freed faster than memory
/// that was never used; on a virtual machine several times faster. So every
/// file that is written and timed takes the memory of a file that was just
/// removed: this copy, or the last one that was timed.
Error BenchmarkRun::warmPageCache() {
  progress("warming the page cache");
  Expected<double> copied = timeCopy(modelFolder, *work / "copy");
  return copied ? Error::success() : copied.takeError();
}

Expected<double> BenchmarkRun::copyCheckpoint() {
  if (Error error = warmPageCache())
    return error;
  progress("copying the checkpoint");
  return timeCopy(modelFolder, *work / "copy");
}

Error BenchmarkRun::compileAll() {
  addVariants(toolsFolderOf(options), "");
  if (!options.against.empty())
    addVariants(options.against, " against");
  uint64_t bytes = checkpointBytes(modelFolder);
  results.model->checkpointBytes = bytes;
  if (Error error = checkSpace(work->path(), bytes * (variants.size() + 1)))
    return error;
  results.compiles.resize(variants.size());
  CompileResult code;
  if (Error error = warmPageCache())
    return error;
  for (int round = 0; round < options.compileRepetitions; ++round) {
    for (size_t i = 0; i < variants.size(); ++i) {
      progress("compiling " + variants[i].name);
      if (Error error = compile(variants[i], results.compiles[i]))
        return error;
      Expected<double> copied = copyCheckpoint();
      if (!copied)
        return copied.takeError();
      results.compiles[i].copySeconds.push_back(*copied);
    }
    progress("compiling code alone");
    if (Error error = compileCode(code))
      return error;
  }
  results.compiles.push_back(std::move(code));
  return Error::success();
}

Error BenchmarkRun::findModel() {
  std::error_code code;
  bool isShape = std::ranges::any_of(shapes(), [&](const Shape &shape) {
    return shape.name == options.model;
  });
  if (!fs::is_directory(options.model, code) ||
      (isShape && !hasWeights(options.model)))
    return makeModel();
  Expected<std::string> found = findFolder(options.model, FolderKind::Model);
  if (!found)
    return found.takeError();
  if (!isFile(*found + "/config.json"))
    return missingConfig(*found, FolderKind::Model);
  modelFolder = *found;
  return hasWeights(modelFolder) ? takeModel() : makeModel();
}

Error BenchmarkRun::describeModel() {
  Expected<ModelConfig> read = readModelConfig(modelFolder);
  if (!read)
    return read.takeError();
  config = std::move(*read);
  Expected<std::unique_ptr<Worker>> worker = Worker::start(
      variants[0].worker(results.machine.threads, 0), log("describe"));
  if (!worker)
    return worker.takeError();
  std::string type = (*worker)->description().value("dtype", "");
  longest = (*worker)->description().value("longest", config.maxPositions);
  dtype = parseManifestName(type).value_or(DType::F32);
  plainCost.emplace(config, dtype, 0);
  unmergedCost.emplace(config, dtype, results.model->adapterRank);
  results.model->dtype = dtype;
  results.model->isEncoder = !config.causal;
  results.model->parameters = plainCost->parameters();
  return Error::success();
}

Error BenchmarkRun::compilePeft() {
  PeerInput input = peerInput();
  CompileResult result;
  result.contender = "PEFT merge and save";
  result.isPeer = true;
  if (Error error = warmPageCache())
    return error;
  for (int round = 0; round < options.compileRepetitions; ++round) {
    progress("merging and saving by PEFT");
    std::string output = *work / "peft-merged";
    Expected<CommandResult> done =
        runCommand(peftMergeCommand(options, input, output), log("peft-merge"));
    std::error_code code;
    fs::remove_all(output, code);
    if (!done) {
      note("PEFT merge and save: left out: " + done.message());
      return Error::success();
    }
    Expected<double> copied = copyCheckpoint();
    if (!copied)
      return copied.takeError();
    result.seconds.push_back(done->seconds);
    result.copySeconds.push_back(*copied);
    result.peakPrivateBytes =
        std::max(result.peakPrivateBytes, done->peak.privateBytes);
  }
  results.compiles.push_back(std::move(result));
  return Error::success();
}
