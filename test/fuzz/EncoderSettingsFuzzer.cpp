//===- EncoderSettingsFuzzer.cpp - Any files beside an encoder ------------===//
//
// An input is {"files": {NAME: JSON}, "config": a config.json, "stored": the
// JSON of stored poolings}. The files are those that a folder may have; what is
// accepted must be the same after it was printed and parsed.
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "JsonMutator.h"
#include "lora-runtime/EncoderSettings.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace lora_rt;

static constexpr const char *words[] = {
    "modules.json",
    "1_Pooling/config.json",
    "2_Normalize/config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "sentence_transformers.models.Transformer",
    "sentence_transformers.models.Pooling",
    "sentence_transformers.models.Normalize",
    "sentence_transformers.models.Dense",
    "path",
    "type",
    "..",
    "1_Pooling",
    "pooling_mode",
    "pooling_mode_cls_token",
    "pooling_mode_lasttoken",
    "lasttoken",
    "weightedmean",
    "include_prompt",
    "word_embedding_dimension",
    "max_seq_length",
    "tokenizer_args",
    "model_max_length",
    "prompts",
    "default_prompt_name",
    "truncate_dim",
    "id2label",
    "problem_type",
    "regression",
    "poolings",
    "refusal"};

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  return fuzz::mutateText(data, size, maxSize, seed, words);
}

/// A folder in memory, removed with the process.
static const std::filesystem::path &folder() {
  static const struct Folder {
    Folder() {
      std::string name = "/dev/shm/encoder-settings-XXXXXX";
      CHECK(mkdtemp(name.data()));
      path = name;
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::filesystem::path path;
  } made;
  return made.path;
}

static void checkSame(const PoolingSettings &settings) {
  Expected<PoolingSettings> again =
      PoolingSettings::parse(settings.print(), "printed");
  CHECK(again && *again == settings);
  CHECK(!settings.poolings.empty() || !settings.refusal.empty());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz::Json input =
      fuzz::parse(std::string_view(reinterpret_cast<const char *>(data), size));
  if (!input.is_object())
    return 0;
  std::filesystem::path root = folder();
  for (const char *name :
       {"modules.json", "1_Pooling/config.json", "2_Normalize/config.json",
        "sentence_bert_config.json", "config_sentence_transformers.json"}) {
    std::filesystem::create_directories((root / name).parent_path());
    std::filesystem::remove(root / name);
    if (input.contains("files") && input["files"].is_object() &&
        input["files"].contains(name))
      std::ofstream(root / name) << fuzz::print(input["files"][name]);
  }
  auto loaded = PoolingSettings::load(root);
  if (!loaded)
    CHECK(loaded.message().starts_with(root.string()));
  else if (*loaded)
    checkSame(**loaded);
  if (input.contains("config")) {
    auto labels =
        LabelSettings::fromConfig(fuzz::print(input["config"]), "config");
    CHECK(labels || labels.message().starts_with("config"));
    if (labels)
      CHECK(labels->namesOf(3).size() == 3);
  }
  if (input.contains("stored")) {
    auto stored =
        PoolingSettings::parse(fuzz::print(input["stored"]), "stored");
    CHECK(stored || stored.message().starts_with("stored"));
    if (stored)
      checkSame(*stored);
  }
  return 0;
}
