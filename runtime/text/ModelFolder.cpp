//===- ModelFolder.cpp - The tokenizer of a model's folder ----------------===//
//
// Selects the files of a folder, in transformers' order: tokenizer.json; then
// the files of the tokenizer's class: a sentencepiece model, vocab.json with
// merges.txt, or vocab.txt.
//
//===----------------------------------------------------------------------===//

#include "SentencePiece.h"
#include "SpecialTokens.h"
#include "TokenizerClass.h"
#include "lora-runtime/File.h"
#include "lora-runtime/Folder.h"

#include <algorithm>
#include <tuple>

namespace lora_rt {

using namespace text;

namespace {

constexpr uint64_t maxFileBytes = uint64_t(256) << 20;

struct Files {
  std::string folder;
  std::string path(const char *name) const { return folder + "/" + name; }
  bool has(const char *name) const { return isFile(path(name)); }
};

Expected<Json> readObject(const Files &files, const char *name,
                          TokenNames *names = nullptr) {
  if (!files.has(name))
    return Json::object();
  Expected<std::string> text = readTextFile(files.path(name), maxFileBytes);
  if (!text)
    return text.takeError();
  Expected<Json> json = parseJson(*text, files.path(name));
  if (json && !json->is_object())
    return makeError(ErrorCode::InvalidFile, files.path(name),
                     ": expected a JSON object");
  if (json && names)
    *names = readTokenNames(*text);
  return json;
}

Expected<TokenizerConfigs> readConfigs(const Files &files) {
  TokenizerConfigs configs;
  for (const auto &[name, to, names] :
       {std::tuple<const char *, Json *, TokenNames *>{
            "config.json", &configs.config, nullptr},
        {"tokenizer_config.json", &configs.tokenizerConfig,
         &configs.configNames},
        {"special_tokens_map.json", &configs.specialTokensMap,
         &configs.mapNames},
        {"added_tokens.json", &configs.addedTokens, nullptr}}) {
    Expected<Json> json = readObject(files, name, names);
    if (!json)
      return json.takeError();
    *to = std::move(*json);
  }
  return configs;
}

/// The first line is "#version: 0.2"; each further line has a pair of pieces.
Error readMergesFile(const std::string &path, Ingredients &out) {
  Expected<std::string> text = readTextFile(path, maxFileBytes);
  if (!text)
    return text.takeError();
  size_t line = 0;
  for (size_t at = 0; at < text->size();) {
    size_t end = std::min(text->find('\n', at), text->size());
    std::string_view row(text->data() + at, end - at);
    at = end + 1;
    ++line;
    if (row.ends_with('\r'))
      row.remove_suffix(1);
    if (row.starts_with("#version"))
      continue;
    size_t space = row.find(' ');
    if (space == std::string_view::npos ||
        row.find(' ', space + 1) != std::string_view::npos)
      return makeError(ErrorCode::InvalidFile, path, ": line ", line,
                       " is not two pieces with a space between them");
    out.merges.emplace_back(row.substr(0, space), row.substr(space + 1));
  }
  return Error::success();
}

Expected<Ingredients> readVocabJson(const Files &files) {
  Expected<Json> json = readObject(files, "vocab.json");
  if (!json)
    return json.takeError();
  Ingredients out;
  for (const auto &[piece, id] : json->items()) {
    if (!isIndex(id) || id.get<uint64_t>() >= UINT32_MAX - 1)
      return makeError(ErrorCode::InvalidFile, files.path("vocab.json"),
                       ": expected a whole number from 0 on as the id of '",
                       piece, "'");
    out.vocabulary.push_back({piece, id.get<uint32_t>()});
  }
  if (Error error = readMergesFile(files.path("merges.txt"), out))
    return error;
  out.description["model"] = {{"type", "BPE"}};
  return out;
}

Expected<Ingredients> readVocabText(const Files &files) {
  Expected<std::string> text =
      readTextFile(files.path("vocab.txt"), maxFileBytes);
  if (!text)
    return text.takeError();
  std::map<std::string, uint32_t> ids;
  uint32_t line = 0;
  for (size_t at = 0; at < text->size(); ++line) {
    size_t end = std::min(text->find('\n', at), text->size());
    std::string_view row(text->data() + at, end - at);
    at = end + 1;
    if (validPrefix(row) != row.size())
      return makeError(ErrorCode::InvalidFile, files.path("vocab.txt"),
                       ": line ", line + 1, " is not UTF-8");
    while (!row.empty()) {
      size_t start = row.size();
      if (!isWhitespace(previousCharacter(row, start)))
        break;
      row = row.substr(0, start);
    }
    // If lines are equal, the last one is used.
    ids[std::string(row)] = line;
  }
  Ingredients out;
  for (const auto &[piece, id] : ids)
    out.vocabulary.push_back({piece, id});
  out.description["model"] = {{"type", "WordPiece"}};
  return out;
}

/// Changes the pieces of a sentencepiece model as a tokenizer class does.
Expected<Ingredients> fromSentencePieceModel(const SentencePieceModel &model,
                                             TokenizerClass kind,
                                             TokenizerConfigs &configs,
                                             std::vector<AddedToken> &extras,
                                             const std::string &where) {
  for (const SentencePieceModel::Piece &piece : model.pieces)
    if (piece.type == SentencePieceModel::control ||
        piece.type == SentencePieceModel::userDefined)
      extras.push_back({.content = piece.text,
                        .normalized = false,
                        .special = piece.type == SentencePieceModel::control});
  Json &options = configs.tokenizerConfig;
  if (kind == TokenizerClass::Generic) {
    bool isLegacy = options.value("legacy", Json(true)) != false;
    Ingredients out = model.generic(isLegacy);
    for (const auto &[key, id, text] :
         {std::tuple<const char *, int32_t, std::string>{
              "bos_token", model.bosId, model.bosPiece},
          {"eos_token", model.eosId, model.eosPiece},
          {"unk_token", model.unknownId, model.unknownPiece}})
      if (id >= 0 && !options.contains(key))
        options[key] = text;
    std::erase_if(extras,
                  [](const AddedToken &token) { return !token.special; });
    return out;
  }
  Ingredients out;
  bool isUnigram = kind == TokenizerClass::XLMRoberta;
  if (isUnigram) {
    // fairseq's ids: four special tokens, the pieces except the first three,
    // and a mask token.
    Expected<SpecialTokens> names =
        SpecialTokens::read(configs, Json::array(), where);
    if (!names)
      return names.takeError();
    std::vector<std::pair<std::string, double>> pieces;
    for (const auto &[key, text] :
         {std::pair<const char *, const char *>{"bos_token", "<s>"},
          {"pad_token", "<pad>"},
          {"eos_token", "</s>"},
          {"unk_token", "<unk>"}}) {
      pieces.emplace_back(names->text(key).value_or(text), 0);
    }
    for (size_t i = 3; i < model.pieces.size(); ++i)
      pieces.emplace_back(model.pieces[i].text, model.pieces[i].score);
    pieces.emplace_back("<mask>", 0);
    for (auto &[text, score] : pieces) {
      out.vocabulary.push_back({text, uint32_t(out.vocabulary.size())});
      out.scores.push_back(score);
    }
    out.description["model"] = {{"type", "Unigram"}};
    if (!model.charsmap.empty())
      out.description["normalizer"] = {
          {"type", "Precompiled"},
          {"precompiled_charsmap", toBase64(model.charsmap)}};
    return out;
  }
  std::map<std::string, uint32_t> ids;
  for (size_t i = 0; i < model.pieces.size(); ++i)
    ids[model.pieces[i].text] = uint32_t(i);
  for (const auto &[text, id] : ids)
    out.vocabulary.push_back({text, id});
  if (model.type != SentencePieceModel::bpe)
    return makeError(ErrorCode::InvalidFile, where,
                     ": a sentencepiece model of type unigram, but the "
                     "tokenizer's class is one for bpe; expected a "
                     "tokenizer_class in tokenizer_config.json that fits");
  out.merges = model.merges(/*isByScore=*/false);
  out.description["model"] = {{"type", "BPE"}};
  return out;
}

/// Names of tokenizer_config.json for placeholders of a sentencepiece model.
void renamePieces(const TokenizerConfigs &configs, Ingredients &ingredients) {
  auto decoder = configs.tokenizerConfig.find("added_tokens_decoder");
  if (decoder == configs.tokenizerConfig.end() || !decoder->is_object() ||
      ingredients.description["model"]["type"] != "BPE")
    return;
  std::map<std::string, std::string> names;
  for (const auto &[id, token] : decoder->items())
    if (token.is_object() && token.contains("content") &&
        token["content"].is_string())
      names[id] = token["content"].get<std::string>();
  std::set<std::string> kept;
  for (const Vocabulary::Entry &entry : ingredients.vocabulary)
    if (!names.count(std::to_string(entry.id)))
      kept.insert(entry.text);
  for (Vocabulary::Entry &entry : ingredients.vocabulary)
    if (auto found = names.find(std::to_string(entry.id));
        found != names.end() && !kept.count(found->second))
      entry.text = found->second;
}

} // namespace

bool Tokenizer::isPresent(const std::string &folder) {
  Files files = {folder};
  return files.has("tokenizer.json") || files.has("tokenizer.model") ||
         files.has("sentencepiece.bpe.model") || files.has("vocab.txt") ||
         (files.has("vocab.json") && files.has("merges.txt"));
}

namespace {

Expected<std::unique_ptr<TokenizerState>> loadState(const Files &files) {
  Expected<TokenizerConfigs> configs = readConfigs(files);
  if (!configs)
    return configs.takeError();
  std::string name;
  std::vector<AddedToken> extras;
  auto make =
      [&](Expected<Ingredients> ingredients, TokenizerClass kind,
          PieceSource source,
          const char *file) -> Expected<std::unique_ptr<TokenizerState>> {
    if (!ingredients)
      return ingredients.takeError();
    std::string where = files.path(file);
    if (Error error = applyClass(kind, *configs, source, std::move(extras),
                                 *ingredients, where))
      return error;
    return build(std::move(*ingredients), where);
  };
  if (files.has("tokenizer.json")) {
    Expected<std::string> text =
        readTextFile(files.path("tokenizer.json"), maxFileBytes);
    if (!text)
      return text.takeError();
    Expected<Ingredients> ingredients =
        readTokenizerJson(*text, files.path("tokenizer.json"));
    if (!ingredients)
      return ingredients.takeError();
    std::string parts;
    for (const char *key : {"pre_tokenizer", "decoder"})
      if (ingredients->description.contains(key))
        parts += ingredients->description[key].dump(
            -1, ' ', false, Json::error_handler_t::replace);
    bool isByteLevel =
        parts.find("\"type\":\"ByteLevel\"") != std::string::npos;
    TokenizerClass kind = chooseClass(*configs, isByteLevel, name);
    return make(std::move(ingredients), kind, PieceSource::TokenizerJson,
                "tokenizer.json");
  }
  TokenizerClass kind = chooseClass(*configs, false, name);
  auto misses = [&](const char *needs) {
    return makeError(ErrorCode::InvalidFile, files.folder,
                     ": no tokenizer.json, and the class of the tokenizer, '",
                     name.empty() ? "TokenizersBackend" : name, "', ", needs,
                     "; save the tokenizer with transformers' save_pretrained");
  };
  switch (kind) {
  case TokenizerClass::Bert:
    if (!files.has("vocab.txt"))
      return misses("needs vocab.txt");
    return make(readVocabText(files), kind, PieceSource::VocabularyFiles,
                "vocab.txt");
  case TokenizerClass::GPT2:
  case TokenizerClass::Qwen2:
  case TokenizerClass::Roberta:
    if (!files.has("vocab.json") || !files.has("merges.txt"))
      return misses("needs vocab.json and merges.txt");
    return make(readVocabJson(files), kind, PieceSource::VocabularyFiles,
                "vocab.json");
  default:
    break;
  }
  const char *file = kind == TokenizerClass::XLMRoberta
                         ? "sentencepiece.bpe.model"
                         : "tokenizer.model";
  if (!files.has(file))
    return misses(kind == TokenizerClass::XLMRoberta
                      ? "needs sentencepiece.bpe.model"
                      : "needs tokenizer.model");
  static constexpr const char *generic[] = {
      "", "TokenizersBackend", "PreTrainedTokenizer", "LlamaTokenizer"};
  if (kind == TokenizerClass::Generic &&
      std::find(std::begin(generic), std::end(generic), name) ==
          std::end(generic))
    return misses("is not one that is known");
  Expected<std::string> bytes = readTextFile(files.path(file), maxFileBytes);
  if (!bytes)
    return bytes.takeError();
  Expected<SentencePieceModel> model =
      SentencePieceModel::read(*bytes, files.path(file));
  if (!model)
    return model.takeError();
  Expected<Ingredients> ingredients =
      fromSentencePieceModel(*model, kind, *configs, extras, files.path(file));
  if (!ingredients)
    return ingredients.takeError();
  if (kind == TokenizerClass::Generic) {
    renamePieces(*configs, *ingredients);
    if (model->addsDummyPrefix)
      if (auto decoder = configs->tokenizerConfig.find("added_tokens_decoder");
          decoder != configs->tokenizerConfig.end() && decoder->is_object())
        for (auto &[id, token] : decoder->items())
          if (token.is_object())
            token["normalized"] = false;
  }
  return make(std::move(ingredients), kind, PieceSource::SentencePiece, file);
}

} // namespace

Expected<Tokenizer> Tokenizer::load(const std::string &path) {
  Expected<std::string> folder = findFolder(path, FolderKind::Model);
  if (!folder)
    return folder.takeError();
  if (!isPresent(*folder))
    return makeError(
        ErrorCode::InvalidFile, *folder,
        ": no tokenizer; expected tokenizer.json, tokenizer.model, "
        "vocab.json with merges.txt, or vocab.txt");
  Expected<std::unique_ptr<TokenizerState>> state = loadState({*folder});
  if (!state)
    return state.takeError();
  return Tokenizer(std::move(*state));
}

Expected<Tokenizer> Tokenizer::fromSentencePiece(std::string_view bytes,
                                                 const std::string &where) {
  Expected<SentencePieceModel> model = SentencePieceModel::read(bytes, where);
  if (!model)
    return model.takeError();
  TokenizerConfigs configs;
  std::vector<AddedToken> extras;
  Expected<Ingredients> ingredients = fromSentencePieceModel(
      *model, TokenizerClass::Generic, configs, extras, where);
  if (!ingredients)
    return ingredients.takeError();
  if (Error error = applyClass(TokenizerClass::Generic, configs,
                               PieceSource::SentencePiece, std::move(extras),
                               *ingredients, where))
    return error;
  Expected<std::unique_ptr<TokenizerState>> state =
      build(std::move(*ingredients), where);
  if (!state)
    return state.takeError();
  return Tokenizer(std::move(*state));
}

} // namespace lora_rt
