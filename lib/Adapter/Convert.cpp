//===- Convert.cpp - Adapters from one format to another ------------------===//
//
// Reads an adapter in the format of PEFT, loralib or mlx-lm into factors with
// scales, and writes them in another of these formats. An adapter that the
// target format cannot express is an error, never an approximation.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Adapter/Convert.h"
#include "AdapterBranches.h"
#include "Companions.h"
#include "Loralib.h"
#include "Mlx.h"
#include "lora-mlir/Import/WeightedAdapter.h"
#include "lora-mlir/Support/StagedFolder.h"
#include "lora-runtime/OutputPath.h"

#include <cmath>
#include <filesystem>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;

Error lora::padRank(TargetFactors &target, int64_t rank) {
  if (rank < target.rank())
    return makeError(ErrorCode::InvalidArgument, "target '", target.path,
                     "' has rank ", target.rank(), ", above ", rank,
                     "; lora-adapter combine --rank truncates");
  auto a = DenseMatrix::create(rank, target.a.columns());
  if (!a)
    return a.takeError();
  auto b = DenseMatrix::create(target.b.rows(), rank);
  if (!b)
    return b.takeError();
  std::copy_n(target.a.data(), target.a.rows() * target.a.columns(), a->data());
  for (int64_t i = 0; i < b->rows(); ++i)
    std::copy_n(target.b.row(i), target.b.columns(), b->row(i));
  target.a = std::move(*a);
  target.b = std::move(*b);
  return Error::success();
}

static Expected<std::vector<TargetFactors>>
readPeft(const BranchedAdapter &adapter) {
  std::vector<TargetFactors> targets;
  for (const AdapterBranch &branch : adapter.branches) {
    auto factors = factorsOf(branch);
    if (!factors)
      return factors.takeError();
    targets.push_back({branch.target, branch.embedding, std::move(factors->a),
                       std::move(factors->b), branch.scale});
  }
  return targets;
}

/// What a PEFT folder gets in addition to branches.
struct Rest {
  /// The folder with the tokenizer.
  std::string folder;
  const BranchedAdapter *source = nullptr;
  /// Keys of adapter_config.json with values as JSON.
  std::map<std::string, std::string> keys;
};

static Error writePeft(const std::vector<TargetFactors> &targets,
                       const Rest &rest, const std::string &output) {
  auto folder = StagedFolder::create(output);
  if (!folder)
    return folder.takeError();
  std::vector<peft::AdapterTensor> tensors;
  std::vector<TargetRank> ranks;
  for (const TargetFactors &target : targets) {
    bool embedding = target.embedding;
    tensors.push_back(makeTensor(
        target.path + (embedding ? ".lora_embedding_A" : ".lora_A.weight"),
        target.a));
    tensors.push_back(makeTensor(
        target.path + (embedding ? ".lora_embedding_B" : ".lora_B.weight"),
        target.b));
    if (!target.magnitude.empty())
      tensors.push_back({peft::fileKey(target.path + ".lora_magnitude_vector"),
                         {int64_t(target.magnitude.size())},
                         target.magnitude});
    ranks.push_back(
        {target.path, target.rank(), target.scale * double(target.rank())});
  }
  if (const BranchedAdapter *source = rest.source)
    for (const std::string &name : source->others) {
      const lora_rt::TensorView *view = source->adapter.find(name);
      peft::AdapterTensor tensor{peft::fileKey(name), view->shape, {}};
      tensor.values.resize(size_t(view->elements()));
      if (Error error = lora_rt::convertToFloat(view->dtype, view->bytes.data(),
                                                tensor.values))
        return error;
      tensors.push_back(std::move(tensor));
    }
  if (!rest.folder.empty()) {
    auto tokenizer = findTokenizer(rest.folder);
    if (!tokenizer)
      return tokenizer.takeError();
    if (Error error = copyTokenizer(*folder, *tokenizer))
      return error;
  }
  std::string text = rest.source ? rest.source->adapter.config().text : "{}";
  auto config = configFor(text, ranks, output);
  if (!config)
    return config.takeError();
  config->text = withKeys(config->text, rest.keys);
  if (Error error = peft::writePeftAdapter(folder->path(), *config, tensors))
    return error;
  return folder->commit();
}

Expected<ConvertReport> lora::convertAdapter(const ConvertOptions &options,
                                             const Reporting &reporting) {
  if (Error error =
          lora_rt::checkOutput(options.output, {options.input, options.base}))
    return error;
  ConvertReport report;
  std::optional<BranchedAdapter> source;
  std::vector<TargetFactors> targets;
  Rest rest;
  std::error_code code;
  if (peft::isMlxAdapter(options.input)) {
    auto read = readMlx(options, reporting);
    if (!read)
      return read.takeError();
    targets = std::move(read->targets);
    rest.folder = options.input;
    rest.keys = {{"task_type", "\"CAUSAL_LM\""},
                 {"use_dora", read->dora ? "true" : "false"}};
    const std::string &model =
        options.base.empty() ? read->model : options.base;
    if (!model.empty())
      rest.keys["base_model_name_or_path"] = quoted(model);
    if (read->dora && options.format != AdapterFormat::Peft)
      return makeError(ErrorCode::Unsupported, options.input,
                       ": is DoRA, which a loralib file cannot hold");
  } else if (std::filesystem::is_directory(options.input, code)) {
    auto adapter = BranchedAdapter::open(options.input);
    if (!adapter)
      return adapter.takeError();
    source = std::move(*adapter);
    // The initialization of PiSSA and OLoRA depends on the rank and the scale.
    std::string reason = source->nonlinearity();
    if (!reason.empty())
      return makeError(ErrorCode::Unsupported, options.input,
                       ": cannot be converted: ", reason);
    auto read = readPeft(*source);
    if (!read)
      return read.takeError();
    targets = std::move(*read);
    rest.folder = options.input;
    rest.source = &*source;
  } else {
    auto read = readLoralib(options, report);
    if (!read)
      return read.takeError();
    targets = std::move(*read);
  }
  if (options.rank != 0)
    for (TargetFactors &target : targets)
      if (Error error = padRank(target, options.rank))
        return error;
  report.targets = int64_t(targets.size());
  if (options.format == AdapterFormat::Peft) {
    if (Error error = writePeft(targets, rest, options.output))
      return error;
    return report;
  }
  if (source && !source->others.empty())
    return makeError(ErrorCode::Unsupported, options.input, ": tensor '",
                     source->others.front(),
                     "' is not a low-rank factor, which is all that ",
                     options.format == AdapterFormat::Mlx ? "mlx-lm's adapters"
                                                          : "a loralib file",
                     " can hold");
  if (options.format == AdapterFormat::Mlx) {
    if (Error error = writeMlx(
            std::move(targets),
            source ? source->adapter.config() : peft::PeftConfig(), options))
      return error;
    return report;
  }
  if (Error error = writeLoralib(targets, options))
    return error;
  return report;
}
