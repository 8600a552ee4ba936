//===- TokenizerClass.h - What transformers' classes make -------*- C++ -*-===//
//
// If transformers 5 knows the class of a tokenizer, it does not use
// tokenizer.json as it is. The class builds normalizer, pre-tokenizer, model
// and decoder from the pieces, and adds the special tokens of the other files.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TOKENIZERCLASS_H
#define LORA_RUNTIME_TEXT_TOKENIZERCLASS_H

#include "TokenizerState.h"

namespace lora_rt::text {

enum class TokenizerClass {
  Generic, ///< TokenizersBackend: the file as it is
  Bert,
  Gemma,
  GPT2,
  Llama,
  Qwen2,
  Roberta,
  XLMRoberta
};

/// Keys of tokenizer_config.json or special_tokens_map.json, in their order.
struct TokenNames {
  std::vector<std::string> all;   ///< at the top
  std::vector<std::string> extra; ///< of the object 'extra_special_tokens'
};

/// The files of a folder with the meaning of tokens; empty objects for missing
/// files.
struct TokenizerConfigs {
  Json config = Json::object();           ///< config.json
  Json tokenizerConfig = Json::object();  ///< tokenizer_config.json
  Json specialTokensMap = Json::object(); ///< special_tokens_map.json
  Json addedTokens = Json::object();      ///< added_tokens.json
  /// The order in the files, which is the order of new tokens' ids.
  TokenNames configNames, mapNames;
};

/// The class that AutoTokenizer takes. `isByteLevel`: whether there is a
/// tokenizer.json with byte-level parts. `name` becomes the class's name.
TokenizerClass chooseClass(const TokenizerConfigs &configs, bool isByteLevel,
                           std::string &name);

/// The source of the pieces.
enum class PieceSource { TokenizerJson, SentencePiece, VocabularyFiles };

/// Changes the parts that were read from files to those that the class builds.
/// `extras` are the tokens that a sentencepiece model adds by itself.
Error applyClass(TokenizerClass kind, const TokenizerConfigs &configs,
                 PieceSource source, std::vector<AddedToken> extras,
                 Ingredients &ingredients, const std::string &where);

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_TOKENIZERCLASS_H
