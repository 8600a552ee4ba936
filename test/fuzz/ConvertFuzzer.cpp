//===- ConvertFuzzer.cpp - Adapters of mlx-lm and of loralib --------------===//
//
// The input describes a folder of mlx-lm: {"config": JSON of
// adapter_config.json, "tensors": header of adapters.safetensors without
// offsets}. The same tensors are also read as a file of loralib, with the
// options in "loralib".
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "Loralib.h"
#include "Mlx.h"
#include "Tensors.h"

static constexpr const char *words[] = {
    "config",
    "tensors",
    "loralib",
    "dtype",
    "shape",
    "F32",
    "BF16",
    "U32",
    "lora_parameters",
    "rank",
    "scale",
    "alpha",
    "keys",
    "num_layers",
    "lora_layers",
    "fine_tune_type",
    "dora",
    "full",
    "model.layers.0.self_attn.q_proj.lora_a",
    "model.layers.0.self_attn.q_proj.lora_b",
    "model.layers.0.self_attn.q_proj.m",
    "model.embed_tokens.lora_a",
    "model.embed_tokens.lora_b",
    "model.h.0.attn.c_attn.lora_a",
    "language_model.",
    "transformer.h.0.attn.c_attn.lora_A",
    "transformer.h.0.attn.c_attn.lora_B",
    "transformer.h.0.attn.c_attn.weight",
    "enable"};

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  return fuzz::mutateText(data, size, maxSize, seed, words);
}

/// Checks what every reader promises of its branches.
static void check(const std::vector<lora::TargetFactors> &targets) {
  for (const lora::TargetFactors &factors : targets) {
    CHECK(!factors.path.empty());
    CHECK(factors.a.rows() == factors.b.columns());
    CHECK(factors.rank() > 0);
  }
}

static void readLoralib(const std::string &path, const fuzz::Json &settings) {
  lora::ConvertOptions options;
  options.input = path;
  if (settings.is_object()) {
    if (settings.contains("alpha") && settings["alpha"].is_number())
      options.alpha = settings["alpha"].get<double>();
    if (settings.contains("enable") && settings["enable"].is_array()) {
      std::vector<bool> flags;
      for (const fuzz::Json &flag : settings["enable"])
        flags.push_back(flag == true);
      options.enableLora.push_back({"c_attn", flags});
    }
    if (settings.contains("embeddings"))
      options.embeddings.push_back("wte");
  }
  lora::ConvertReport report;
  if (auto targets = lora::readLoralib(options, report))
    check(*targets);
  else
    CHECK(targets.message().starts_with(path));
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static fuzz::Folder folder;
  fuzz::Json input = fuzz::parse({reinterpret_cast<const char *>(data), size});
  if (!input.is_object() || !input.contains("tensors"))
    return 0;
  folder.write("adapters.safetensors", fuzz::safetensors(input["tensors"]));
  readLoralib(folder.path() + "/adapters.safetensors",
              input.value("loralib", fuzz::Json()));
  if (!input.contains("config"))
    return 0;
  folder.write("adapter_config.json", fuzz::print(input["config"]));
  lora::ConvertOptions options;
  options.input = folder.path();
  if (auto adapter = lora::readMlx(options, {}))
    check(adapter->targets);
  else
    CHECK(adapter.message().starts_with(folder.path()));
  return 0;
}
