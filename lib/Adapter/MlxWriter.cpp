//===- MlxWriter.cpp - Writing adapters of mlx-lm -------------------------===//
//
// mlx-lm makes branches of one rank and one scale on every layer that `keys`
// names, and then reads the tensors of the file. Branches without tensors stay
// zero.
//
//===----------------------------------------------------------------------===//

#include "Json.h"
#include "Mlx.h"
#include "lora-mlir/Import/ModelConfig.h"
#include "lora-mlir/Support/StagedFolder.h"
#include "lora-runtime/Safetensors.h"

#include <algorithm>
#include <set>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;
using lora_rt::OrderedJson;

/// mlx-lm's path of a layer; empty if it has none.
static std::string mlxPath(const std::string &target) {
  constexpr std::string_view gpt2 = "transformer.";
  if (target.starts_with(gpt2))
    return "model." + target.substr(gpt2.size());
  return target.starts_with("model.") || target == "lm_head" ? target : "";
}

/// The entry of `keys` for a path: the part after "model.layers.3." or
/// "model.h.3."; elsewhere the whole path.
static std::string keyOf(const std::string &path) {
  for (std::string_view layers : {"model.layers.", "model.h."})
    if (path.starts_with(layers)) {
      size_t end = path.find('.', layers.size());
      if (end != std::string::npos)
        return path.substr(end + 1);
    }
  return path;
}

/// Whether the head's branch is the transpose of the embedding's.
static bool isTransposed(const TargetFactors &head,
                         const TargetFactors &table) {
  auto same = [](const DenseMatrix &x, const DenseMatrix &y) {
    bool equal = x.rows() == y.columns() && x.columns() == y.rows();
    for (int64_t i = 0; equal && i < x.rows(); ++i)
      for (int64_t j = 0; equal && j < x.columns(); ++j)
        equal = x(i, j) == y(j, i);
    return equal;
  };
  return head.scale == table.scale && same(head.a, table.b) &&
         same(head.b, table.a);
}

/// Removes the head's branch if the model ties the head to the embedding:
/// mlx-lm has one branch for both.
static Error joinTied(std::vector<TargetFactors> &targets,
                      const ConvertOptions &options) {
  const TargetFactors *head = nullptr, *table = nullptr;
  for (const TargetFactors &target : targets)
    if (target.path == "lm_head")
      head = &target;
    else if (target.embedding && !matchesTarget(target.path, "wpe"))
      table = &target;
  if (!head && !table)
    return Error::success();
  const std::string &name = (table ? table : head)->path;
  if (options.base.empty())
    return makeError(ErrorCode::InvalidArgument, options.input,
                     ": has a branch on '", name,
                     "', which mlx-lm adapts together with the other one where "
                     "the model ties embedding and head; say which model with "
                     "--base MODEL_DIR");
  auto model = readModelConfig(options.base);
  if (!model)
    return model.takeError();
  if (!model->tied)
    return Error::success();
  if (!head || !table || !isTransposed(*head, *table))
    return makeError(ErrorCode::Unsupported, options.input,
                     ": does not do "
                     "the same to the head as to the embedding; mlx-lm has one "
                     "branch for both in a model that ties them");
  std::erase_if(targets, [](const TargetFactors &target) {
    return target.path == "lm_head";
  });
  return Error::success();
}

/// The scale that most layers have. The B of the others is multiplied.
static double commonScale(const std::vector<TargetFactors> &targets) {
  std::map<double, size_t> counts;
  for (const TargetFactors &target : targets)
    ++counts[target.scale];
  double scale = targets.front().scale;
  for (const auto &[value, count] : counts)
    if (value != 0 && (scale == 0 || count > counts[scale]))
      scale = value;
  return scale == 0 ? 1 : scale;
}

Error lora::writeMlx(std::vector<TargetFactors> targets,
                     const peft::PeftConfig &config,
                     const ConvertOptions &options) {
  if (Error error = joinTied(targets, options))
    return error;
  if (targets.empty())
    return makeError(ErrorCode::InvalidFile, options.input,
                     ": has no branches");
  int64_t rank = 0;
  for (const TargetFactors &target : targets)
    rank = std::max(rank, target.rank());
  double scale = commonScale(targets);

  std::vector<lora_rt::TensorSpec> specs;
  std::vector<std::pair<std::string, std::vector<float>>> values;
  std::set<std::string> keys;
  for (TargetFactors &target : targets) {
    std::string path = mlxPath(target.path);
    if (path.empty())
      return makeError(ErrorCode::Unsupported, options.input, ": target '",
                       target.path,
                       "' is of no model that mlx-lm has (model.*, "
                       "transformer.*, lm_head)");
    keys.insert(keyOf(path));
    if (Error error = padRank(target, rank))
      return error;
    for (int64_t i = 0; target.scale != scale && i < target.b.rows(); ++i)
      for (int64_t k = 0; k < rank; ++k)
        target.b(i, k) *= target.scale / scale;
    for (auto [name, matrix] :
         {std::pair(".lora_a", &target.a), std::pair(".lora_b", &target.b)}) {
      auto turned = transposed(*matrix);
      if (!turned)
        return turned.takeError();
      specs.push_back({path + name,
                       lora_rt::DType::F32,
                       {turned->rows(), turned->columns()}});
      values.emplace_back(path + name, turned->toFloat());
    }
  }
  OrderedJson json;
  json["fine_tune_type"] = "lora";
  json["lora_parameters"] = {{"dropout", config.dropout},
                             {"keys", keys},
                             {"rank", rank},
                             {"scale", scale}};
  OrderedJson source =
      OrderedJson::parse(config.text, nullptr, /*allow_exceptions=*/false);
  if (source.is_object() && source.contains("base_model_name_or_path"))
    json["model"] = source["base_model_name_or_path"];
  // -1 means all layers.
  json["num_layers"] = -1;

  auto folder = StagedFolder::create(options.output);
  if (!folder)
    return folder.takeError();
  auto writer =
      lora_rt::SafetensorsWriter::create(folder->pathOf("adapters.safetensors"),
                                         std::move(specs), {{"format", "mlx"}});
  if (!writer)
    return writer.takeError();
  for (const auto &[name, numbers] : values)
    if (Error error = writer->writeFloats(name, numbers))
      return error;
  if (Error error = writer->commit())
    return error;
  if (Error error = folder->writeText(
          "adapter_config.json",
          json.dump(4, ' ', false, OrderedJson::error_handler_t::replace) +
              "\n"))
    return error;
  return folder->commit();
}
