//===- TextModel.cpp - The text side of a compiled file -------------------===//
//
// Implements TextModel: opens the stored tokenizer and checks that ids fit the
// model.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/TextModel.h"
#include "../core/Json.h"
#include "Unicode.h"
#include "lora-runtime/ChatTemplate.h"
#include "lora-runtime/Manifest.h"
#include "template/Json.h"

#include <algorithm>

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

namespace {

/// The mark that stands where a final message ends, to find that place in the
/// rendered text.
constexpr std::string_view endMark = "CONTINUE_FINAL_MESSAGE_TAG ";

/// The text of the final message that is to be continued: its content, or the
/// last text of a list of parts.
std::string *finalText(OrderedJson &conversation) {
  OrderedJson &messages = conversation["messages"];
  if (!messages.is_array() || messages.empty() || !messages.back().is_object())
    return nullptr;
  auto content = messages.back().find("content");
  if (content == messages.back().end())
    return nullptr;
  if (content->is_array())
    for (size_t i = content->size(); i-- > 0;)
      if ((*content)[i].is_object() && (*content)[i].contains("text"))
        return (*content)[i]["text"].get_ptr<std::string *>();
  return content->get_ptr<std::string *>();
}

/// Cuts a rendered text at the mark, with the spaces before it if the template
/// has trimmed the message.
bool cutAtMark(std::string &rendered) {
  std::string_view trimmed = endMark.substr(0, endMark.size() - 1);
  size_t place = rendered.rfind(trimmed);
  if (place == std::string::npos)
    return false;
  bool isWhole = rendered.compare(place, endMark.size(), endMark) == 0;
  rendered.resize(place);
  while (!isWhole && !rendered.empty()) {
    size_t start = rendered.size();
    if (!text::isWhitespace(text::previousCharacter(rendered, start)))
      break;
    rendered.resize(start);
  }
  return true;
}

} // namespace

Expected<std::string> TextModel::render(std::string_view json,
                                        const std::string &where,
                                        bool addGenerationPrompt) const {
  // Refuses what the second parser below would accept, or would change: it
  // makes a float of a whole number that is too large.
  Expected<jinja::Value> checked = jinja::readJson(json, where);
  if (!checked)
    return checked.takeError();
  auto refuse = [&](const auto &...what) {
    return makeError(ErrorCode::InvalidArgument, where, ": ", what...);
  };
  if (!checked->is(jinja::Kind::Dict))
    return refuse("expected a JSON object with 'messages'");
  OrderedJson variables = OrderedJson::parse(json, nullptr, false);
  bool hasTools = variables.contains("tools") && !variables["tools"].is_null();
  Expected<const std::string *> source =
      chooseChatTemplate(facts, hasTools, file);
  if (!source)
    return source.takeError();
  Expected<ChatTemplate> chat =
      ChatTemplate::parse(**source, "the chat template");
  if (!chat)
    return refuse(chat.message());
  for (const NamedToken &token : tables.namedTokens())
    if (!variables.contains(token.name))
      variables[token.name] = token.text;
  if (!variables.contains("add_generation_prompt"))
    variables["add_generation_prompt"] = addGenerationPrompt;
  bool addsPrompt = variables["add_generation_prompt"] == true;
  bool continues = false;
  if (auto found = variables.find("continue_final_message");
      found != variables.end()) {
    if (!found->is_boolean())
      return refuse("expected true or false for 'continue_final_message'");
    continues = found->get<bool>();
    variables.erase(found);
  }
  if (continues) {
    if (addsPrompt)
      return refuse("'continue_final_message' and 'add_generation_prompt' "
                    "exclude each other");
    std::string *final = finalText(variables);
    if (!final)
      return refuse("'continue_final_message' needs a final message with a "
                    "text as its content");
    *final += endMark;
  }
  Expected<std::string> rendered = chat->render(
      variables.dump(-1, ' ', false, OrderedJson::error_handler_t::replace));
  if (!rendered)
    return refuse(rendered.message());
  if (continues && !cutAtMark(*rendered))
    return refuse("the chat template leaves out the final message, so that it "
                  "cannot be continued");
  return rendered;
}

} // namespace lora_rt
