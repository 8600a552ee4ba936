//===- AdapterFuzzer.cpp - Any tensors beside a PEFT config ---------------===//
//
// The input describes a folder: {"config": JSON of adapter_config.json,
// "tensors": header of adapter_model.safetensors without offsets}. Opening it
// must end with an adapter that can be used, or with an error.
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "Tensors.h"
#include "lora-mlir/Import/PeftAdapter.h"

static constexpr const char *words[] = {
    "config",
    "tensors",
    "dtype",
    "shape",
    "F32",
    "BF16",
    "I64",
    "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
    "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight",
    "base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight",
    "base_model.model.layers.0.self_attn.q_proj.lora_B.weight",
    "base_model.model.model.embed_tokens.lora_embedding_A",
    "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector",
    "base_model.model.model.layers.0.self_attn.q_proj.base_layer.bias",
    "base_model.model.lm_head.weight",
    "base_model.model.score.modules_to_save.default.weight",
    "use_dora",
    "modules_to_save",
    "bias",
    "all"};

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  return fuzz::mutateText(data, size, maxSize, seed, words);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static fuzz::Folder folder;
  fuzz::Json input = fuzz::parse({reinterpret_cast<const char *>(data), size});
  if (!input.is_object() || !input.contains("config") ||
      !input.contains("tensors"))
    return 0;
  folder.write("adapter_config.json", fuzz::print(input["config"]));
  folder.write("adapter_model.safetensors",
               fuzz::safetensors(input["tensors"]));
  auto adapter = lora::peft::PeftAdapter::open(folder.path());
  if (!adapter) {
    CHECK(adapter.message().starts_with(folder.path()));
    return 0;
  }
  for (std::string_view name : adapter->names()) {
    const lora_rt::TensorView *tensor = adapter->find(name);
    CHECK(tensor);
    CHECK(!adapter->keyOf(name).empty());
  }
  (void)adapter->find("model.layers.0.self_attn.q_proj.lora_A.weight");
  return 0;
}
