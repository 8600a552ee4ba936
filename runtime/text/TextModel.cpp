//===- TextModel.cpp - The text side of a compiled file -------------------===//
//
// Implements TextModel: opens the stored tokenizer and checks that ids fit the
// model.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/TextModel.h"
#include "lora-runtime/Manifest.h"

namespace lora_rt {

bool TextModel::isPresent(const Payload &payload) {
  return payload.find(tokenizerPart) && payload.find(textPart);
}

Expected<TextModel> TextModel::open(const Payload &payload) {
  Expected<Manifest> manifest = Manifest::read(payload);
  if (!manifest)
    return manifest.takeError();
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
  return TextModel(payload.path(), manifest->model.vocabSize,
                   std::move(*tokenizer), std::move(**settings));
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
  for (int32_t id : ids)
    if (id < 0 || uint32_t(id) >= tables.idLimit())
      return makeError(ErrorCode::InvalidArgument, "the id ", id,
                       " is not one of the tokenizer, whose ids are 0 to ",
                       tables.idLimit() - 1);
  std::vector<uint32_t> unsignedIds(ids.begin(), ids.end());
  return tables.decode(unsignedIds, skipSpecial);
}

Expected<std::string> TextModel::render(std::string_view json,
                                        const std::string &where,
                                        bool addGenerationPrompt) const {
  return makeError(ErrorCode::Unsupported, where,
                   ": chat templates are not rendered by this version");
}

} // namespace lora_rt
