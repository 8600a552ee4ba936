//===- AdapterBranches.cpp - An adapter as pairs of factors ---------------===//
//
// The rank and the scale of a layer follow the same rules as when an adapter is
// attached to a model. The layers are those that the adapter has tensors for.
//
//===----------------------------------------------------------------------===//

#include "AdapterBranches.h"
#include "Json.h"

#include <algorithm>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;
using lora_rt::OrderedJson;
using lora_rt::TensorView;

/// Splits "MODULE.lora_A.weight"; false for other tensors.
static bool splitName(std::string_view name, std::string &target,
                      bool &embedding) {
  for (std::string_view suffix : {".lora_A.weight", ".lora_embedding_A"})
    if (name.ends_with(suffix)) {
      target = name.substr(0, name.size() - suffix.size());
      embedding = suffix == ".lora_embedding_A";
      return true;
    }
  return false;
}

Expected<BranchedAdapter> BranchedAdapter::open(const std::string &folder) {
  auto opened = peft::PeftAdapter::open(folder);
  if (!opened)
    return opened.takeError();
  BranchedAdapter result{std::move(*opened), {}, {}};
  const peft::PeftAdapter &adapter = result.adapter;
  std::set<std::string> used;
  std::vector<peft::LayerInfo> layers;
  for (std::string_view name : adapter.names()) {
    AdapterBranch branch;
    if (!splitName(name, branch.target, branch.embedding))
      continue;
    std::string other = branch.target + "." + branch.nameOfB();
    branch.a = adapter.find(name);
    branch.b = adapter.find(other);
    if (!branch.b)
      return makeError(ErrorCode::InvalidFile, folder, ": no tensor '",
                       adapter.keyOf(other), "' beside '", branch.a->name, "'");
    if (branch.a->shape.size() != 2 || branch.b->shape.size() != 2 ||
        branch.a->shape[0] != branch.b->shape[1] || branch.a->shape[0] == 0)
      return makeError(ErrorCode::InvalidFile, folder, ": '", branch.a->name,
                       "' ", lora_rt::shapeText(branch.a->shape), " and '",
                       branch.b->name, "' ",
                       lora_rt::shapeText(branch.b->shape),
                       " are not A [rank, in] and B [out, rank]");
    used.insert(std::string(name));
    used.insert(other);
    std::string_view last = branch.target;
    last.remove_prefix(last.rfind('.') + 1);
    // If both tensors are there, the model tied them.
    bool tied = adapter.config().ensureWeightTying &&
                (last == "embed_tokens" || last == "lm_head");
    layers.push_back({branch.target,
                      branch.embedding ? peft::LayerKind::Embedding
                                       : peft::LayerKind::Linear,
                      tied});
    result.branches.push_back(std::move(branch));
  }
  for (std::string_view name : adapter.names())
    if (!used.count(std::string(name)))
      result.others.emplace_back(name);
  if (result.branches.empty() && result.others.empty())
    return makeError(ErrorCode::InvalidFile, folder, ": has no tensors");

  // A null target_modules means the usual targets of the architecture. Here it
  // means the layers that there are tensors for.
  std::vector<std::string> all;
  for (const peft::LayerInfo &layer : layers)
    all.push_back(layer.path);
  auto selection = peft::selectTargets(adapter.config(), layers, all);
  if (!selection)
    return selection.takeError();
  for (const peft::Target &target : selection->targets) {
    AdapterBranch &branch = result.branches[target.layer];
    branch.scale = target.scale;
    if (target.rank != branch.rank())
      return makeError(ErrorCode::InvalidFile, folder, ": tensor '",
                       branch.a->name, "' is ",
                       lora_rt::shapeText(branch.a->shape),
                       ", but adapter_config.json gives rank ", target.rank);
  }
  if (selection->targets.size() != result.branches.size())
    for (size_t i = 0; i < layers.size(); ++i)
      if (std::none_of(
              selection->targets.begin(), selection->targets.end(),
              [&](const peft::Target &target) { return target.layer == i; }))
        return makeError(ErrorCode::InvalidFile, folder,
                         ": adapter_config.json does not target '",
                         layers[i].path, "', which has tensors");
  return result;
}

std::string BranchedAdapter::nonlinearity() const {
  using Init = peft::PeftConfig::Init;
  using Bias = peft::PeftConfig::Bias;
  const peft::PeftConfig &config = adapter.config();
  if (config.dora)
    return "'use_dora' is set: DoRA scales whole rows of weights";
  if (config.init == Init::Pissa || config.init == Init::Olora)
    return std::string("'init_lora_weights' is \"") +
           (config.init == Init::Pissa ? "pissa" : "olora") +
           "\": the adapter also changes the base weights";
  if (config.loraBias)
    return "'lora_bias' is set";
  if (!config.trainableTokens.empty())
    return "'trainable_token_indices' is set";
  if (config.bias != Bias::None)
    return std::string("'bias' is \"") +
           (config.bias == Bias::All ? "all" : "lora_only") +
           "\": biases are replaced";
  for (const std::string &name : others)
    if (name.find(".lora_") != std::string::npos)
      return "tensor '" + name + "' is neither A nor B";
  return {};
}

Expected<DenseMatrix> lora::toMatrix(const TensorView &tensor) {
  if (tensor.shape.size() != 2 || !lora_rt::isFloat(tensor.dtype))
    return makeError(ErrorCode::InvalidFile, "tensor '", tensor.name,
                     "': expected a matrix of floating-point numbers, but got ",
                     lora_rt::safetensorsName(tensor.dtype), " ",
                     lora_rt::shapeText(tensor.shape));
  auto matrix = DenseMatrix::create(tensor.shape[0], tensor.shape[1]);
  if (!matrix)
    return matrix;
  if (Error error = lora_rt::convert(tensor.dtype, tensor.bytes.data(),
                                     lora_rt::DType::F64, matrix->data(),
                                     size_t(tensor.elements())))
    return error;
  return matrix;
}

Expected<Factors> lora::factorsOf(const AdapterBranch &branch) {
  auto a = toMatrix(*branch.a);
  if (!a)
    return a.takeError();
  auto b = toMatrix(*branch.b);
  if (!b)
    return b.takeError();
  return Factors{std::move(*b), std::move(*a)};
}

/// The value that most layers have; of several such values the first.
template <typename T> static T mostFrequent(const std::vector<T> &values) {
  T best = values.front();
  int64_t most = 0;
  for (const T &value : values)
    if (int64_t n = std::count(values.begin(), values.end(), value); n > most) {
      most = n;
      best = value;
    }
  return best;
}

std::string lora::withKeys(const std::string &text,
                           const std::map<std::string, std::string> &values) {
  OrderedJson json =
      OrderedJson::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object())
    json = OrderedJson::object();
  for (const auto &[key, value] : values)
    json[key] = OrderedJson::parse(value);
  return json.dump();
}

std::string lora::quoted(const std::string &text) {
  return OrderedJson(text).dump(-1, ' ', /*ensure_ascii=*/false,
                                OrderedJson::error_handler_t::replace);
}

Expected<peft::PeftConfig>
lora::configFor(const std::string &text, const std::vector<TargetRank> &targets,
                const std::string &where) {
  std::vector<int64_t> ranks;
  std::vector<double> alphas;
  std::set<std::string> paths;
  for (const TargetRank &target : targets) {
    ranks.push_back(target.rank);
    alphas.push_back(target.alpha);
    paths.insert(target.path);
  }
  int64_t rank = mostFrequent(ranks);
  double alpha = mostFrequent(alphas);
  OrderedJson rankPattern = OrderedJson::object(),
              alphaPattern = OrderedJson::object();
  // A pattern is needed only for a rank or an alpha that is not the default.
  // Its key is the whole path, so that it matches no other layer.
  for (const TargetRank &target : targets) {
    if (target.rank != rank)
      rankPattern[target.path] = target.rank;
    if (target.alpha != alpha)
      alphaPattern[target.path] = target.alpha;
  }
  auto number = [](double value) {
    auto whole = int64_t(value);
    return double(whole) == value ? OrderedJson(whole) : OrderedJson(value);
  };
  return peft::parsePeftConfig(
      withKeys(text, {{"peft_type", "\"LORA\""},
                      {"r", std::to_string(rank)},
                      {"lora_alpha", number(alpha).dump()},
                      {"use_rslora", "false"},
                      {"init_lora_weights", "true"},
                      {"rank_pattern", rankPattern.dump()},
                      {"alpha_pattern", alphaPattern.dump()},
                      {"target_modules", OrderedJson(paths).dump()},
                      {"exclude_modules", "null"},
                      {"layers_to_transform", "null"},
                      {"layers_pattern", "null"}}),
      where);
}

peft::AdapterTensor lora::makeTensor(const std::string &name,
                                     const DenseMatrix &matrix) {
  return {
      peft::fileKey(name), {matrix.rows(), matrix.columns()}, matrix.toFloat()};
}
