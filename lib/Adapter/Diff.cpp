//===- Diff.cpp - Two models to an adapter --------------------------------===//
//
// One tensor is in memory at a time. Every tensor that differs is either in the
// adapter or in the report.
//
//===----------------------------------------------------------------------===//

#include "AdaptedModel.h"
#include "AdapterBranches.h"
#include "Companions.h"
#include "Json.h"
#include "LowRank.h"
#include "lora-mlir/Adapter/Algebra.h"
#include "lora-mlir/Import/Import.h"
#include "lora-mlir/Support/StagedFolder.h"
#include "lora-runtime/OutputPath.h"

#include <algorithm>
#include <cmath>
#include <map>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;
using lora_rt::TensorView;

namespace {

class Differ {
public:
  Differ(const DiffOptions &options, const Reporting &reporting,
         const AdaptedModel &base, lora_rt::Checkpoint tuned)
      : options(options), reporting(reporting), base(base),
        tuned(std::move(tuned)) {}

  /// Fails if the tuned model has a head of its own where the base model ties
  /// it to the embedding.
  Error refuseOwnHead() const;
  /// Warns of tensors that the base model does not have.
  void noteAdded() const;
  Error compareOthers();
  Error compareLinears();
  Expected<AlgebraReport> write(StagedFolder folder);

private:
  Expected<const TensorView *> partner(const TensorView &tensor) const;
  Expected<bool> differs(const TensorView &a, const TensorView &b) const;
  Error save(const std::string &name, const TensorView &tensor);
  Error approximate(const ModelParameter &linear, const TensorView &now);

  const DiffOptions &options;
  const Reporting &reporting;
  const AdaptedModel &base;
  lora_rt::Checkpoint tuned;
  std::map<std::string, peft::AdapterTensor> tensors;
  std::vector<TargetRank> ranks;
  std::set<std::string> savedLayers;
  AlgebraReport report;
};

} // namespace

/// The tensor of the tuned model with the name of a tensor of the base model.
Expected<const TensorView *> Differ::partner(const TensorView &tensor) const {
  auto found = getTensor(tuned, tensor.name);
  if (found &&
      ((*found)->shape != tensor.shape || !lora_rt::isFloat((*found)->dtype)))
    return makeError(
        ErrorCode::InvalidFile, tuned.folder(), ": tensor '", tensor.name,
        "' is ", lora_rt::safetensorsName((*found)->dtype), " ",
        lora_rt::shapeText((*found)->shape), ", but ",
        lora_rt::shapeText(tensor.shape), " in ", base.checkpoint().folder(),
        "; these are not two versions of one model");
  return found;
}

static Expected<std::vector<float>> floats(const TensorView &tensor) {
  std::vector<float> values(size_t(tensor.elements()));
  if (Error error =
          lora_rt::convertToFloat(tensor.dtype, tensor.bytes.data(), values))
    return error;
  return values;
}

Expected<bool> Differ::differs(const TensorView &a, const TensorView &b) const {
  auto was = floats(a);
  if (!was)
    return was.takeError();
  auto is = floats(b);
  if (!is)
    return is.takeError();
  return *was != *is;
}

Error Differ::save(const std::string &name, const TensorView &tensor) {
  auto values = floats(tensor);
  if (!values)
    return values.takeError();
  tensors[name] = {peft::fileKey(name), tensor.shape, std::move(*values)};
  savedLayers.insert(name.substr(0, name.rfind('.')));
  report.saved.push_back(name);
  return Error::success();
}

Error Differ::refuseOwnHead() const {
  const TensorView *head = tuned.find("lm_head.weight");
  for (const ModelParameter &parameter : base.parameters()) {
    if (!parameter.tied || !head)
      continue;
    const TensorView *table = resolveTensor(tuned, parameter.name);
    if (table && table != head && !lora_rt::haveSameBytes(*table, *head))
      return makeError(
          ErrorCode::Unsupported, tuned.folder(),
          ": has a head of its own ('lm_head.weight'), but in ",
          base.checkpoint().folder(),
          " the head is the embedding: an adapter of the difference would "
          "lose it; give a base model that was saved with both tensors");
  }
  return Error::success();
}

void Differ::noteAdded() const {
  for (std::string_view name : tuned.names())
    if (reporting.warning && !base.checkpoint().find(name) &&
        !resolveTensor(base.checkpoint(), name))
      reporting.warning(tuned.folder() + ": tensor '" + std::string(name) +
                        "' has no partner in " + base.checkpoint().folder() +
                        ", and is left out of the adapter");
}

Error Differ::compareOthers() {
  for (const ModelParameter &parameter : base.parameters()) {
    if (parameter.linear)
      continue;
    auto now = partner(*parameter.stored);
    if (!now)
      return now.takeError();
    auto changed = differs(*parameter.stored, **now);
    if (!changed)
      return changed.takeError();
    if (!*changed)
      continue;
    if (!options.saveModules) {
      report.leftOut.push_back(parameter.name);
      continue;
    }
    if (Error error = save(parameter.name, **now))
      return error;
    // A tied head reads the embedding's table, but PEFT assigns a saved table
    // to the embedding only.
    if (parameter.tied)
      if (Error error = save("lm_head.weight", **now))
        return error;
  }
  return Error::success();
}

Error Differ::approximate(const ModelParameter &linear, const TensorView &now) {
  std::string target = linear.layer();
  if (lora_rt::haveSameBytes(now, *linear.stored))
    return Error::success();
  auto was = toMatrix(*linear.stored);
  if (!was)
    return was.takeError();
  auto is = toMatrix(now);
  if (!is)
    return is.takeError();
  int64_t rows = was->rows(), columns = was->columns();
  bool any = false;
  for (int64_t i = 0; i < rows * columns; ++i) {
    is->data()[i] -= was->data()[i];
    any |= is->data()[i] != 0;
  }
  if (!any)
    return Error::success();
  int64_t most = std::min(rows, columns);
  auto svd =
      truncatedSvd(is->span(), rows, columns, std::min(options.rank, most));
  if (!svd)
    return makeError(ErrorCode::InvalidFile, "tensor '", linear.stored->name,
                     "' of ", tuned.folder(), " less that of ",
                     base.checkpoint().folder(), ": ", svd.message());
  auto factors = balancedFactors(*svd);
  if (!factors)
    return factors.takeError();
  peft::AdapterTensor a = makeTensor(target + ".lora_A.weight", factors->a),
                      b = makeTensor(target + ".lora_B.weight", factors->b);
  if (linear.transposed) {
    // W is stored as [in, out], so its left factor belongs to the input.
    std::vector<float> left = std::move(b.values), right = std::move(a.values);
    auto rank = int64_t(svd->s.size());
    auto exchange = [](const std::vector<float> &values, int64_t m, int64_t n) {
      std::vector<float> result(values.size());
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j)
          result[size_t(j * m + i)] = values[size_t(i * n + j)];
      return result;
    };
    a.shape = {rank, rows};
    a.values = exchange(left, rows, rank);
    b.shape = {columns, rank};
    b.values = exchange(right, rank, columns);
  }
  auto rank = int64_t(svd->s.size());
  ranks.push_back({target, rank, double(rank)});
  report.targets.push_back(
      {target, rank, most, std::sqrt(svd->squaredNorm), lostShare(*svd)});
  tensors[target + ".lora_A.weight"] = std::move(a);
  tensors[target + ".lora_B.weight"] = std::move(b);
  return Error::success();
}

Error Differ::compareLinears() {
  size_t done = 0, all = 0;
  for (const ModelParameter &parameter : base.parameters())
    all += parameter.linear;
  for (const ModelParameter &parameter : base.parameters()) {
    if (!parameter.linear)
      continue;
    auto now = partner(*parameter.stored);
    if (!now)
      return now.takeError();
    // A layer is either saved whole or has a branch. PEFT cannot do both.
    if (savedLayers.count(parameter.layer())) {
      if (Error error = save(parameter.name, **now))
        return error;
    } else if (Error error = approximate(parameter, **now)) {
      return error;
    }
    ++done;
    if (reporting.progress && (done % 16 == 0 || done == all))
      reporting.progress("compared " + std::to_string(done) + " of " +
                         std::to_string(all) + " linear layers");
  }
  return Error::success();
}

Expected<AlgebraReport> Differ::write(StagedFolder folder) {
  if (ranks.empty())
    return makeError(ErrorCode::InvalidArgument, tuned.folder(), " and ",
                     base.checkpoint().folder(), " have the same linear layers",
                     report.leftOut.empty() && report.saved.empty()
                         ? ": there is nothing to make an adapter of"
                         : "; an adapter needs at least one that differs");
  std::string configPath = base.checkpoint().folder() + "/config.json";
  auto configText = lora_rt::readTextFile(configPath);
  if (!configText)
    return configText.takeError();
  auto model = lora_rt::parseJson(*configText, configPath);
  if (!model)
    return model.takeError();
  bool isCausal =
      (*model)["architectures"].is_array() &&
      !(*model)["architectures"].empty() &&
      (*model)["architectures"][0].is_string() &&
      (*model)["architectures"][0].get<std::string>().ends_with("ForCausalLM");
  std::map<std::string, std::string> keys = {
      {"base_model_name_or_path", quoted(options.baseFolder)},
      {"task_type", isCausal ? "\"CAUSAL_LM\"" : "null"}};
  if (!savedLayers.empty())
    keys["modules_to_save"] = lora_rt::Json(savedLayers).dump();
  auto config = configFor("{}", ranks, options.outputFolder);
  if (!config)
    return config.takeError();
  config->text = withKeys(config->text, keys);
  std::vector<peft::AdapterTensor> list;
  for (auto &[name, tensor] : tensors)
    list.push_back(std::move(tensor));
  if (Error error = peft::writePeftAdapter(folder.path(), *config, list))
    return error;
  if (Error error = folder.commit())
    return error;
  return std::move(report);
}

Expected<AlgebraReport> lora::diffModels(const DiffOptions &options,
                                         const Reporting &reporting) {
  if (options.rank < 1)
    return makeError(ErrorCode::InvalidArgument,
                     "expected a rank of at least 1, but got ", options.rank);
  if (Error error = lora_rt::checkOutput(
          options.outputFolder, {options.baseFolder, options.tunedFolder}))
    return error;
  auto folder = StagedFolder::create(options.outputFolder);
  if (!folder)
    return folder.takeError();
  auto base = AdaptedModel::open(options.baseFolder, {}, reporting.warning);
  if (!base)
    return base.takeError();
  auto tuned = lora_rt::Checkpoint::open(options.tunedFolder);
  if (!tuned)
    return tuned.takeError();
  auto tokenizer = findTokenizer(options.tunedFolder, reporting);
  if (!tokenizer)
    return tokenizer.takeError();
  auto former = findTokenizer(options.baseFolder);
  if (!former)
    return former.takeError();
  auto same = areSame(*former, *tokenizer);
  if (!same)
    return same.takeError();
  // An unchanged tokenizer stays with the model.
  if (!*same)
    if (Error error = copyTokenizer(*folder, *tokenizer))
      return error;
  Differ differ(options, reporting, **base, std::move(*tuned));
  if (Error error = differ.refuseOwnHead())
    return error;
  differ.noteAdded();
  if (Error error = differ.compareOthers())
    return error;
  if (Error error = differ.compareLinears())
    return error;
  return differ.write(std::move(*folder));
}
