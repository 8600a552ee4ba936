//===- ModelConfig.cpp - Reading config.json ------------------------------===//
//
// Calls the parts in this order: the family first, because it determines the
// keys; then the keys that are refused in any case; then sizes, and then the
// lists that depend on them.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Import/ModelConfig.h"
#include "ConfigParts.h"

#include "lora-runtime/File.h"
#include "lora-runtime/Folder.h"

using namespace lora;
using namespace lora_rt;

static void readFamilySettings(ConfigContext &context) {
  switch (context.config.family) {
  case ModelFamily::GPT2:
    return readGPT2(context);
  case ModelFamily::Bert:
  case ModelFamily::Roberta:
    return readEncoder(context);
  default:
    return readDecoder(context);
  }
}

Expected<ModelConfig> lora::parseModelConfig(std::string_view text,
                                             const std::string &where,
                                             std::optional<HeadRequest> head) {
  Expected<Json> json = parseJson(text, where);
  if (!json)
    return json.takeError();
  if (!json->is_object())
    return makeError(ErrorCode::InvalidFile, where,
                     ": expected a JSON object, but got ", show(*json));
  ConfigReader reader(*json, where);
  const FamilyTraits *traits = readFamily(reader);
  if (!traits) // The rules below are those of the supported families.
    return reader.takeError();
  ModelConfig config;
  config.family = traits->family;
  ConfigContext context{reader, *traits, config, where};
  readHead(context, head);
  refuseUnsupported(context);
  readCausality(context);
  config.vocabSize = reader.size("vocab_size", maxIndex);
  if (reader.failed())
    return reader.takeError();
  readTokenIds(context);
  config.tied = reader.flag("tie_word_embeddings", traits->tied);
  if (!reader.failed())
    readFamilySettings(context);
  if (!reader.failed())
    limitToWindows(context);
  if (reader.failed())
    return reader.takeError();
  warnOfUnusedKeys(context);
  return config;
}

Expected<ModelConfig> lora::readModelConfig(const std::string &path,
                                            std::optional<HeadRequest> head) {
  Expected<std::string> found = findFolder(path, FolderKind::Model);
  if (!found)
    return found.takeError();
  std::string file = *found + "/config.json";
  if (!isFile(file))
    return missingConfig(*found, FolderKind::Model);
  Expected<std::string> text = readTextFile(file);
  if (!text)
    return text.takeError();
  Expected<ModelConfig> config = parseModelConfig(*text, file, head);
  std::string generation = *found + "/generation_config.json";
  if (!config || !isFile(generation))
    return config;
  text = readTextFile(generation);
  if (!text)
    return text.takeError();
  Expected<Json> json = parseJson(*text, generation);
  if (!json)
    return json.takeError();
  if (!json->is_object())
    return makeError(ErrorCode::InvalidFile, generation,
                     ": expected a JSON object, but got ", show(*json));
  ConfigReader reader(*json, generation);
  if (reader.contains("eos_token_id"))
    config->eosTokenIds = reader.tokenIds("eos_token_id");
  if (reader.failed())
    return reader.takeError();
  return config;
}
