//===- PeftAdapter.cpp - Reading adapter folders --------------------------===//

#include "lora-mlir/Import/PeftAdapter.h"

#include <filesystem>

namespace lora::peft {

using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;
using lora_rt::TensorView;

namespace {

constexpr std::string_view keyPrefix = "base_model.model.";
constexpr std::string_view modelPrefix = "model.";

/// Drops the adapter's name, which PEFT strips when it saves:
/// "q_proj.lora_A.default.weight" is "q_proj.lora_A.weight".
std::string withoutAdapterName(std::string_view name) {
  for (std::string_view part : {".lora_A.default.", ".lora_B.default."}) {
    size_t at = name.rfind(part);
    if (at != std::string_view::npos)
      return std::string(name.substr(0, at + 7)) +
             std::string(name.substr(at + part.size() - 1));
  }
  return std::string(name);
}

} // namespace

std::string fileKey(std::string_view name) {
  return std::string(keyPrefix) + std::string(name);
}

Expected<PeftAdapter> PeftAdapter::open(const std::string &folder) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  auto exists = [&](const char *name) {
    return fs::exists(fs::path(folder) / name, ignored);
  };
  if (!exists("adapter_config.json"))
    return makeError(ErrorCode::InvalidFile, folder,
                     ": no adapter_config.json; expected a folder that PEFT's "
                     "save_pretrained() wrote");
  Expected<PeftConfig> config =
      readPeftConfig((fs::path(folder) / "adapter_config.json").string());
  if (!config)
    return config.takeError();
  if (!exists("adapter_model.safetensors") &&
      !exists("adapter_model.safetensors.index.json")) {
    if (exists("adapter_model.bin"))
      return makeError(
          ErrorCode::Unsupported, folder,
          ": adapter_model.bin is a pickle, which can run code when it is "
          "read; "
          "convert it with Python: safetensors.torch.save_file(torch.load("
          "'adapter_model.bin', weights_only=True), "
          "'adapter_model.safetensors', {'format': 'pt'})");
    return makeError(
        ErrorCode::InvalidFile, folder,
        ": no adapter_model.safetensors beside "
        "adapter_config.json; an adapter without weights cannot be "
        "attached");
  }
  Expected<lora_rt::Checkpoint> checkpoint =
      lora_rt::Checkpoint::open(folder, "adapter_model");
  if (!checkpoint)
    return checkpoint.takeError();

  PeftAdapter adapter;
  adapter.settings = std::move(*config);
  adapter.headless = checkpoint->size() != 0;
  for (std::string_view key : checkpoint->names()) {
    if (!key.starts_with(keyPrefix))
      return makeError(ErrorCode::InvalidFile, checkpoint->fileOf(key),
                       ": expected tensor '", key, "' to begin with '",
                       keyPrefix, "', as PEFT writes it");
    std::string name = withoutAdapterName(key.substr(keyPrefix.size()));
    adapter.headless &=
        !name.starts_with(modelPrefix) && !name.starts_with("lm_head.");
    auto [place, isNew] = adapter.keys.emplace(name, std::string(key));
    if (!isNew)
      return makeError(ErrorCode::InvalidFile, checkpoint->fileOf(key),
                       ": tensors '", place->second, "' and '", key,
                       "' are the same one");
  }
  adapter.checkpoint = std::move(*checkpoint);
  return adapter;
}

std::vector<std::string_view> PeftAdapter::names() const {
  std::vector<std::string_view> result;
  for (const auto &[name, key] : keys)
    result.push_back(name);
  return result;
}

std::string PeftAdapter::nameInFile(std::string_view name) const {
  if (keys.contains(name))
    return std::string(name);
  if (name.starts_with(modelPrefix))
    return headless ? std::string(name.substr(modelPrefix.size()))
                    : std::string(name);
  std::string longer = std::string(modelPrefix) + std::string(name);
  return keys.contains(longer) ? longer : std::string(name);
}

const TensorView *PeftAdapter::find(std::string_view name) const {
  auto found = keys.find(nameInFile(name));
  return found == keys.end() ? nullptr : checkpoint.find(found->second);
}

std::string PeftAdapter::keyOf(std::string_view name) const {
  return fileKey(nameInFile(name));
}

} // namespace lora::peft
