//===- SpecialTokens.cpp - The tokens that a folder's files name ----------===//
//
// Implements SpecialTokens.h: finds the special tokens in the files of a
// folder, with the precedence that transformers gives to these files.
//
//===----------------------------------------------------------------------===//

#include "SpecialTokens.h"

#include <algorithm>

namespace lora_rt::text {

namespace {

constexpr const char *standardNames[] = {"bos_token", "eos_token", "unk_token",
                                         "sep_token", "pad_token", "cls_token",
                                         "mask_token"};

bool isStandard(std::string_view name) {
  return std::find(std::begin(standardNames), std::end(standardNames), name) !=
         std::end(standardNames);
}

/// A token as a file has it: a text, or an object with its properties.
std::optional<AddedToken> tokenOf(const Json &value,
                                  std::optional<bool> special = std::nullopt) {
  AddedToken token;
  if (value.is_string()) {
    token.content = value.get<std::string>();
    token.special = true;
    token.normalized = false;
    return token;
  }
  if (!value.is_object() || !value.contains("content") ||
      !value["content"].is_string())
    return std::nullopt;
  bool isSound = true;
  auto flag = [&](const char *key, bool fallback) {
    auto found = value.find(key);
    if (found == value.end())
      return fallback;
    isSound &= found->is_boolean();
    return found->is_boolean() && found->get<bool>();
  };
  token.content = value["content"].get<std::string>();
  token.special = special ? *special : flag("special", false);
  token.singleWord = flag("single_word", false);
  token.lstrip = flag("lstrip", false);
  token.rstrip = flag("rstrip", false);
  token.normalized = flag("normalized", !token.special);
  if (!isSound)
    return std::nullopt;
  return token;
}

std::optional<uint64_t> idOf(std::string_view text) {
  uint64_t value = 0;
  if (text.empty() || text.size() > 9)
    return std::nullopt;
  for (char c : text) {
    if (c < '0' || c > '9')
      return std::nullopt;
    value = 10 * value + uint64_t(c - '0');
  }
  return value;
}

/// Keeps the keys of the outer object, and those of 'extra_special_tokens'.
class NameReader : public nlohmann::json_sax<Json> {
public:
  TokenNames names;

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t &) override { return true; }
  bool string(string_t &) override { return true; }
  bool binary(binary_t &) override { return false; }
  bool start_object(std::size_t) override { return ++depth; }
  bool start_array(std::size_t) override { return ++depth; }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }
  bool key(string_t &name) override {
    if (depth == 1)
      names.all.push_back(name);
    else if (depth == 2 && names.all.back() == "extra_special_tokens")
      names.extra.push_back(name);
    return true;
  }
  bool parse_error(std::size_t, const std::string &,
                   const nlohmann::detail::exception &) override {
    return false;
  }

private:
  bool leave() {
    --depth;
    return true;
  }
  size_t depth = 0;
};

} // namespace

TokenNames readTokenNames(std::string_view json) {
  NameReader reader;
  (void)Json::sax_parse(json.begin(), json.end(), &reader);
  return std::move(reader.names);
}

SpecialTokens::Value *SpecialTokens::find(std::string_view name) {
  for (Value &value : values)
    if (value.name == name)
      return &value;
  return nullptr;
}

Expected<SpecialTokens> SpecialTokens::read(const TokenizerConfigs &configs,
                                            const Json &fileTokens,
                                            const std::string &where) {
  SpecialTokens out;
  auto fail = [&](const auto &...parts) {
    return makeError(ErrorCode::InvalidFile, where, ": ", parts...);
  };
  Json options = configs.tokenizerConfig;
  auto takeOldName = [&] {
    if (auto extra = options.find("extra_special_tokens");
        extra != options.end() && !extra->empty())
      return;
    if (auto old = options.find("additional_special_tokens");
        old != options.end())
      options["extra_special_tokens"] = *old;
  };
  takeOldName();
  // Tokens with names of the model's own. Those of `named` count more.
  std::vector<std::pair<std::string, Json>> others, named;
  auto isOwn = [](const std::string &name, const Json &value) {
    return !isStandard(name) && name.ends_with("_token") &&
           (value.is_string() || (value.is_object() && tokenOf(value)));
  };
  for (const std::string &name : configs.configNames.all)
    if (const Json &value = options[name]; isOwn(name, value))
      (value.is_string() ? named : others).emplace_back(name, value);
  // An object has tokens with names, too, and leaves the place to the list
  // under the old name.
  auto takeExtraNames = [&](const TokenNames &names) {
    auto extra = options.find("extra_special_tokens");
    if (extra == options.end() || !extra->is_object())
      return;
    for (const std::string &name : names.extra)
      named.emplace_back(name, (*extra)[name]);
    options.erase(extra);
  };
  takeExtraNames(configs.configNames);
  std::map<std::string, AddedToken> byText;
  auto decoder = options.find("added_tokens_decoder");
  bool hasDecoder = decoder != options.end();
  if (hasDecoder) {
    if (!decoder->is_object())
      return fail("expected an object for 'added_tokens_decoder'");
    for (const auto &[key, value] : decoder->items()) {
      std::optional<uint64_t> id = idOf(key);
      std::optional<AddedToken> token = tokenOf(value);
      if (!id || !token || !value.is_object())
        return fail("expected an id and a token with its properties in "
                    "'added_tokens_decoder', but found '",
                    key, "'");
      out.byId[*id] = *token;
      byText[token->content] = *token;
    }
  } else {
    for (const std::string &key : configs.mapNames.all) {
      Json value = configs.specialTokensMap[key];
      // Tokens with properties are special there.
      auto makeSpecial = [](Json &token) {
        if (token.is_object())
          token["special"] = true;
      };
      if (key != "extra_special_tokens") {
        makeSpecial(value);
        if (isOwn(key, value))
          others.emplace_back(key, value);
      } else if (value.is_array()) {
        std::for_each(value.begin(), value.end(), makeSpecial);
        // They follow those of tokenizer_config.json.
        if (auto known = options.find(key);
            known != options.end() && known->is_array())
          value.insert(value.begin(), known->begin(), known->end());
      }
      options[key] = std::move(value);
    }
    takeExtraNames(configs.mapNames);
  }
  // Extra tokens under the old name in special_tokens_map.json come last, and
  // do not make tokens of added_tokens.json special.
  bool extrasAreKnown = options.contains("extra_special_tokens");
  if (!extrasAreKnown)
    takeOldName();
  auto addValue = [&](const std::string &name, const Json &value) -> Error {
    std::optional<AddedToken> token;
    if (!value.is_null()) {
      token = tokenOf(value);
      if (!token)
        return fail("expected a text, or a token with its properties, for '",
                    name, "'");
    }
    if (Value *known = out.find(name))
      known->token = token;
    else
      out.values.push_back({name, token});
    return Error::success();
  };
  for (const char *name : standardNames)
    if (auto found = options.find(name); found != options.end())
      if (Error error = addValue(name, *found))
        return error;
  for (const auto *tokens : {&others, &named})
    for (const auto &[name, value] : *tokens)
      if (Error error = addValue(name, value))
        return error;
  if (auto extra = options.find("extra_special_tokens");
      extra != options.end() && !extra->is_null()) {
    if (!extra->is_array())
      return fail("expected a list or an object for 'extra_special_tokens'");
    out.hasExtras = true;
    for (const Json &value : *extra) {
      std::optional<AddedToken> token = tokenOf(value);
      if (!token)
        return fail("expected texts, or tokens with their properties, in "
                    "'extra_special_tokens'");
      out.extras.push_back(*token);
    }
  }
  if (!hasDecoder) {
    for (const auto &[text, id] : configs.addedTokens.items()) {
      if (!isIndex(id))
        return fail("expected an id for '", text, "' in added_tokens.json");
      AddedToken token;
      token.content = text;
      for (const Value &value : out.values)
        token.special |= isStandard(value.name) && value.token &&
                         value.token->content == text;
      for (const AddedToken &extra : out.extras)
        token.special |= extrasAreKnown && extra.content == text;
      token.normalized = !token.special;
      out.byId[id.get<uint64_t>()] = token;
      byText[text] = token;
    }
    if (fileTokens.is_array())
      for (const Json &entry : fileTokens)
        if (std::optional<AddedToken> token = tokenOf(entry);
            token && entry.is_object() && entry.contains("id") &&
            isIndex(entry["id"])) {
          out.byId[entry["id"].get<uint64_t>()] = *token;
          byText[token->content] = *token;
        }
  }
  // A named token has the properties of the added token.
  for (Value &value : out.values)
    if (value.token && isStandard(value.name))
      if (auto found = byText.find(value.token->content); found != byText.end())
        value.token = found->second;
  return out;
}

void SpecialTokens::setDefaults(
    std::initializer_list<std::pair<const char *, const char *>> defaults) {
  for (const auto &[name, text] : defaults)
    if (!find(name))
      values.push_back({name, tokenOf(Json(text))});
  // The standard names come first, in their order.
  std::vector<Value> ordered;
  for (const char *name : standardNames)
    if (Value *value = find(name))
      ordered.push_back(*value);
  for (const Value &value : values)
    if (!isStandard(value.name))
      ordered.push_back(value);
  values = std::move(ordered);
}

std::optional<std::string> SpecialTokens::text(const char *name) const {
  for (const Value &value : values)
    if (value.name == name && value.token)
      return value.token->content;
  return std::nullopt;
}

std::vector<AddedToken>
SpecialTokens::toAdd(const std::vector<std::string> &known) const {
  std::vector<AddedToken> result;
  std::set<std::string> texts(known.begin(), known.end());
  auto isNamed = [&](const std::string &text) {
    return std::any_of(values.begin(), values.end(), [&](const Value &value) {
      return value.token && value.token->content == text;
    });
  };
  for (const auto &[id, token] : byId) {
    result.push_back(token);
    texts.insert(token.content);
  }
  for (const Value &value : values)
    if (value.token && texts.insert(value.token->content).second)
      result.push_back(*value.token);
  for (const AddedToken &token : extras)
    if (texts.insert(token.content).second)
      result.push_back(token);
  for (AddedToken &token : result)
    token.special |= isNamed(token.content);
  return result;
}

std::vector<std::string> SpecialTokens::all() const {
  std::vector<std::string> result;
  auto add = [&](const std::string &text) {
    if (std::find(result.begin(), result.end(), text) == result.end())
      result.push_back(text);
  };
  for (const Value &value : values)
    if (value.token)
      add(value.token->content);
  for (const AddedToken &token : extras)
    add(token.content);
  return result;
}

Json SpecialTokens::named() const {
  Json result = Json::object();
  for (const Value &value : values)
    if (value.token)
      result[value.name] = value.token->content;
  return result;
}

} // namespace lora_rt::text
