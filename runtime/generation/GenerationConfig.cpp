//===- GenerationConfig.cpp - A model's defaults for generation -----------===//
//
// One function visits all keys, with one visitor that reads and one that
// prints, so that both agree on names and types.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/GenerationConfig.h"
#include "../core/Json.h"
#include "OptionNames.h"
#include "lora-runtime/File.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

using namespace lora_rt;
using namespace lora_rt::generation;

namespace {

/// Reads keys of an object into values; keeps the first error. An absent key,
/// or null, leaves a value as it is.
class Reader {
public:
  Reader(const Json &object, const std::string &where)
      : object(object), where(where) {}

  void flag(const char *key, bool &value) {
    if (const Json *json = find(key)) {
      if (json->is_boolean())
        value = json->get<bool>();
      else
        fail(key, "expected true or false, but got ", shown(*json));
    }
  }

  void number(const char *key, double &value) {
    if (const Json *json = find(key)) {
      if (json->is_number())
        value = json->get<double>();
      else
        fail(key, "expected a number, but got ", shown(*json));
    }
  }

  void whole(const char *key, int64_t &value) {
    if (const Json *json = find(key))
      value = toWhole(key, *json);
  }
  void whole(const char *key, std::optional<int64_t> &value) {
    if (const Json *json = find(key))
      value = toWhole(key, *json);
  }

  void token(const char *key, std::optional<int32_t> &value) {
    if (const Json *json = find(key))
      value = toToken(key, *json);
  }

  /// A list of ids, or one id.
  void tokens(const char *key, std::vector<int32_t> &values) {
    if (const Json *json = find(key))
      values = json->is_array() ? toTokens(key, *json)
                                : std::vector<int32_t>{toToken(key, *json)};
  }

  void sequences(const char *key, std::vector<std::vector<int32_t>> &values) {
    for (const Json &element : list(key)) {
      if (!element.is_array())
        return fail(key, "expected lists of token ids, but got ",
                    shown(element));
      values.push_back(toTokens(key, element));
    }
  }

  void biases(const char *key, std::vector<SequenceBias> &values) {
    for (const Json &element : list(key)) {
      if (!element.is_array() || element.size() != 2 ||
          !element[0].is_array() || !element[1].is_number())
        return fail(key,
                    "expected pairs of a list of token ids and a number, "
                    "but got ",
                    shown(element));
      values.push_back({toTokens(key, element[0]), element[1].get<double>()});
    }
  }

  void decay(const char *key, std::optional<LengthPenalty> &value) {
    const Json *json = find(key);
    if (!json)
      return;
    if (!json->is_array() || json->size() != 2 || !(*json)[1].is_number())
      return fail(key, "expected a list of a start and a factor, but got ",
                  shown(*json));
    value = {toWhole(key, (*json)[0]), (*json)[1].get<double>()};
  }

  /// A list of texts, or one text.
  void texts(const char *key, std::vector<std::string> &values) {
    const Json *json = find(key);
    if (!json)
      return;
    if (json->is_string())
      values = {json->get<std::string>()};
    else
      for (const Json &element : list(key)) {
        if (!element.is_string())
          return fail(key, "expected texts, but got ", shown(element));
        values.push_back(element.get<std::string>());
      }
    if (std::find(values.begin(), values.end(), "") != values.end())
      fail(key, "an empty text ends every text; remove it");
  }

  const Json *find(const char *key) const {
    auto found = object.find(key);
    return found == object.end() || found->is_null() ? nullptr : &*found;
  }

  template <typename... Parts>
  void fail(const char *key, const Parts &...parts) {
    if (!error)
      error =
          makeError(ErrorCode::InvalidFile, where, ": ", key, ": ", parts...);
  }

  /// Refuses a setting that `holds`.
  void refuse(bool holds, const char *key, const char *what) {
    if (holds && !error)
      error = makeError(ErrorCode::Unsupported, where, ": ", key, " is ",
                        shown(*find(key)), ": ", what,
                        "; remove the key to generate without");
  }

  Error take() { return std::move(error); }

private:
  /// A value for a message; the middle of a long one is left out there.
  static std::string shown(const Json &value) {
    std::string text = value.dump();
    return text.size() <= 80 ? text : text.substr(0, 80) + "...";
  }

  const Json &list(const char *key) {
    static const Json empty = Json::array();
    const Json *json = find(key);
    if (json && !json->is_array())
      fail(key, "expected a list, but got ", shown(*json));
    return json && json->is_array() ? *json : empty;
  }

  int64_t toWhole(const char *key, const Json &value) {
    if (value.is_number_integer() &&
        (!value.is_number_unsigned() || isIndex(value)))
      return value.get<int64_t>();
    fail(key, "expected a whole number, but got ", shown(value));
    return 0;
  }

  int32_t toToken(const char *key, const Json &value) {
    int64_t id = value.is_number_integer() && !value.is_number_unsigned()
                     ? value.get<int64_t>()
                 : isIndex(value) ? value.get<int64_t>()
                                  : std::numeric_limits<int64_t>::max();
    if (id >= std::numeric_limits<int32_t>::min() &&
        id <= std::numeric_limits<int32_t>::max())
      return int32_t(id);
    fail(key, "expected token ids, but got ", shown(value));
    return 0;
  }

  std::vector<int32_t> toTokens(const char *key, const Json &values) {
    std::vector<int32_t> result;
    for (const Json &value : values)
      result.push_back(toToken(key, value));
    return result;
  }

  const Json &object;
  const std::string &where;
  Error error;
};

/// Writes values into an object.
class Printer {
public:
  void flag(const char *key, bool value) { object[key] = value; }
  void number(const char *key, double value) { object[key] = value; }
  void whole(const char *key, int64_t value) { object[key] = value; }
  void whole(const char *key, const std::optional<int64_t> &value) {
    object[key] = value ? Json(*value) : Json();
  }
  void token(const char *key, const std::optional<int32_t> &value) {
    object[key] = value ? Json(*value) : Json();
  }
  void tokens(const char *key, const std::vector<int32_t> &values) {
    object[key] = values;
  }
  void sequences(const char *key,
                 const std::vector<std::vector<int32_t>> &values) {
    object[key] = values;
  }
  void biases(const char *key, const std::vector<SequenceBias> &values) {
    Json &list = object[key] = Json::array();
    for (const SequenceBias &value : values)
      list.push_back(Json::array({Json(value.ids), Json(value.bias)}));
  }
  void decay(const char *key, const std::optional<LengthPenalty> &value) {
    object[key] = value ? Json::array({value->start, value->factor}) : Json();
  }
  void texts(const char *key, const std::vector<std::string> &values) {
    object[key] = values;
  }

  Json object = Json::object();
};

} // namespace

/// Calls the visitor with each key and its value.
template <typename Visitor, typename Config>
static void visitKeys(Visitor &visitor, Config &config) {
  auto &sampling = config.sampling;
  visitor.flag("do_sample", sampling.doSample);
  visitor.biases("sequence_bias", sampling.sequenceBias);
  visitor.number("repetition_penalty", sampling.repetitionPenalty);
  visitor.whole("no_repeat_ngram_size", sampling.noRepeatNgram);
  visitor.sequences("bad_words_ids", sampling.badWords);
  visitor.whole("min_length", sampling.minLength);
  visitor.whole("min_new_tokens", sampling.minNewTokens);
  visitor.token("forced_bos_token_id", sampling.forcedBos);
  visitor.tokens("forced_eos_token_id", sampling.forcedEos);
  visitor.flag("remove_invalid_values", sampling.removeInvalidValues);
  visitor.decay("exponential_decay_length_penalty", sampling.exponentialDecay);
  visitor.tokens("suppress_tokens", sampling.suppressTokens);
  visitor.tokens("begin_suppress_tokens", sampling.beginSuppressTokens);
  visitor.number("temperature", sampling.temperature);
  visitor.number("top_h", sampling.topH);
  visitor.whole("top_k", sampling.topK);
  visitor.number("top_p", sampling.topP);
  visitor.number("min_p", sampling.minP);
  visitor.number("typical_p", sampling.typicalP);
  visitor.number("epsilon_cutoff", sampling.epsilonCutoff);
  visitor.number("eta_cutoff", sampling.etaCutoff);
  visitor.flag("renormalize_logits", sampling.renormalizeLogits);
  visitor.tokens("eos_token_id", config.endOfSequence);
  visitor.token("bos_token_id", config.beginOfSequence);
  visitor.token("pad_token_id", config.padding);
  visitor.whole("max_new_tokens", config.maxNewTokens);
  visitor.whole("max_length", config.maxLength);
  visitor.texts("stop_strings", config.stopTexts);
}

/// Refuses what would change the procedure.
static void refuseProcedures(Reader &reader, const SamplingOptions &sampling) {
  constexpr const char *beams = "beam search is not supported";
  int64_t numBeams = 1, numSequences = 1, encoderNgram = 0;
  double alpha = 0, guidance = 1, encoderPenalty = 1, maxTime = 0;
  bool heals = false;
  reader.whole("num_beams", numBeams);
  reader.whole("num_return_sequences", numSequences);
  reader.whole("encoder_no_repeat_ngram_size", encoderNgram);
  reader.number("penalty_alpha", alpha);
  reader.number("guidance_scale", guidance);
  reader.number("encoder_repetition_penalty", encoderPenalty);
  reader.number("max_time", maxTime);
  reader.flag("token_healing", heals);
  reader.refuse(numBeams > 1, "num_beams", beams);
  reader.refuse(reader.find("constraints"), "constraints", beams);
  reader.refuse(reader.find("force_words_ids"), "force_words_ids", beams);
  reader.refuse(numSequences > 1, "num_return_sequences",
                "several texts for a prompt are not supported");
  reader.refuse(alpha > 0 && !sampling.doSample && sampling.topK > 1,
                "penalty_alpha", "contrastive search is not supported");
  reader.refuse(guidance != 1, "guidance_scale",
                "guidance by a second prompt is not supported");
  reader.refuse(reader.find("dola_layers"), "dola_layers",
                "decoding by contrast of layers is not supported");
  reader.refuse(reader.find("watermarking_config"), "watermarking_config",
                "watermarks are not supported");
  reader.refuse(encoderPenalty != 1, "encoder_repetition_penalty",
                "a penalty for what the prompt does not have is not supported");
  reader.refuse(encoderNgram > 0, "encoder_no_repeat_ngram_size",
                "a ban of what the prompt has is not supported");
  reader.refuse(heals, "token_healing",
                "healing of the prompt's end is not supported");
  reader.refuse(reader.find("max_time"), "max_time",
                "a limit of time is not supported");
}

/// Makes values that transformers does not act on those without effect.
static void dropIneffective(GenerationConfig &config) {
  SamplingOptions &sampling = config.sampling;
  if (sampling.topP > 1)
    sampling.topP = 1;
  if (sampling.typicalP > 1)
    sampling.typicalP = 1;
  for (double *cutoff : {&sampling.epsilonCutoff, &sampling.etaCutoff})
    if (*cutoff < 0 || *cutoff >= 1)
      *cutoff = 0;
  for (int64_t *length : {&sampling.noRepeatNgram, &sampling.minLength})
    *length = std::max<int64_t>(*length, 0);
  if (sampling.minNewTokens)
    sampling.minNewTokens = std::max<int64_t>(*sampling.minNewTokens, 0);
  std::erase_if(config.endOfSequence, [](int32_t id) { return id < 0; });
  for (std::optional<int32_t> *id : {&config.beginOfSequence, &config.padding})
    if (*id && **id < 0)
      id->reset();
}

static Expected<GenerationConfig> read(const Json &object,
                                       const std::string &where) {
  GenerationConfig config;
  Reader reader(object, where);
  visitKeys(reader, config);
  refuseProcedures(reader, config.sampling);
  for (const char *key : {"max_new_tokens", "max_length"}) {
    int64_t limit = 1;
    reader.whole(key, limit);
    if (limit <= 0)
      reader.fail(key, "expected a whole number above 0, but got ", limit);
  }
  if (Error error = reader.take())
    return error;
  dropIneffective(config);
  if (Error error =
          checkOptions(config.sampling, std::numeric_limits<int32_t>::max(),
                       Source::ConfigFile, where + ": "))
    return error;
  return config;
}

static Expected<Json> parseObject(std::string_view text,
                                  const std::string &where) {
  Expected<Json> object = parseJson(text, where);
  if (object && !object->is_object())
    return makeError(ErrorCode::InvalidFile, where,
                     ": expected a JSON object, but got another value");
  return object;
}

Expected<GenerationConfig> GenerationConfig::parse(std::string_view text,
                                                   const std::string &where) {
  Expected<Json> object = parseObject(text, where);
  if (!object)
    return object.takeError();
  return read(*object, where);
}

Expected<GenerationConfig>
GenerationConfig::parseModelConfig(std::string_view text,
                                   const std::string &where) {
  Expected<Json> parsed = parseObject(text, where);
  if (!parsed)
    return parsed.takeError();
  Json object = std::move(*parsed);
  if (auto force = object.find("force_bos_token_to_be_generated");
      force != object.end() && force->is_boolean() && force->get<bool>() &&
      object.contains("bos_token_id"))
    object["forced_bos_token_id"] = object["bos_token_id"];
  for (const char *name : {"decoder", "generator", "text_config"}) {
    auto inner = object.find(name);
    if (inner == object.end() || !inner->is_object() || inner->empty())
      continue;
    Json merged = *inner;
    for (const auto &[key, value] : object.items())
      if (!value.is_null())
        merged[key] = value;
    return read(merged, where);
  }
  return read(object, where);
}

Expected<GenerationConfig> GenerationConfig::load(const std::string &folder) {
  std::string path = folder + "/generation_config.json";
  std::error_code ignored;
  bool isThere = std::filesystem::exists(path, ignored);
  if (!isThere)
    path = folder + "/config.json";
  Expected<std::string> text = readTextFile(path);
  if (!text)
    return text.takeError();
  return isThere ? parse(*text, path) : parseModelConfig(*text, path);
}

std::string GenerationConfig::print() const {
  Printer printer, defaults;
  visitKeys(printer, *this);
  const GenerationConfig empty;
  visitKeys(defaults, empty);
  Json result = Json::object();
  for (const auto &[key, value] : printer.object.items())
    if (value != defaults.object[key])
      result[key] = value;
  return result.dump();
}
