//===- SpecialTokens.h - The tokens that a folder's files name --*- C++ -*-===//
//
// tokenizer_config.json, special_tokens_map.json, added_tokens.json and the
// added tokens of a tokenizer.json, combined as in transformers.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_SPECIALTOKENS_H
#define LORA_RUNTIME_TEXT_SPECIALTOKENS_H

#include "TokenizerClass.h"

namespace lora_rt::text {

/// The keys of a JSON text that parseJson() has accepted.
TokenNames readTokenNames(std::string_view json);

class SpecialTokens {
public:
  /// `fileTokens` are the added tokens of a tokenizer.json.
  static Expected<SpecialTokens> read(const TokenizerConfigs &configs,
                                      const Json &fileTokens,
                                      const std::string &where);

  /// Sets the names that no file mentions; a name that is null in a file has no
  /// token.
  void setDefaults(
      std::initializer_list<std::pair<const char *, const char *>> defaults);

  /// The extra special tokens if no file names any.
  void addExtras(std::vector<AddedToken> tokens) {
    if (!hasExtras)
      extras = std::move(tokens);
  }

  /// "eos_token" and so on; none if it is not named.
  std::optional<std::string> text(const char *name) const;

  /// The tokens to add to a tokenizer that already has the tokens `known`, in
  /// order.
  std::vector<AddedToken> toAdd(const std::vector<std::string> &known) const;

  /// All special tokens, each once.
  std::vector<std::string> all() const;

  /// Names to texts.
  Json named() const;

  /// The tokens of added_tokens_decoder, by their ids.
  std::map<uint64_t, AddedToken> byId;

private:
  struct Value {
    std::string name;
    std::optional<AddedToken> token; ///< none where a file says null
  };
  /// In transformers' order: the standard names, then those of the model.
  std::vector<Value> values;
  std::vector<AddedToken> extras;
  bool hasExtras = false;

  Value *find(std::string_view name);
};

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_SPECIALTOKENS_H
