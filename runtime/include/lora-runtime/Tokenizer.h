//===- Tokenizer.h - From text to ids and back ------------------*- C++ -*-===//
//
// The tokenizer of a model as transformers' AutoTokenizer makes it of the
// model's folder: tokenizer.json, tokenizer_config.json,
// special_tokens_map.json and added_tokens.json; or vocab.json with merges.txt,
// vocab.txt, or sentencepiece's tokenizer.model. Ids, offsets and texts are
// equal to those of the Python packages `tokenizers` and `transformers`.
//
// A text is any bytes. What is not UTF-8 counts as U+FFFD, as Python's
// errors="replace" has it. A Tokenizer is constant: any number of threads may
// use one.
//
// Memory of a call: at most 60 times the text, its result included; texts of
// more than 1 GiB are refused.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TOKENIZER_H
#define LORA_RUNTIME_TOKENIZER_H

#include "lora-runtime/Error.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lora_rt {

namespace text {
struct TokenizerState;
} // namespace text

/// Bytes of a text, from `begin` to before `end`.
struct TextRange {
  uint32_t begin = 0, end = 0;
  bool operator==(const TextRange &) const = default;
};

/// A text, or a pair of texts, as ids. All lists that are asked for have an
/// element for each id.
struct TextEncoding {
  std::vector<uint32_t> ids;
  /// 0 for the first text, 1 for the second, or what the post-processor says.
  std::vector<uint32_t> typeIds;
  /// Whether the post-processor added it: not whether it is a special token.
  std::vector<uint8_t> isAdded;
  /// 0 or 1: which text an offset is in.
  std::vector<uint8_t> textOf;
  /// What of its text an id stands for; empty ranges for added ones. Always
  /// whole characters.
  std::vector<TextRange> offsets;
};

struct EncodeOptions {
  /// Whether the post-processor adds the special tokens of the model.
  bool addSpecialTokens = true;
  /// Whether `offsets` are asked for; they take time and memory.
  bool wantsOffsets = false;
  /// Whether special tokens in the text are text like any other.
  bool splitSpecialTokens = false;
};

/// A token that is looked for in a text before anything else.
struct AddedTokenInfo {
  uint32_t id;
  std::string text;
  bool isSpecial;
};

/// A name that tokenizer_config.json gives to a token: "eos_token".
struct NamedToken {
  std::string name;
  std::string text;
  std::optional<uint32_t> id;
};

class TextStream;

class Tokenizer {
public:
  /// Whether a folder has a file that `load` would read a tokenizer from.
  static bool isPresent(const std::string &folder);

  /// Reads a model's folder as transformers' AutoTokenizer does.
  static Expected<Tokenizer> load(const std::string &folder);

  /// Reads one tokenizer.json as the tokenizers library does. `where` names it
  /// in messages.
  static Expected<Tokenizer> fromJson(std::string_view json,
                                      const std::string &where);

  /// Reads one sentencepiece model as transformers' generic class does.
  static Expected<Tokenizer> fromSentencePiece(std::string_view bytes,
                                               const std::string &where);

  /// What `fromStored` reads: tables that are used where they lie.
  std::string store() const;

  /// Opens what `store` made. `bytes` outlive the tokenizer and begin at a
  /// multiple of 8; nothing of their size is read or copied.
  static Expected<Tokenizer> fromStored(std::span<const std::byte> bytes,
                                        const std::string &where);

  Expected<TextEncoding> encode(std::string_view text,
                                const EncodeOptions &options = {}) const;
  Expected<TextEncoding> encode(std::string_view first, std::string_view second,
                                const EncodeOptions &options = {}) const;

  /// The text of ids. Ids that the tokenizer does not have are left out.
  Expected<std::string> decode(std::span<const uint32_t> ids,
                               bool skipSpecial = false) const;

  /// Decodes ids one by one. The tokenizer outlives the stream.
  TextStream stream(bool skipSpecial = false) const;

  /// The token of an id as the vocabulary writes it, and the id of a token.
  std::optional<std::string> token(uint32_t id) const;
  std::optional<uint32_t> id(std::string_view token) const;

  /// The largest id and 1: what a model's embedding must have at least.
  uint32_t idLimit() const;

  /// Added tokens by their ids.
  std::vector<AddedTokenInfo> addedTokens() const;
  bool isSpecial(uint32_t id) const;
  /// bos_token, eos_token and so on, as far as the folder names them.
  const std::vector<NamedToken> &namedTokens() const;
  std::optional<uint32_t> namedId(std::string_view name) const;
  /// The most tokens that the model takes (model_max_length); 0 if none is
  /// named.
  uint64_t maxLength() const;

  Tokenizer(Tokenizer &&) noexcept;
  Tokenizer &operator=(Tokenizer &&) noexcept;
  ~Tokenizer();

private:
  explicit Tokenizer(std::unique_ptr<text::TokenizerState> state);
  std::unique_ptr<text::TokenizerState> state;
};

/// The text of ids that come one after the other. All that `push` and `finish`
/// give, put together, is what `decode` gives for all ids at once. A part comes
/// as soon as no later id can change it; it ends with a whole character.
class TextStream {
public:
  std::string push(uint32_t id);
  std::string finish();

  TextStream(TextStream &&) noexcept;
  TextStream &operator=(TextStream &&) noexcept;
  ~TextStream();

private:
  friend class Tokenizer;
  struct State;
  explicit TextStream(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_TOKENIZER_H
