//===- TextModel.cpp - The text side of a compiled file -------------------===//
//
// Implements TextModel: opens the stored tokenizer and checks that ids fit the
// model.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/TextModel.h"
#include "../core/Json.h"
#include "lora-runtime/ChatTemplate.h"
#include "lora-runtime/Manifest.h"

#include <algorithm>

namespace lora_rt {

bool TextModel::isPresent(const Payload &payload) {
  return payload.find(tokenizerPart) && payload.find(textPart);
}

Expected<TextModel> TextModel::open(const Payload &payload) {
  Expected<Manifest> manifest = Manifest::read(payload);
  if (!manifest)
    return manifest.takeError();
  return open(payload, manifest->model.vocabSize);
}

Expected<TextModel> TextModel::open(const Payload &payload, int64_t vocabSize) {
  if (!isPresent(payload))
    return makeError(
        ErrorCode::Unsupported, payload.path(),
        ": has no tokenizer, because it was compiled with --no-text or from a "
        "folder without one; give token ids (--ids), or compile the model "
        "again from a folder with its tokenizer");
  Expected<std::optional<TextSettings>> settings = readTextPart(payload);
  if (!settings)
    return settings.takeError();
  Expected<std::span<const std::byte>> bytes = payload.verified(tokenizerPart);
  if (!bytes)
    return bytes.takeError();
  Expected<Tokenizer> tokenizer =
      Tokenizer::fromStored(*bytes, payload.path() + ": part 'tokenizer'");
  if (!tokenizer)
    return tokenizer.takeError();
  return TextModel(payload.path(), vocabSize, std::move(*tokenizer),
                   std::move(**settings));
}

Expected<std::vector<int32_t>> TextModel::encode(std::string_view text,
                                                 bool addSpecial) const {
  EncodeOptions options;
  options.addSpecialTokens = addSpecial;
  Expected<TextEncoding> encoding = tables.encode(text, options);
  if (!encoding)
    return encoding.takeError();
  std::vector<int32_t> ids(encoding->ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    uint32_t id = encoding->ids[i];
    if (int64_t(id) >= vocabSize)
      return makeError(ErrorCode::InvalidArgument, file,
                       ": the text has the "
                       "token '",
                       tables.token(id).value_or(""), "', id ", id,
                       ", but the model has embeddings for the ids 0 to ",
                       vocabSize - 1, "; leave it out of the text");
    ids[i] = int32_t(id);
  }
  return ids;
}

Expected<std::string> TextModel::decode(std::span<const int32_t> ids,
                                        bool skipSpecial) const {
  // Models have embeddings for more ids than their tokenizers; such ids have no
  // text.
  int64_t limit = std::max(vocabSize, int64_t(tables.idLimit()));
  for (int32_t id : ids)
    if (id < 0 || id >= limit)
      return makeError(ErrorCode::InvalidArgument, "the id ", id,
                       " is not one of the model, whose ids are 0 to ",
                       limit - 1);
  std::vector<uint32_t> unsignedIds(ids.begin(), ids.end());
  return tables.decode(unsignedIds, skipSpecial);
}

Expected<std::string> TextModel::render(std::string_view json,
                                        const std::string &where,
                                        bool addGenerationPrompt) const {
  // Whether there are tools only matters if there is a template for them.
  bool hasTools = false;
  if (facts.templates.count("tool_use")) {
    Expected<Json> variables = parseJson(json, where);
    if (!variables)
      return variables.takeError();
    hasTools = variables->is_object() && variables->contains("tools") &&
               !(*variables)["tools"].is_null();
  }
  Expected<const std::string *> source =
      chooseChatTemplate(facts, hasTools, file);
  if (!source)
    return source.takeError();
  auto inPlace = [&](const std::string &message) {
    return makeError(ErrorCode::InvalidArgument,
                     message.starts_with(where) ? "" : where + ": ", message);
  };
  Expected<ChatTemplate> chat =
      ChatTemplate::parse(**source, "the chat template");
  if (!chat)
    return inPlace(chat.message());
  RenderOptions options;
  options.where = where;
  for (const NamedToken &token : tables.namedTokens())
    options.texts.emplace_back(token.name, token.text);
  options.addsGenerationPrompt = addGenerationPrompt;
  Expected<std::string> rendered = chat->render(json, options);
  if (!rendered)
    return inPlace(rendered.message());
  return rendered;
}

} // namespace lora_rt
