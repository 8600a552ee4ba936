//===- PeftWriter.cpp - Writing adapter folders ---------------------------===//
//
// The config has all 41 keys of PEFT 0.21, sorted, indented by 2. Keys of the
// source are kept, and so is the order inside rank_pattern and alpha_pattern:
// the first key that matches counts, so sorting could change the ranks.
//
//===----------------------------------------------------------------------===//

#include "Json.h"
#include "lora-mlir/Import/PeftAdapter.h"

#include <algorithm>
#include <filesystem>
#include <map>

namespace lora::peft {

using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;
using lora_rt::OrderedJson;

/// The keys that PEFT 0.21 writes, with its defaults.
static const char *const defaults = R"({
  "alora_invocation_tokens": null, "alpha_pattern": {}, "arrow_config": null,
  "auto_mapping": null, "base_model_name_or_path": null, "bias": "none",
  "corda_config": null, "ensure_weight_tying": false, "eva_config": null,
  "exclude_modules": null, "fan_in_fan_out": false, "inference_mode": true,
  "init_lora_weights": true, "kasa_config": null, "layer_replication": null,
  "layers_pattern": null, "layers_to_transform": null, "loftq_config": {},
  "lora_alpha": 8, "lora_bias": false, "lora_dropout": 0.0,
  "lora_ga_config": null, "megatron_config": null,
  "megatron_core": "megatron.core", "modules_to_save": null,
  "monteclora_config": null, "peft_type": "LORA", "peft_version": "0.21.2",
  "qalora_group_size": 16, "r": 8, "rank_pattern": {}, "revision": null,
  "target_modules": null, "target_parameters": null, "task_type": null,
  "trainable_token_indices": null, "use_bdlora": null, "use_dora": false,
  "use_qalora": false, "use_rslora": false, "velora_config": null
})";

std::string writePeftConfig(const PeftConfig &config) {
  OrderedJson source =
      OrderedJson::parse(config.text, nullptr, /*allow_exceptions=*/false);
  OrderedJson standard = OrderedJson::parse(defaults);
  std::map<std::string, OrderedJson> sorted;
  for (const auto &[key, value] : standard.items())
    sorted[key] = value;
  if (source.is_object())
    for (const auto &[key, value] : source.items())
      sorted[key] = value;
  sorted["inference_mode"] = true;
  // These are sets in PEFT, which writes them sorted.
  for (const char *key : {"exclude_modules", "target_modules"})
    if (sorted[key].is_array())
      std::sort(sorted[key].begin(), sorted[key].end());
  OrderedJson out = OrderedJson::object();
  for (auto &[key, value] : sorted)
    out[key] = std::move(value);
  return out.dump(2, ' ', /*ensure_ascii=*/true,
                  OrderedJson::error_handler_t::replace);
}

Error writePeftAdapter(const std::string &folder, const PeftConfig &config,
                       std::span<const AdapterTensor> tensors) {
  namespace fs = std::filesystem;
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed)
    return makeError(ErrorCode::System, folder,
                     ": cannot make the folder: ", failed.message());

  std::vector<lora_rt::TensorSpec> specs;
  for (const AdapterTensor &tensor : tensors)
    specs.push_back({tensor.key, lora_rt::DType::F32, tensor.shape});
  Expected<lora_rt::SafetensorsWriter> writer =
      lora_rt::SafetensorsWriter::create(
          (fs::path(folder) / "adapter_model.safetensors").string(),
          std::move(specs));
  if (!writer)
    return writer.takeError();
  for (const AdapterTensor &tensor : tensors)
    if (Error error = writer->writeFloats(tensor.key, tensor.values))
      return error;
  // Both files are written before one of them appears.
  std::string text = writePeftConfig(config);
  Expected<lora_rt::OutputFile> file = lora_rt::OutputFile::create(
      (fs::path(folder) / "adapter_config.json").string());
  if (!file)
    return file.takeError();
  if (Error error = file->append(std::as_bytes(std::span(text))))
    return error;
  if (Error error = writer->commit())
    return error;
  return file->commit();
}

} // namespace lora::peft
