//===- TextParts.cpp - The text of a model's folder -----------------------===//
//
// Implements TextParts.h. A tokenizer that cannot be read is an error that says
// how to compile the model without it, because a file whose text is missing by
// accident is found out too late.
//
//===----------------------------------------------------------------------===//

#include "TextParts.h"
#include "lora-mlir/Import/PeftAdapter.h"
#include "lora-runtime/ChatTemplate.h"
#include "lora-runtime/EncoderSettings.h"
#include "lora-runtime/Folder.h"
#include "lora-runtime/GenerationConfig.h"
#include "lora-runtime/Tokenizer.h"

using namespace lora;
using lora_rt::Error;
using lora_rt::Expected;
using lora_rt::Tokenizer;

static Error withWayOut(Error error) {
  return lora_rt::makeError(
      error.code(), error.message(),
      "; --no-text compiles the model for token ids alone");
}

namespace {

class TextReader {
public:
  TextReader(const ModelOptions &options, const transformer::ModelFacts &facts)
      : options(options), facts(facts) {}

  Expected<std::optional<ModelText>> read();

private:
  Error readTokenizer(const std::string &folder);
  Error readTemplates(const std::string &folder, bool &found);
  void warn(const std::string &text) const {
    if (options.warning)
      options.warning(text);
  }

  const ModelOptions &options;
  const transformer::ModelFacts &facts;
  ModelText text;
};

} // namespace

Error TextReader::readTokenizer(const std::string &folder) {
  Expected<Tokenizer> tokenizer = Tokenizer::load(folder);
  if (!tokenizer)
    return tokenizer.takeError();
  if (int64_t(tokenizer->idLimit()) > facts.vocabSize)
    warn(folder + ": the tokenizer has ids up to " +
         std::to_string(tokenizer->idLimit() - 1) +
         ", but the model has embeddings for " +
         std::to_string(facts.vocabSize) +
         " tokens; a text with a token beyond them will be refused");
  text.tokenizer = tokenizer->store();
  return Error::success();
}

Error TextReader::readTemplates(const std::string &folder, bool &found) {
  auto templates = lora_rt::readChatTemplates(folder);
  if (!templates)
    return templates.takeError();
  found = !templates->empty();
  for (const auto &[name, source] : *templates)
    if (auto parsed = lora_rt::ChatTemplate::parse(
            source, folder + ": chat template '" + name + "'");
        !parsed)
      return parsed.takeError();
  if (found)
    text.settings.templates = std::move(*templates);
  return Error::success();
}

Expected<std::optional<ModelText>> TextReader::read() {
  // From the last adapter to the model: the first that has one is used.
  std::vector<std::pair<std::string, std::string>> folders;
  for (size_t i = options.adapters.size(); i-- > 0;)
    folders.emplace_back(options.adapters[i].folder,
                         peft::folderName(options.adapters[i].folder));
  folders.emplace_back(options.modelFolder, "");

  for (const auto &[folder, name] : folders) {
    auto place = lora_rt::findFolder(folder, lora_rt::FolderKind::Model);
    if (!place)
      return place.takeError();
    if (!Tokenizer::isPresent(*place))
      continue;
    if (Error error = readTokenizer(folder))
      return error;
    text.settings.tokenizerOf = name;
    break;
  }
  if (text.tokenizer.empty())
    return std::optional<ModelText>();
  for (const auto &[folder, name] : folders) {
    bool found = false;
    if (Error error = readTemplates(folder, found))
      return error;
    if (!found)
      continue;
    text.settings.templatesOf = name;
    break;
  }
  auto place =
      lora_rt::findFolder(options.modelFolder, lora_rt::FolderKind::Model);
  if (!place)
    return place.takeError();
  auto generation = lora_rt::GenerationConfig::load(*place);
  if (!generation)
    return generation.takeError();
  text.settings.generation = generation->print();
  auto pooling = lora_rt::PoolingSettings::load(*place);
  if (!pooling)
    return pooling.takeError();
  if (*pooling) {
    text.settings.pooling = (*pooling)->print();
    if (const std::string &refusal = (*pooling)->refusal; !refusal.empty())
      warn(*place +
           ": vectors of texts (--embed) cannot be computed: " + refusal);
  }
  if (facts.head == lora_rt::ModelHead::SequenceClassification ||
      facts.head == lora_rt::ModelHead::TokenClassification) {
    auto labels = lora_rt::LabelSettings::load(*place);
    if (!labels)
      return labels.takeError();
    text.settings.labels = std::move(labels->names);
    text.settings.problemType =
        lora_rt::problemTypeNames[size_t(labels->problem)];
  }
  return std::optional(std::move(text));
}

Expected<std::optional<ModelText>>
lora::readModelText(const ModelOptions &options,
                    const transformer::ModelFacts &facts) {
  auto text = TextReader(options, facts).read();
  if (!text)
    return withWayOut(text.takeError());
  return text;
}
