//===- ModelText.cpp - The text of a model and its adapters ---------------===//
//
// Implements ModelText.h with the readers of the runtime.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Import/ModelText.h"
#include "lora-mlir/Import/PeftAdapter.h"
#include "lora-runtime/ChatTemplate.h"
#include "lora-runtime/EncoderSettings.h"
#include "lora-runtime/Folder.h"
#include "lora-runtime/GenerationConfig.h"
#include "lora-runtime/Tokenizer.h"

using namespace lora;
using lora_rt::Error;
using lora_rt::Expected;
using lora_rt::ModelHead;
using lora_rt::Tokenizer;

Error ModelText::readTokenizer(const std::string &folder, int64_t vocabSize,
                               const Note &warning) {
  Expected<Tokenizer> read = Tokenizer::load(folder);
  if (!read)
    return read.takeError();
  if (int64_t(read->idLimit()) > vocabSize && warning)
    warning(folder + ": the tokenizer has ids up to " +
            std::to_string(read->idLimit() - 1) +
            ", but the model has embeddings for " + std::to_string(vocabSize) +
            " tokens; a text with a token beyond them will be refused");
  tokenizer = read->store();
  return Error::success();
}

/// Returns whether the folder has templates.
Expected<bool> ModelText::readTemplates(const std::string &folder) {
  auto templates = lora_rt::readChatTemplates(folder);
  if (!templates)
    return templates.takeError();
  for (const auto &[name, source] : *templates)
    if (auto parsed = lora_rt::ChatTemplate::parse(
            source, folder + ": chat template '" + name + "'");
        !parsed)
      return parsed.takeError();
  if (templates->empty())
    return false;
  settings.templates = std::move(*templates);
  return true;
}

/// Returns whether the folder says how vectors are made.
Expected<bool> ModelText::readPooling(const std::string &folder,
                                      const Note &warning) {
  auto pooling = lora_rt::PoolingSettings::load(folder);
  if (!pooling)
    return pooling.takeError();
  if (!*pooling)
    return false;
  settings.pooling = (*pooling)->print();
  if (const std::string &refusal = (*pooling)->refusal;
      !refusal.empty() && warning)
    warning(folder +
            ": vectors of texts (--embed) cannot be computed: " + refusal);
  return true;
}

bool ModelText::isPresent(const std::string &path) {
  // An entry of the hub's cache is not the folder itself. Both kinds of folders
  // are found in the same way.
  auto folder = lora_rt::findFolder(path, lora_rt::FolderKind::Model);
  return folder && Tokenizer::isPresent(*folder);
}

Expected<ModelText> ModelText::read(const std::string &path, int64_t vocabSize,
                                    ModelHead head, const Note &warning) {
  auto folder = lora_rt::findFolder(path, lora_rt::FolderKind::Model);
  if (!folder)
    return folder.takeError();
  ModelText text;
  if (Tokenizer::isPresent(*folder))
    if (Error error = text.readTokenizer(*folder, vocabSize, warning))
      return error;
  if (auto found = text.readTemplates(*folder); !found)
    return found.takeError();
  auto generation = lora_rt::GenerationConfig::load(*folder);
  if (!generation)
    return generation.takeError();
  text.settings.generation = generation->print();
  if (auto found = text.readPooling(*folder, warning); !found)
    return found.takeError();
  if (head == ModelHead::SequenceClassification ||
      head == ModelHead::TokenClassification) {
    auto labels = lora_rt::LabelSettings::load(*folder);
    if (!labels)
      return labels.takeError();
    text.settings.labels = std::move(labels->names);
    text.settings.problemType =
        lora_rt::problemTypeNames[size_t(labels->problem)];
  }
  return text;
}

Expected<ModelText>
ModelText::withAdapters(const std::vector<std::string> &folders,
                        int64_t vocabSize, const Note &warning) const {
  ModelText text = *this;
  for (const std::string &path : folders) {
    auto folder = lora_rt::findFolder(path, lora_rt::FolderKind::Adapter);
    if (!folder)
      return folder.takeError();
    std::string name = peft::folderName(path);
    auto replaces = [&](const std::string &former, const char *what) {
      if (!former.empty() && warning)
        warning("the adapters " + former + " and " + name + " both have " +
                what + "; that of " + name + ", the last one, is used");
    };
    if (Tokenizer::isPresent(*folder)) {
      if (Error error = text.readTokenizer(*folder, vocabSize, warning))
        return error;
      replaces(text.settings.tokenizerOf, "a tokenizer");
      text.settings.tokenizerOf = name;
    }
    auto found = text.readTemplates(*folder);
    if (!found)
      return found.takeError();
    if (*found) {
      replaces(text.settings.templatesOf, "a chat template");
      text.settings.templatesOf = name;
    }
    auto pools = text.readPooling(*folder, warning);
    if (!pools)
      return pools.takeError();
    if (*pools)
      text.settings.poolingOf = name;
  }
  return text;
}

Expected<ModelText> ModelText::ofBase(const lora_rt::Payload &payload) {
  ModelText text;
  bool isKept = payload.find(lora_rt::baseTextPart);
  auto settings = lora_rt::readTextPart(payload, isKept ? lora_rt::baseTextPart
                                                        : lora_rt::textPart);
  if (!settings)
    return settings.takeError();
  if (!*settings)
    return text;
  text.settings = std::move(**settings);
  std::string_view part =
      isKept ? lora_rt::baseTokenizerPart : lora_rt::tokenizerPart;
  if (!payload.find(part))
    return text;
  auto bytes = payload.verified(part);
  if (!bytes)
    return bytes.takeError();
  text.tokenizer.assign(reinterpret_cast<const char *>(bytes->data()),
                        bytes->size());
  return text;
}

Error ModelText::addParts(lora_rt::PayloadWriter &writer,
                          const ModelText &base) const {
  if (tokenizer.empty())
    return Error::success();
  if (Error error = writer.addPart(lora_rt::tokenizerPart, tokenizer))
    return error;
  if (Error error = lora_rt::addTextPart(writer, lora_rt::textPart, settings))
    return error;
  if (settings.tokenizerOf.empty() && settings.templatesOf.empty() &&
      settings.poolingOf.empty())
    return Error::success();
  if (!base.tokenizer.empty())
    if (Error error =
            writer.addPart(lora_rt::baseTokenizerPart, base.tokenizer))
      return error;
  return lora_rt::addTextPart(writer, lora_rt::baseTextPart, base.settings);
}
