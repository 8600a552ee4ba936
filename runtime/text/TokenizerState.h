//===- TokenizerState.h - The parts of a tokenizer --------------*- C++ -*-===//
//
// The components of a tokenizer, and how they are made from files or from what
// a compiled file stores.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TOKENIZERSTATE_H
#define LORA_RUNTIME_TEXT_TOKENIZERSTATE_H

#include "AddedTokens.h"
#include "Decoder.h"
#include "Model.h"
#include "PostProcessor.h"
#include "PreTokenizer.h"

#include <mutex>

namespace lora_rt::text {

struct TokenizerState {
  std::string where;
  /// All but the pieces and the added tokens: a tokenizer.json without
  /// model.vocab, model.merges, added_tokens,
  /// and "named", "max_length", "truncation_side", "token_types", "clean_up" of
  /// the other files.
  Json description;

  std::unique_ptr<Normalizer> normalizer;
  std::unique_ptr<PreTokenizer> preTokenizer;
  std::unique_ptr<Model> model;
  std::unique_ptr<PostProcessor> postProcessor;
  Decoder decoder;
  Decoder tokenDecoder; ///< without the cleaning of spaces
  AddedTokens added;
  std::vector<NamedToken> named;
  uint64_t maxLength = 0;
  bool truncatesLeft = false;
  bool givesTypes = false;
  bool splitsSpecialTokens = false;
  bool isAlwaysTracked = false;

  /// The working memories that calls reuse.
  mutable std::mutex mutex;
  mutable std::vector<std::unique_ptr<ModelState>> idle;

  std::unique_ptr<ModelState> takeState() const;
  void giveBack(std::unique_ptr<ModelState> state) const;

  std::optional<std::string_view> token(uint32_t id) const;
};

/// The parts from which a tokenizer is made: a description and the pieces,
/// independent of the files.
struct Ingredients {
  Json description;
  std::vector<Vocabulary::Entry> vocabulary;
  std::vector<double> scores; ///< for Unigram, in the order of `vocabulary`
  MergeTexts merges;          ///< for BPE
};

/// Reads a tokenizer.json.
Expected<Ingredients> readTokenizerJson(std::string_view json,
                                        const std::string &where);

/// Reads a sentencepiece model as transformers' generic class does.
Expected<Ingredients> readSentencePiece(std::string_view bytes,
                                        const std::string &where);

/// Makes the tokenizer.
Expected<std::unique_ptr<TokenizerState>> build(Ingredients ingredients,
                                                const std::string &where);

/// Makes everything in a state's description except the model, and except the
/// added tokens if the description is a stored one, which has none.
Error buildComponents(TokenizerState &state, bool isStored);

/// The model that a description names, from texts or from stored tables.
Expected<std::unique_ptr<Model>> buildModel(const Json &description,
                                            Ingredients &ingredients,
                                            const std::string &where);
Expected<std::unique_ptr<Model>> readModel(const Json &description,
                                           StoreReader &reader,
                                           const std::string &where);

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_TOKENIZERSTATE_H
