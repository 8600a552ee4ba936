//===- TokenizerClass.h - What transformers' classes make -------*- C++ -*-===//
//
// transformers 5 does not take a tokenizer.json as it is where it knows the
// class of the tokenizer: the class builds normalizer, words, model and decoder
// anew from the pieces, and adds the special tokens that the other files name.
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

/// The files of a folder that say what the tokens mean; empty objects where
/// there are none.
struct TokenizerConfigs {
  Json config = Json::object();           ///< config.json
  Json tokenizerConfig = Json::object();  ///< tokenizer_config.json
  Json specialTokensMap = Json::object(); ///< special_tokens_map.json
  Json addedTokens = Json::object();      ///< added_tokens.json
};

/// The class that AutoTokenizer takes. `isByteLevel`: whether there is a
/// tokenizer.json with byte-level parts. `name` becomes the class's name.
TokenizerClass chooseClass(const TokenizerConfigs &configs, bool isByteLevel,
                           std::string &name);

/// Where the pieces are from.
enum class PieceSource { TokenizerJson, SentencePiece, VocabularyFiles };

/// Changes what was read of the pieces' files into what the class makes of it.
/// `extras` are the tokens that a sentencepiece model adds by itself.
Error applyClass(TokenizerClass kind, const TokenizerConfigs &configs,
                 PieceSource source, std::vector<AddedToken> extras,
                 Ingredients &ingredients, const std::string &where);

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_TOKENIZERCLASS_H
