//===- TokenizerJson.cpp - The tokenizers library's own file --------------===//
//
// Reads all of a tokenizer.json, except the settings for calls of the library
// (truncation, padding), which transformers ignores by default, too, but for
// the side of truncation.
//
//===----------------------------------------------------------------------===//

#include "../core/JsonParts.h"
#include "LateCharacters.h"
#include "TokenizerState.h"

#include <cmath>
#include <unordered_set>

namespace lora_rt::text {

namespace {

Error invalid(const std::string &where, const auto &...parts) {
  return makeError(ErrorCode::InvalidFile, where, ": ", parts...);
}

/// The type of a model; files of old versions do not name it.
std::string typeOfModel(const Json &model) {
  if (auto type = model.find("type"); type != model.end() && type->is_string())
    return type->get<std::string>();
  if (model.contains("merges"))
    return "BPE";
  if (model.contains("vocab") && model["vocab"].is_array())
    return "Unigram";
  if (model.contains("max_input_chars_per_word"))
    return "WordPiece";
  return "WordLevel";
}

/// The pieces and merges of a model, as they are read from a file.
class PieceReader {
public:
  PieceReader(const std::string &where, Ingredients &out)
      : where(where), out(out) {}

  std::vector<JsonPart> parts() {
    return {{{"model", "vocab"},
             [this](std::string &&key, Json &&element) {
               return piece(std::move(key), std::move(element));
             }},
            {{"model", "merges"}, [this](std::string &&, Json &&element) {
               merge(std::move(element));
               return Error::success();
             }}};
  }

  /// What is wrong for a model of this type.
  Error finish(const Json &model, const std::string &type) {
    auto vocabulary = model.find("vocab");
    bool isScored = type == "Unigram";
    if (vocabulary == model.end() ||
        !(isScored ? vocabulary->is_array() : vocabulary->is_object()))
      return invalid(where, "expected ", isScored ? "a list" : "an object",
                     " for the vocabulary");
    if (out.scores.size() != (isScored ? out.vocabulary.size() : 0))
      return invalid(where, "expected ",
                     isScored ? "a text and a score" : "a whole number",
                     " for each piece of the vocabulary");
    if (!isScored)
      if (Error error = checkKeys())
        return error;
    if (type != "BPE") {
      out.merges.clear();
      return Error::success();
    }
    if (auto merges = model.find("merges");
        merges == model.end() || !merges->is_array())
      return invalid(where, "expected a list for 'merges'");
    return std::move(mergeError);
  }

private:
  const std::string &where;
  Ingredients &out;
  Error mergeError;

  Error piece(std::string &&key, Json &&element) {
    if (element.is_array()) {
      if (element.size() != 2 || !element[0].is_string() ||
          !element[1].is_number())
        return invalid(where, "expected a text and a score for each piece of "
                              "the vocabulary");
      out.scores.push_back(element[1].get<double>());
      out.vocabulary.push_back({std::move(*element[0].get_ptr<std::string *>()),
                                uint32_t(out.vocabulary.size())});
      return Error::success();
    }
    if (!isIndex(element) || element.get<uint64_t>() >= UINT32_MAX - 1)
      return invalid(where, "expected a whole number from 0 on as the id of '",
                     key, "'");
    out.vocabulary.push_back({std::move(key), element.get<uint32_t>()});
    return Error::success();
  }

  /// A file of another kind of model may have merges of another form.
  void merge(Json &&element) {
    if (mergeError)
      return;
    if (element.is_array() && element.size() == 2 && element[0].is_string() &&
        element[1].is_string()) {
      out.merges.emplace_back(std::move(*element[0].get_ptr<std::string *>()),
                              std::move(*element[1].get_ptr<std::string *>()));
      return;
    }
    std::string text = element.is_string() ? element.get<std::string>() : "";
    size_t space = text.find(' ');
    if (space == std::string::npos ||
        text.find(' ', space + 1) != std::string::npos)
      mergeError =
          invalid(where, "merge ", out.merges.size() + 1, " is not two pieces");
    else
      out.merges.emplace_back(text.substr(0, space), text.substr(space + 1));
  }

  Error checkKeys() const {
    std::unordered_set<std::string_view> keys;
    keys.reserve(out.vocabulary.size());
    for (const Vocabulary::Entry &entry : out.vocabulary)
      if (!keys.insert(entry.text).second)
        return invalid(where, "the key '", entry.text,
                       "' stands twice in one JSON object");
    return Error::success();
  }
};

} // namespace

Expected<Ingredients> readTokenizerJson(std::string_view json,
                                        const std::string &where) {
  Ingredients out;
  PieceReader pieces(where, out);
  Expected<Json> root = parseJson(json, where, pieces.parts());
  if (!root)
    return root.takeError();
  if (!root->is_object() || !root->contains("model") ||
      !(*root)["model"].is_object())
    return invalid(where, "expected an object with a 'model', as the "
                          "tokenizers library writes it");
  if (auto version = root->find("version");
      version != root->end() && *version != "1.0")
    return invalid(where, "version ", version->dump(),
                   " of the format is not known; expected \"1.0\"");
  Json &model = (*root)["model"];
  std::string type = typeOfModel(model);
  model["type"] = type;
  if (Error error = pieces.finish(model, type))
    return error;
  model.erase("vocab");
  model.erase("merges");
  for (const char *key : {"added_tokens", "normalizer", "pre_tokenizer",
                          "post_processor", "decoder", "model"})
    if (root->contains(key))
      out.description[key] = std::move((*root)[key]);
  if (auto truncation = root->find("truncation");
      truncation != root->end() && truncation->is_object() &&
      truncation->value("direction", Json()) == "Left")
    out.description["truncation_side"] = "left";
  return out;
}

namespace {

/// Whether the model reads the bytes of words directly. This requires that each
/// byte is a piece, or becomes the unknown token. (Otherwise removed bytes
/// shift offsets by the length of their printable form.)
bool canKeepBytes(const Json &description,
                  const std::vector<Vocabulary::Entry> &vocabulary) {
  const Json &model = description["model"];
  auto isSet = [&](const char *key) {
    auto found = model.find(key);
    return found != model.end() && !found->is_null() && *found != "" &&
           *found != false;
  };
  if (model.value("type", Json()) != "BPE" ||
      isSet("continuing_subword_prefix") || isSet("end_of_word_suffix") ||
      isSet("byte_fallback") || !description.contains("pre_tokenizer") ||
      !endsInByteLevel(description["pre_tokenizer"]))
    return false;
  std::set<std::string> bytes;
  for (const Vocabulary::Entry &entry : vocabulary)
    if (entry.text.size() <= 2)
      if (std::optional<std::string> meant = fromByteLevel(entry.text);
          meant && meant->size() == 1)
        bytes.insert(*meant);
  return bytes.size() == 256 || isSet("unk_token");
}

bool keepsBytes(const Json &description) {
  return description.value("keeps_bytes", Json()) == true;
}

Error readBpeOptions(Component &model, BpeOptions &options) {
  if (const Json *dropout = model.find("dropout"))
    if (!dropout->is_number() || dropout->get<double>() != 0)
      model.fail("'dropout' makes ids random, which is for training; set it "
                 "to null");
  if (model.find("unk_token"))
    options.unknown = model.text("unk_token");
  options.prefix = model.text("continuing_subword_prefix", "");
  options.suffix = model.text("end_of_word_suffix", "");
  options.fuseUnknown = model.flag("fuse_unk", false);
  options.byteFallback = model.flag("byte_fallback", false);
  options.ignoreMerges = model.flag("ignore_merges", false);
  return model ? model.take() : Error::success();
}

/// Handles both cases: `merges` and `scores` are given, or stored.
Expected<std::unique_ptr<Model>>
makeModel(const Json &description, Vocabulary vocabulary,
          const MergeTexts *merges, Stored<double> scores, StoreReader *reader,
          const std::string &where) {
  Component model(description["model"], where + ": model");
  if (model)
    return model.take();
  if (model.type() == "BPE") {
    BpeOptions options;
    if (Error error = readBpeOptions(model, options))
      return error;
    return merges ? makeBpe(std::move(vocabulary), *merges, std::move(options),
                            model.place())
                  : readBpe(std::move(vocabulary), *reader, std::move(options),
                            model.place());
  }
  if (model.type() == "Unigram") {
    std::optional<uint32_t> unknown;
    if (model.find("unk_id"))
      unknown =
          uint32_t(std::min<uint64_t>(model.number("unk_id"), UINT32_MAX - 1));
    bool byteFallback = model.flag("byte_fallback", false);
    if (model)
      return model.take();
    if (reader)
      scores = reader->take<double>();
    return makeUnigram(std::move(vocabulary), std::move(scores), unknown,
                       byteFallback, model.place());
  }
  if (model.type() == "WordPiece") {
    std::string unknown = model.text("unk_token", "[UNK]");
    std::string prefix = model.text("continuing_subword_prefix", "##");
    uint64_t most = model.number("max_input_chars_per_word", 100);
    if (model)
      return model.take();
    return makeWordPiece(std::move(vocabulary), unknown, prefix, most,
                         model.place());
  }
  if (model.type() == "WordLevel") {
    std::string unknown = model.text("unk_token", "<unk>");
    if (model)
      return model.take();
    return makeWordLevel(std::move(vocabulary), unknown, model.place());
  }
  return model.unknown();
}

} // namespace

Expected<std::unique_ptr<Model>> buildModel(const Json &description,
                                            Ingredients &ingredients,
                                            const std::string &where) {
  Expected<Vocabulary> vocabulary = Vocabulary::build(
      std::move(ingredients.vocabulary), keepsBytes(description), where);
  if (!vocabulary)
    return vocabulary.takeError();
  return makeModel(description, std::move(*vocabulary), &ingredients.merges,
                   Stored<double>(std::move(ingredients.scores)), nullptr,
                   where);
}

Expected<std::unique_ptr<Model>> readModel(const Json &description,
                                           StoreReader &reader,
                                           const std::string &where) {
  if (!description.is_object() || !description.contains("model"))
    return invalid(where, "the stored tokenizer is damaged; compile the model "
                          "again");
  Expected<Vocabulary> vocabulary =
      Vocabulary::read(reader, keepsBytes(description));
  if (!vocabulary)
    return vocabulary.takeError();
  return makeModel(description, std::move(*vocabulary), nullptr, {}, &reader,
                   where);
}

namespace {

/// Makes the added tokens of a description, which then has them no more.
Error takeAdded(TokenizerState &state) {
  AddedTokensBuilder builder;
  Json list = std::move(state.description["added_tokens"]);
  state.description.erase("added_tokens");
  if (!list.is_array() && !list.is_null())
    return invalid(state.where, "expected a list for 'added_tokens'");
  for (const Json &entry : list) {
    if (!entry.is_object() || !entry.contains("content") ||
        !entry["content"].is_string())
      return invalid(state.where, "expected a 'content' for each of "
                                  "'added_tokens'");
    AddedToken token;
    token.content = entry["content"].get<std::string>();
    bool isSound = true;
    auto flag = [&](const char *key, bool fallback) {
      auto found = entry.find(key);
      if (found == entry.end())
        return fallback;
      isSound &= found->is_boolean();
      return found->is_boolean() && found->get<bool>();
    };
    token.special = flag("special", false);
    token.singleWord = flag("single_word", false);
    token.lstrip = flag("lstrip", false);
    token.rstrip = flag("rstrip", false);
    token.normalized = flag("normalized", !token.special);
    if (!isSound)
      return invalid(state.where,
                     "expected true or false for each property of "
                     "the added token '",
                     token.content, "'");
    if (token.content.empty())
      continue;
    Expected<uint32_t> id =
        builder.add(token, state.model->vocabulary(), state.where);
    if (!id)
      return id.takeError();
    auto named = entry.find("id");
    if (named == entry.end() || named->is_null())
      continue;
    if (!isIndex(*named) || named->get<uint64_t>() != *id)
      return invalid(state.where, "the added token '", token.content,
                     "' has the id ", named->dump(),
                     " in the file, but the tokenizers library gives it ", *id,
                     "; expected ids without holes behind those of the "
                     "vocabulary");
  }
  Expected<AddedTokens> added = builder.build(state.normalizer.get());
  if (!added)
    return added.takeError();
  state.added = std::move(*added);
  return Error::success();
}

Error readNamed(TokenizerState &state) {
  const Json &description = state.description;
  if (auto named = description.find("named");
      named != description.end() && named->is_object())
    for (const auto &[name, text] : named->items())
      if (text.is_string()) {
        std::string token = text.get<std::string>();
        std::optional<uint32_t> id = state.added.id(token);
        if (!id)
          id = state.model->vocabulary().id(token);
        state.named.push_back({name, std::move(token), id});
      }
  if (auto length = description.find("max_length");
      length != description.end() && isIndex(*length))
    state.maxLength = length->get<uint64_t>();
  state.truncatesLeft = description.value("truncation_side", Json()) == "left";
  state.givesTypes = description.value("token_types", Json()) == true;
  state.splitsSpecialTokens =
      description.value("split_special_tokens", Json()) == true;
  return Error::success();
}

/// Adds the ids of a post-processor's tokens that are only named.
Error findIds(TokenizerState &state) {
  auto found = state.description.find("post_processor");
  if (found == state.description.end() || !found->is_object())
    return Error::success();
  Error failure;
  auto idOf = [&](const std::string &text) -> Json {
    std::optional<uint32_t> id = state.added.id(text);
    if (!id)
      id = state.model->vocabulary().id(text);
    if (!id && !failure)
      failure = invalid(state.where, "the special token '", text,
                        "' is not in the vocabulary");
    return id ? Json(*id) : Json();
  };
  if (auto specials = found->find("special_tokens");
      specials != found->end() && specials->is_object())
    for (auto &[text, token] : specials->items())
      if (token.is_object() && !token.contains("ids"))
        token["ids"] = {idOf(text)};
  for (const char *key : {"sep", "cls"})
    if (auto token = found->find(key);
        token != found->end() && token->is_array() && token->size() == 2 &&
        (*token)[0].is_string() && (*token)[1].is_null())
      (*token)[1] = idOf((*token)[0].get<std::string>());
  return failure;
}

} // namespace

Error buildComponents(TokenizerState &state, bool isStored) {
  const Json &description = state.description;
  auto find = [&](const char *key) -> const Json * {
    auto found = description.find(key);
    return found == description.end() || found->is_null() ? nullptr : &*found;
  };
  if (const Json *json = find("normalizer")) {
    Expected<std::unique_ptr<Normalizer>> made =
        makeNormalizer(*json, state.where + ": normalizer");
    if (!made)
      return made.takeError();
    state.normalizer = std::move(*made);
  }
  if (const Json *json = find("pre_tokenizer")) {
    Expected<std::unique_ptr<PreTokenizer>> made = makePreTokenizer(
        *json, keepsBytes(description), state.where + ": pre_tokenizer");
    if (!made)
      return made.takeError();
    state.preTokenizer = std::move(*made);
    state.isAlwaysTracked =
        state.preTokenizer->needsOrigins(state.normalizer != nullptr);
  }
  if (const Json *json = find("decoder")) {
    Expected<Decoder> made = Decoder::make(*json, state.where + ": decoder");
    if (!made)
      return made.takeError();
    state.decoder = std::move(*made);
  }
  state.tokenDecoder = state.decoder;
  if (description.value("clean_up", Json()) == true)
    state.decoder.addCleanUp();
  if (!isStored)
    if (Error error = takeAdded(state))
      return error;
  if (Error error = findIds(state))
    return error;
  if (const Json *json = find("post_processor")) {
    Expected<std::unique_ptr<PostProcessor>> made =
        makePostProcessor(*json, state.where + ": post_processor");
    if (!made)
      return made.takeError();
    state.postProcessor = std::move(*made);
  }
  return readNamed(state);
}

Expected<std::unique_ptr<TokenizerState>> build(Ingredients ingredients,
                                                const std::string &where) {
  auto state = std::make_unique<TokenizerState>();
  state->where = where;
  state->description = std::move(ingredients.description);
  state->description["keeps_bytes"] =
      canKeepBytes(state->description, ingredients.vocabulary);
  for (const char *key : {"normalizer", "pre_tokenizer", "decoder"})
    if (auto found = state->description.find(key);
        found != state->description.end())
      addLateCharacters(*found);
  Expected<std::unique_ptr<Model>> model =
      buildModel(state->description, ingredients, where);
  if (!model)
    return model.takeError();
  state->model = std::move(*model);
  if (Error error = buildComponents(*state, /*isStored=*/false))
    return error;
  return state;
}

} // namespace lora_rt::text
