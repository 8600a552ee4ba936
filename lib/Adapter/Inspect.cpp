//===- Inspect.cpp - What an adapter is -----------------------------------===//
//
// Singular values come from the factors; no matrix with both dimensions of a
// layer is made.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Adapter/Inspect.h"
#include "AdaptedModel.h"
#include "AdapterBranches.h"
#include "Json.h"
#include "LowRank.h"

#include <cmath>

using namespace lora;
using lora_rt::Error;
using lora_rt::Expected;
using lora_rt::OrderedJson;
using lora_rt::TensorView;

/// What a tensor is that is neither A nor B.
static std::string kindOf(std::string_view name) {
  if (name.find(".lora_magnitude_vector") != std::string_view::npos)
    return "DoRA magnitude";
  if (name.ends_with(".lora_B.bias"))
    return "bias on B";
  if (name.find(".token_adapter.") != std::string_view::npos)
    return "trained rows of an embedding";
  if (name.ends_with(".base_layer.weight"))
    return "base weight";
  if (name.ends_with(".bias"))
    return "bias";
  if (name.find(".lora_") != std::string_view::npos)
    return "unknown";
  return "saved module";
}

static Expected<TargetFacts> measure(const AdapterBranch &branch) {
  TargetFacts facts{branch.target,
                    branch.embedding,
                    branch.out(),
                    branch.in(),
                    branch.rank(),
                    branch.scale,
                    0,
                    {},
                    0};
  auto factors = factorsOf(branch);
  if (!factors)
    return factors.takeError();
  auto svd = svdOfProduct(factors->b, factors->a);
  if (!svd)
    return lora_rt::makeError(lora_rt::ErrorCode::InvalidFile, "target '",
                              branch.target, "': ", svd.message());
  double squares = 0;
  for (double value : svd->s) {
    squares += value * value;
    facts.numericalRank += value > 1e-6 * svd->s.front();
  }
  facts.norm = std::abs(branch.scale) * std::sqrt(squares);
  for (size_t i = 0; squares > 0 && i < std::min<size_t>(4, svd->s.size()); ++i)
    facts.shares.push_back(svd->s[i] * svd->s[i] / squares);
  return facts;
}

/// Records whether and how the adapter fits a model. That it does not fit is a
/// fact, not an error.
static void tryOn(AdapterFacts &facts, const std::string &modelFolder,
                  const Reporting &reporting) {
  facts.hasModel = true;
  auto model =
      AdaptedModel::open(modelFolder, {{facts.folder}}, reporting.warning);
  if (model)
    facts.changedTensors = int64_t((*model)->tensors().size());
  else
    facts.misfit = model.message();
}

Expected<AdapterFacts> lora::inspectAdapter(const std::string &folder,
                                            const std::string &modelFolder,
                                            const Reporting &reporting) {
  auto opened = BranchedAdapter::open(folder);
  if (!opened)
    return opened.takeError();
  const peft::PeftConfig &config = opened->adapter.config();
  AdapterFacts facts;
  facts.folder = folder;
  OrderedJson json =
      OrderedJson::parse(config.text, nullptr, /*allow_exceptions=*/false);
  auto text = [&](const char *key) {
    auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>()
                                                     : std::string();
  };
  facts.base = text("base_model_name_or_path");
  facts.task = text("task_type");
  facts.peftVersion = text("peft_version");
  facts.rank = config.rank;
  facts.alpha = config.alpha;
  facts.rankStabilized = config.rankStabilized;
  facts.targetModules =
      json.contains("target_modules") ? json["target_modules"].dump() : "null";
  facts.nonlinear = opened->nonlinearity();
  for (std::string_view name : opened->adapter.names()) {
    const TensorView &view = *opened->adapter.find(name);
    facts.parameters += view.elements();
    facts.bytes += view.bytes.size();
    ++facts.types[std::string(lora_rt::safetensorsName(view.dtype))];
  }
  for (const AdapterBranch &branch : opened->branches) {
    auto target = measure(branch);
    if (!target)
      return lora_rt::makeError(lora_rt::ErrorCode::InvalidFile, folder, ": ",
                                target.message());
    facts.targets.push_back(std::move(*target));
  }
  for (const std::string &name : opened->others)
    facts.special.emplace_back(name, kindOf(name));
  if (!modelFolder.empty())
    tryOn(facts, modelFolder, reporting);
  return facts;
}
