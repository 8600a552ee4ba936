//===- TokenizerClass.cpp - What transformers' classes make ---------------===//
//
// Implements TokenizerClass.h: transformers builds a tokenizer by the class
// that a folder names. These are the rules of each class, by which the
// components are set where tokenizer.json does not decide.
//
//===----------------------------------------------------------------------===//

#include "TokenizerClass.h"
#include "SpecialTokens.h"

#include <algorithm>
#include <array>

namespace lora_rt::text {

namespace {

std::string textOf(const Json &object, const char *key) {
  auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>()
                                                     : std::string();
}

bool flagOf(const Json &object, const char *key, bool fallback) {
  auto found = object.find(key);
  if (found == object.end() || found->is_null())
    return fallback;
  return found->is_boolean() ? found->get<bool>() : fallback;
}

std::string withoutFast(std::string name) {
  if (name.ends_with("Fast"))
    name.resize(name.size() - 4);
  return name;
}

/// The class that transformers registers for a model type, of the types that
/// this project imports and their relatives; empty for others.
std::string registeredClass(const std::string &modelType) {
  static constexpr std::pair<const char *, const char *> classes[] = {
      {"bert", "BertTokenizer"},
      {"distilbert", "BertTokenizer"},
      {"electra", "BertTokenizer"},
      {"nomic_bert", "BertTokenizer"},
      {"gemma", "GemmaTokenizer"},
      {"gemma2", "GemmaTokenizer"},
      {"gemma3", "GemmaTokenizer"},
      {"gemma3_text", "GemmaTokenizer"},
      {"gemma3n", "GemmaTokenizer"},
      {"gemma3n_text", "GemmaTokenizer"},
      {"gpt2", "GPT2Tokenizer"},
      {"gpt_neo", "GPT2Tokenizer"},
      {"gptj", "GPT2Tokenizer"},
      {"opt", "GPT2Tokenizer"},
      {"phi", "GPT2Tokenizer"},
      {"starcoder2", "GPT2Tokenizer"},
      {"qwen2", "Qwen2Tokenizer"},
      {"qwen2_moe", "Qwen2Tokenizer"},
      {"qwen3", "Qwen2Tokenizer"},
      {"qwen3_moe", "Qwen2Tokenizer"},
      {"roberta", "RobertaTokenizer"},
      {"roberta-prelayernorm", "RobertaTokenizer"},
      {"xlm-roberta", "XLMRobertaTokenizer"},
      {"mistral", "TokenizersBackend"},
      {"ministral", "TokenizersBackend"},
      {"mixtral", "TokenizersBackend"},
      {"phi3", "TokenizersBackend"},
      {"phimoe", "TokenizersBackend"},
      {"modernbert", "TokenizersBackend"},
      {"xlm-roberta-xl", "TokenizersBackend"},
  };
  for (const auto &[type, name] : classes)
    if (modelType == type)
      return name;
  return "";
}

/// Model types whose folders often name a wrong class.
bool namesWrongClass(const std::string &modelType) {
  static constexpr const char *types[] = {"phi3", "phimoe", "qwen2",
                                          "modernbert"};
  return std::find(std::begin(types), std::end(types), modelType) !=
         std::end(types);
}

TokenizerClass byName(const std::string &name) {
  static constexpr std::pair<const char *, TokenizerClass> classes[] = {
      {"BertTokenizer", TokenizerClass::Bert},
      {"DistilBertTokenizer", TokenizerClass::Bert},
      {"GemmaTokenizer", TokenizerClass::Gemma},
      {"GPT2Tokenizer", TokenizerClass::GPT2},
      {"LlamaTokenizer", TokenizerClass::Llama},
      {"Qwen2Tokenizer", TokenizerClass::Qwen2},
      {"RobertaTokenizer", TokenizerClass::Roberta},
      {"XLMRobertaTokenizer", TokenizerClass::XLMRoberta},
  };
  for (const auto &[known, kind] : classes)
    if (name == known)
      return kind;
  return TokenizerClass::Generic;
}

} // namespace

TokenizerClass chooseClass(const TokenizerConfigs &configs, bool isByteLevel,
                           std::string &name) {
  std::string type = textOf(configs.config, "model_type");
  std::string declared = textOf(configs.tokenizerConfig, "tokenizer_class");
  if (declared.empty())
    declared = textOf(configs.config, "tokenizer_class");
  declared = withoutFast(declared);
  std::string registered = registeredClass(type);
  name = declared.empty() ? registered : declared;
  if (declared == "LlamaTokenizer" && isByteLevel && !namesWrongClass(type))
    return TokenizerClass::Generic;
  if (!declared.empty() && !registered.empty() && registered != declared) {
    if (registered == "TokenizersBackend") {
      name = registered;
      return TokenizerClass::Generic;
    }
    name = namesWrongClass(type) ? registered : declared;
  }
  return byName(name);
}

namespace {

Json component(const char *type) { return {{"type", type}}; }

Json literal(const char *type, const char *text, const char *content) {
  return {
      {"type", type}, {"pattern", {{"String", text}}}, {"content", content}};
}

Json sequence(const char *key, Json parts) {
  return {{"type", "Sequence"}, {key, std::move(parts)}};
}

Json metaspace(const char *scheme, bool isSplit) {
  return {{"type", "Metaspace"},
          {"replacement", "▁"},
          {"prepend_scheme", scheme},
          {"split", isSplit}};
}

Json byteLevel(bool addsSpace, bool usesRegex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", addsSpace},
          {"trim_offsets", true},
          {"use_regex", usesRegex}};
}

constexpr const char *qwenWords =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// The tokens around a text; their ids are found after all tokens were added.
Json templateOf(std::initializer_list<const char *> single,
                std::initializer_list<std::pair<const char *, int>> pair,
                const std::map<std::string, std::string> &names) {
  auto part = [&](const char *what, int type) -> Json {
    if (what[0] == '$')
      return {{"Sequence", {{"id", what + 1}, {"type_id", type}}}};
    return {{"SpecialToken", {{"id", names.at(what)}, {"type_id", type}}}};
  };
  Json result = {{"type", "TemplateProcessing"},
                 {"single", Json::array()},
                 {"pair", Json::array()},
                 {"special_tokens", Json::object()}};
  for (const char *what : single)
    result["single"].push_back(part(what, 0));
  for (const auto &[what, type] : pair)
    result["pair"].push_back(part(what, type));
  for (const auto &[key, text] : names)
    result["special_tokens"][text] = {{"id", text}, {"tokens", {text}}};
  return result;
}

/// The post-processor for add_bos_token and add_eos_token.
Json frameOf(const SpecialTokens &tokens, bool addsBos, bool addsEos) {
  std::optional<std::string> bos = tokens.text("bos_token"),
                             eos = tokens.text("eos_token");
  addsBos = addsBos && bos;
  addsEos = addsEos && eos;
  Json single = Json::array(), pair = Json::array(), specials = Json::object();
  auto special = [&](const std::string &text, int type) -> Json {
    specials[text] = {{"id", text}, {"tokens", {text}}};
    return {{"SpecialToken", {{"id", text}, {"type_id", type}}}};
  };
  auto text = [](const char *id, int type) -> Json {
    return {{"Sequence", {{"id", id}, {"type_id", type}}}};
  };
  if (addsBos)
    single.push_back(special(*bos, 0));
  single.push_back(text("A", 0));
  if (addsEos)
    single.push_back(special(*eos, 0));
  pair = single;
  if (addsBos)
    pair.push_back(special(*bos, 1));
  pair.push_back(text("B", 1));
  if (addsEos)
    pair.push_back(special(*eos, 1));
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", pair},
          {"special_tokens", specials}};
}

/// Sets the components of a class. Options are those of tokenizer_config.json.
class ClassRules {
public:
  ClassRules(const Json &options, SpecialTokens &tokens, Json &description)
      : options(options), tokens(tokens), out(description) {}

  void setDefaults(TokenizerClass kind) {
    switch (kind) {
    case TokenizerClass::Generic:
      break;
    case TokenizerClass::Llama:
      tokens.setDefaults({{"unk_token", "<unk>"},
                          {"bos_token", "<s>"},
                          {"eos_token", "</s>"}});
      break;
    case TokenizerClass::Gemma:
      tokens.setDefaults({{"unk_token", "<unk>"},
                          {"bos_token", "<bos>"},
                          {"eos_token", "<eos>"},
                          {"pad_token", "<pad>"},
                          {"mask_token", "<mask>"}});
      break;
    case TokenizerClass::Qwen2:
      tokens.setDefaults({{"unk_token", "<|endoftext|>"},
                          {"eos_token", "<|endoftext|>"},
                          {"pad_token", "<|endoftext|>"}});
      break;
    case TokenizerClass::GPT2:
      tokens.setDefaults({{"unk_token", "<|endoftext|>"},
                          {"bos_token", "<|endoftext|>"},
                          {"eos_token", "<|endoftext|>"}});
      break;
    case TokenizerClass::Bert:
      tokens.setDefaults({{"unk_token", "[UNK]"},
                          {"sep_token", "[SEP]"},
                          {"pad_token", "[PAD]"},
                          {"cls_token", "[CLS]"},
                          {"mask_token", "[MASK]"}});
      break;
    case TokenizerClass::Roberta:
    case TokenizerClass::XLMRoberta:
      tokens.setDefaults({{"bos_token", "<s>"},
                          {"eos_token", "</s>"},
                          {"sep_token", "</s>"},
                          {"cls_token", "<s>"},
                          {"unk_token", "<unk>"},
                          {"pad_token", "<pad>"},
                          {"mask_token", "<mask>"}});
      break;
    }
  }

  void apply(TokenizerClass kind) {
    Json charsmap = precompiledOf(out.value("normalizer", Json()));
    if (kind != TokenizerClass::Generic)
      out.erase("normalizer");
    switch (kind) {
    case TokenizerClass::Generic:
      return;
    case TokenizerClass::Llama:
      return llama();
    case TokenizerClass::Gemma:
      return gemma();
    case TokenizerClass::Qwen2:
      return qwen2();
    case TokenizerClass::GPT2:
      return gpt2();
    case TokenizerClass::Bert:
      return bert();
    case TokenizerClass::Roberta:
      gpt2();
      out["post_processor"] = {
          {"type", "RobertaProcessing"},
          {"sep", {tokens.text("sep_token").value_or("</s>"), nullptr}},
          {"cls", {tokens.text("cls_token").value_or("<s>"), nullptr}},
          {"trim_offsets", flagOf(options, "trim_offsets", true)},
          {"add_prefix_space", flagOf(options, "add_prefix_space", false)}};
      return;
    case TokenizerClass::XLMRoberta:
      return xlmRoberta(std::move(charsmap));
    }
  }

private:
  const Json &options;
  SpecialTokens &tokens;
  Json &out;

  static Json precompiledOf(const Json &normalizer) {
    if (!normalizer.is_object())
      return Json();
    if (normalizer.value("type", Json()) == "Precompiled")
      return normalizer;
    if (auto parts = normalizer.find("normalizers");
        parts != normalizer.end() && parts->is_array())
      for (const Json &part : *parts)
        if (part.is_object() && part.value("type", Json()) == "Precompiled")
          return part;
    return Json();
  }

  void llama() {
    bool addsSpace = flagOf(options, "add_prefix_space", true);
    const char *scheme = !addsSpace                         ? "never"
                         : flagOf(options, "legacy", false) ? "always"
                                                            : "first";
    out["model"] = {
        {"type", "BPE"}, {"fuse_unk", true}, {"byte_fallback", true}};
    out["pre_tokenizer"] = metaspace(scheme, false);
    Json decoders = {literal("Replace", "▁", " "), component("ByteFallback"),
                     component("Fuse")};
    if (addsSpace)
      decoders.push_back(
          {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
    out["decoder"] = sequence("decoders", std::move(decoders));
  }

  void gemma() {
    out["model"] = {{"type", "BPE"},
                    {"unk_token", tokens.text("unk_token").value_or("None")},
                    {"fuse_unk", true},
                    {"byte_fallback", true}};
    out["normalizer"] = literal("Replace", " ", "▁");
    out["pre_tokenizer"] = {{"type", "Split"},
                            {"pattern", {{"String", " "}}},
                            {"behavior", "MergedWithPrevious"},
                            {"invert", false}};
    out["decoder"] =
        sequence("decoders", {literal("Replace", "▁", " "),
                              component("ByteFallback"), component("Fuse")});
  }

  void qwen2() {
    out["model"] = {{"type", "BPE"}};
    out["normalizer"] = component("NFC");
    out["pre_tokenizer"] = sequence(
        "pretokenizers", {{{"type", "Split"},
                           {"pattern", {{"Regex", qwenWords}}},
                           {"behavior", "Isolated"},
                           {"invert", false}},
                          byteLevel(flagOf(options, "add_prefix_space", false),
                                    /*usesRegex=*/false)});
    out["decoder"] = byteLevel(true, true);
  }

  void gpt2() {
    out["model"] = {{"type", "BPE"}};
    out["pre_tokenizer"] =
        byteLevel(flagOf(options, "add_prefix_space", false), true);
    out["decoder"] = byteLevel(true, true);
  }

  void bert() {
    bool lower = flagOf(options, "do_lower_case", true);
    Json accents = options.value("strip_accents", Json());
    out["model"] = {{"type", "WordPiece"},
                    {"unk_token", tokens.text("unk_token").value_or("None")},
                    {"continuing_subword_prefix", "##"},
                    {"max_input_chars_per_word", 100}};
    out["normalizer"] = {{"type", "BertNormalizer"},
                         {"clean_text", true},
                         {"handle_chinese_chars",
                          flagOf(options, "tokenize_chinese_chars", true)},
                         {"strip_accents", accents},
                         {"lowercase", lower}};
    out["pre_tokenizer"] = component("BertPreTokenizer");
    out["decoder"] = {
        {"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
    out["post_processor"] =
        templateOf({"cls", "$A", "sep"},
                   {{"cls", 0}, {"$A", 0}, {"sep", 0}, {"$B", 1}, {"sep", 1}},
                   {{"cls", tokens.text("cls_token").value_or("None")},
                    {"sep", tokens.text("sep_token").value_or("None")}});
  }

  void xlmRoberta(Json charsmap) {
    const char *scheme =
        flagOf(options, "add_prefix_space", true) ? "always" : "never";
    out["model"] = {
        {"type", "Unigram"}, {"unk_id", 3}, {"byte_fallback", false}};
    if (!charsmap.is_null())
      out["normalizer"] = std::move(charsmap);
    out["pre_tokenizer"] =
        sequence("pretokenizers",
                 {component("WhitespaceSplit"), metaspace(scheme, true)});
    out["decoder"] = metaspace(scheme, true);
    out["post_processor"] = templateOf(
        {"bos", "$A", "eos"},
        {{"bos", 0}, {"$A", 0}, {"eos", 0}, {"eos", 0}, {"$B", 0}, {"eos", 0}},
        {{"bos", tokens.text("bos_token").value_or("None")},
         {"eos", tokens.text("eos_token").value_or("None")}});
  }
};

const char *modelOf(TokenizerClass kind) {
  return kind == TokenizerClass::Bert         ? "WordPiece"
         : kind == TokenizerClass::XLMRoberta ? "Unigram"
                                              : "BPE";
}

Json asJson(const AddedToken &token) {
  return {{"content", token.content},        {"special", token.special},
          {"single_word", token.singleWord}, {"lstrip", token.lstrip},
          {"rstrip", token.rstrip},          {"normalized", token.normalized}};
}

} // namespace

Error applyClass(TokenizerClass kind, const TokenizerConfigs &configs,
                 PieceSource source, std::vector<AddedToken> extras,
                 Ingredients &ingredients, const std::string &where) {
  const Json &options = configs.tokenizerConfig;
  Json &description = ingredients.description;
  Json type = description["model"].value("type", Json());
  if (kind != TokenizerClass::Generic && type != modelOf(kind))
    return makeError(ErrorCode::InvalidFile, where, ": a model of type ",
                     type.dump(), ", but the tokenizer's class is one for ",
                     modelOf(kind),
                     "; expected a tokenizer_class in tokenizer_config.json "
                     "that fits, such as TokenizersBackend");
  bool hasJson = source == PieceSource::TokenizerJson;
  Json fileTokens = description.value("added_tokens", Json::array());
  Expected<SpecialTokens> read =
      SpecialTokens::read(configs, hasJson ? fileTokens : Json::array(), where);
  if (!read)
    return read.takeError();
  SpecialTokens &tokens = *read;
  tokens.addExtras(std::move(extras));
  ClassRules rules(options, tokens, description);
  rules.setDefaults(kind);
  rules.apply(kind);
  bool isFramed = !description.contains("post_processor") ||
                  description["post_processor"].is_null();
  // With a tokenizer.json, its own post-processor decides.
  bool isAsked = !hasJson && (options.contains("add_bos_token") ||
                              options.contains("add_eos_token"));
  bool isOwn = kind == TokenizerClass::Bert ||
               kind == TokenizerClass::Roberta ||
               kind == TokenizerClass::XLMRoberta;
  if (!isOwn && (isFramed || isAsked))
    description["post_processor"] =
        frameOf(tokens, !hasJson && flagOf(options, "add_bos_token", false),
                !hasJson && flagOf(options, "add_eos_token", false));
  Json added = Json::array();
  std::vector<std::string> known;
  if (kind == TokenizerClass::Generic && hasJson && fileTokens.is_array())
    for (const Json &token : fileTokens) {
      added.push_back(token);
      if (token.is_object() && token.contains("content") &&
          token["content"].is_string())
        known.push_back(token["content"].get<std::string>());
    }
  for (const AddedToken &token : tokens.toAdd(known))
    added.push_back(asJson(token));
  if (kind == TokenizerClass::Qwen2)
    for (const std::string &text : tokens.all())
      added.push_back(
          asJson({.content = text, .normalized = false, .special = true}));
  description["added_tokens"] = std::move(added);
  description["named"] = tokens.named();
  if (auto length = options.find("model_max_length");
      length != options.end() && isIndex(*length))
    description["max_length"] = *length;
  if (auto side = options.find("truncation_side"); side != options.end()) {
    if (*side != "left" && *side != "right")
      return makeError(ErrorCode::InvalidFile, where,
                       ": truncation_side in tokenizer_config.json: expected "
                       "\"left\" or \"right\", but got ",
                       side->dump());
    description["truncation_side"] = *side;
  }
  auto inputs = options.find("model_input_names");
  description["token_types"] =
      inputs == options.end() || !inputs->is_array()
          ? kind == TokenizerClass::Bert
          : std::find(inputs->begin(), inputs->end(), "token_type_ids") !=
                inputs->end();
  bool cleansUp = flagOf(options, "clean_up_tokenization_spaces", false);
  if (description["model"].value("type", Json()) == "BPE")
    cleansUp =
        cleansUp &&
        flagOf(options,
               "clean_up_tokenization_spaces_for_bpe_even_though_it_will_"
               "corrupt_output",
               false);
  description["clean_up"] = cleansUp;
  description["split_special_tokens"] =
      flagOf(options, "split_special_tokens", false);
  // As it would be read from a file: numbers from 0 on are unsigned there.
  Expected<Json> plain = parseJson(
      description.dump(-1, ' ', false, Json::error_handler_t::replace), where);
  if (!plain)
    return plain.takeError();
  description = std::move(*plain);
  return Error::success();
}

} // namespace lora_rt::text
