//===- ModelFamilies.cpp - Which family, which head -----------------------===//
//
// The table of the families, and how `model_type`, `architectures` and the
// labels select from it. A class that computes something else is refused by
// name.
//
//===----------------------------------------------------------------------===//

#include "ConfigParts.h"

#include <algorithm>

using namespace lora;
using namespace lora_rt;

static constexpr ArchitectureTraits decoders[] = {
    {"ForCausalLM", ModelHead::LanguageModel},
    {"Model", ModelHead::None},
    {"ForSequenceClassification", ModelHead::SequenceClassification},
    {"ForTokenClassification", ModelHead::TokenClassification},
};
static constexpr ArchitectureTraits gemma3[] = {
    {"ForCausalLM", ModelHead::LanguageModel},
    {"TextModel", ModelHead::None},
    {"TextForSequenceClassification", ModelHead::SequenceClassification},
};
static constexpr ArchitectureTraits gpt2[] = {
    {"LMHeadModel", ModelHead::LanguageModel},
    {"Model", ModelHead::None},
    {"ForSequenceClassification", ModelHead::SequenceClassification},
    {"ForTokenClassification", ModelHead::TokenClassification},
};
static constexpr ArchitectureTraits encoders[] = {
    {"Model", ModelHead::None},
    {"ForSequenceClassification", ModelHead::SequenceClassification},
    {"ForTokenClassification", ModelHead::TokenClassification},
    {"ForMaskedLM", ModelHead::LanguageModel},
    {"ForPreTraining", ModelHead::LanguageModel,
     "the head for the next sentence"},
};
/// Only BERT has a class for pretraining.
static constexpr std::span<const ArchitectureTraits> robertaArchitectures =
    std::span(encoders).first(4);

/// RoBERTa, or a model with the same graph and the same names of parameters.
static constexpr FamilyTraits roberta(std::string_view type,
                                      std::string_view className) {
  return {.family = ModelFamily::Roberta,
          .type = type,
          .className = className,
          .architectures = robertaArchitectures,
          .prefix = "roberta.",
          .maxPositions = 512,
          .normEps = 1e-12,
          .tied = true,
          .padTokenId = 1,
          .eosTokenId = 2};
}

static constexpr FamilyTraits table[] = {
    {.family = ModelFamily::Llama,
     .type = "llama",
     .className = "Llama",
     .architectures = decoders,
     .prefix = "model.",
     .maxPositions = 2048,
     .eosTokenId = 2},
    {.family = ModelFamily::Mistral,
     .type = "mistral",
     .className = "Mistral",
     .architectures = decoders,
     .prefix = "model.",
     .kvHeads = 8,
     .maxPositions = 131072,
     .eosTokenId = 2},
    {.family = ModelFamily::Qwen2,
     .type = "qwen2",
     .className = "Qwen2",
     .architectures = decoders,
     .prefix = "model.",
     .kvHeads = 32,
     .maxPositions = 32768},
    {.family = ModelFamily::Qwen3,
     .type = "qwen3",
     .className = "Qwen3",
     .architectures = decoders,
     .prefix = "model.",
     .kvHeads = 32,
     .headDim = 128,
     .maxPositions = 32768},
    {.family = ModelFamily::Gemma2,
     .type = "gemma2",
     .className = "Gemma2",
     .architectures = decoders,
     .prefix = "model.",
     .kvHeads = 4,
     .headDim = 256,
     .maxPositions = 8192,
     .tied = true,
     .padTokenId = 0,
     .eosTokenId = 1},
    {.family = ModelFamily::Gemma3,
     .type = "gemma3_text",
     .className = "Gemma3",
     .architectures = gemma3,
     .prefix = "model.",
     .kvHeads = 4,
     .headDim = 256,
     .maxPositions = 131072,
     .tied = true,
     .padTokenId = 0,
     .eosTokenId = 1},
    {.family = ModelFamily::Phi3,
     .type = "phi3",
     .className = "Phi3",
     .architectures = decoders,
     .prefix = "model.",
     .maxPositions = 4096,
     .normEps = 1e-5,
     .padTokenId = 32000,
     .eosTokenId = 32000},
    {.family = ModelFamily::GPT2,
     .type = "gpt2",
     .className = "GPT2",
     .architectures = gpt2,
     .prefix = "transformer.",
     .maxPositions = 1024,
     .normEps = 1e-5,
     .tied = true,
     .eosTokenId = 50256},
    {.family = ModelFamily::Bert,
     .type = "bert",
     .className = "Bert",
     .architectures = encoders,
     .prefix = "bert.",
     .maxPositions = 512,
     .normEps = 1e-12,
     .tied = true,
     .padTokenId = 0},
    roberta("roberta", "Roberta"),
    roberta("xlm-roberta", "XLMRoberta"),
    roberta("camembert", "Camembert"),
};

std::span<const FamilyTraits> lora::familyTraits() { return table; }

static const FamilyTraits &traitsOf(ModelFamily family) {
  return *std::find_if(std::begin(table), std::end(table),
                       [&](auto &traits) { return traits.family == family; });
}

std::string_view lora::familyName(ModelFamily family) {
  return traitsOf(family).type;
}

std::string_view ModelConfig::familyPrefix() const {
  return traitsOf(family).prefix;
}

std::string_view ModelConfig::prefix() const {
  return head == ModelHead::None ? "" : familyPrefix();
}

/// The first entry of `architectures`; "" if there is none.
static std::string architectureOf(ConfigReader &reader) {
  const Json *list = reader.find("architectures");
  if (!list || reader.isUnset("architectures"))
    return {};
  if (!list->is_array() || (!list->empty() && !(*list)[0].is_string())) {
    reader.invalid("architectures: expected a list of names, but got ",
                   show(*list));
    return {};
  }
  return list->empty() ? std::string() : (*list)[0].get<std::string>();
}

static const ArchitectureTraits *findArchitecture(const FamilyTraits &traits,
                                                  std::string_view name) {
  if (name.starts_with(traits.className))
    for (const ArchitectureTraits &candidate : traits.architectures)
      if (name.substr(traits.className.size()) == candidate.suffix)
        return &candidate;
  return nullptr;
}

/// The class of the family for a name that a program wrote in its place: a
/// wrapper of FSDP or PEFT, or the spelling of the first Llama. transformers
/// itself loads only by `model_type`.
static const ArchitectureTraits *findWrapped(const FamilyTraits &traits,
                                             std::string name) {
  if (name.starts_with("FSDP"))
    name.erase(0, 4);
  // PEFT's classes are named after tasks: PeftModelForSequenceClassification.
  if (name.starts_with("PeftModelFor")) {
    if (name == "PeftModelForFeatureExtraction")
      name = "PeftModelModel";
    name.replace(0, std::string_view("PeftModel").size(), traits.className);
    if (name == std::string(traits.className) + "ForCausalLM" &&
        traits.family == ModelFamily::GPT2)
      name = "GPT2LMHeadModel";
  }
  if (name.starts_with("LLaMA"))
    name.replace(0, 5, "Llama");
  return findArchitecture(traits, name);
}

const FamilyTraits *lora::readFamily(ConfigReader &reader) {
  std::string type = reader.text("model_type"),
              architecture = architectureOf(reader);
  if (reader.failed())
    return nullptr;
  std::string supported;
  for (const FamilyTraits &traits : table) {
    if (!type.empty() ? traits.type == type
                      : findArchitecture(traits, architecture) != nullptr)
      return &traits;
    supported += (supported.empty() ? "" : ", ") + std::string(traits.type);
  }
  if (type.empty() && architecture.empty())
    reader.invalid("neither model_type nor architectures is there; take the "
                   "config.json that came with the weights");
  else if (type == "gemma3")
    reader.unsupported("model_type 'gemma3' is the model of texts and images; "
                       "save its language model by itself (gemma3_text)");
  else
    reader.unsupported(!type.empty() ? "model_type '" : "architecture '",
                       !type.empty() ? type : architecture,
                       "' is not supported; supported are: ", supported);
  return nullptr;
}

/// The number of labels as in PretrainedConfig: `num_labels`, otherwise the
/// size of `id2label`, otherwise two.
static int64_t labelsOf(ConfigReader &reader) {
  const Json *names = reader.find("id2label");
  int64_t count = 2;
  if (names) {
    if (!names->is_object()) {
      reader.invalid("id2label: expected an object of labels by number, but "
                     "got ",
                     show(*names));
      return 1;
    }
    count = int64_t(names->size());
    for (const auto &[key, label] : names->items())
      if (key.empty() || key.find_first_not_of("0123456789") != key.npos)
        reader.invalid("id2label: expected numbers as keys, but got '", key,
                       "'");
  }
  reader.refuseNull("num_labels");
  count = reader.size("num_labels", maxWidth, count);
  if (count < 1)
    reader.invalid("id2label is empty, so the classification head has no "
                   "labels");
  return count;
}

static std::string_view describe(ModelHead head) {
  switch (head) {
  case ModelHead::None:
    return "no head";
  case ModelHead::LanguageModel:
    return "a language-model head";
  case ModelHead::SequenceClassification:
    return "a head for sequence classification";
  case ModelHead::TokenClassification:
    return "a head for token classification";
  }
  return "";
}

void lora::readHead(ConfigContext &context,
                    const std::optional<HeadRequest> &request) {
  auto &[reader, traits, config, where] = context;
  std::string name = architectureOf(reader);
  const ArchitectureTraits *found = &traits.architectures.front();
  if (!name.empty())
    found = findArchitecture(traits, name);
  // transformers loads by model_type. The class only determines the head,
  // unless an adapter does. A class of another family contradicts the type.
  bool isForeign =
      std::any_of(std::begin(table), std::end(table), [&](auto &other) {
        return name.starts_with(other.className) &&
               !name.starts_with(traits.className);
      });
  if (!found && !isForeign && !name.starts_with(traits.className)) {
    found = findWrapped(traits, name);
    if (found || request)
      context.warn("architecture '" + name +
                   "' is not a class of transformers for model_type '" +
                   std::string(traits.type) +
                   "'; what such a class computes is compiled");
  }
  if (!found && (!request || isForeign)) {
    std::string supported;
    for (const ArchitectureTraits &candidate : traits.architectures)
      supported += (supported.empty() ? "" : ", ") +
                   std::string(traits.className) +
                   std::string(candidate.suffix);
    return reader.unsupported("architecture '", name,
                              "' is not supported for model_type '",
                              traits.type, "'; supported are: ", supported);
  }
  if (request) {
    bool isThere = std::any_of(
        traits.architectures.begin(), traits.architectures.end(),
        [&](auto &candidate) { return candidate.head == request->head; });
    if (!isThere)
      return reader.unsupported("a model of type '", traits.type, "' with ",
                                describe(request->head), " is not supported");
    config.head = request->head;
  } else {
    config.head = found->head;
    if (!found->notComputed.empty())
      context.warn("of " + name + ", " + std::string(found->notComputed) +
                   " is not computed");
  }
  if (config.head != ModelHead::SequenceClassification &&
      config.head != ModelHead::TokenClassification)
    return;
  int64_t labels = request ? request->labels : 0;
  if (labels < 0 || labels > maxWidth)
    return reader.invalid("expected a number of labels from 1 to ", maxWidth,
                          ", but got ", labels);
  config.labels = labels ? labels : labelsOf(reader);
}
