//===- Tokenizer.h - From text to ids and back ------------------*- C++ -*-===//
//
// The tokenizer of a model, as transformers' AutoTokenizer creates it from the
// model's folder: tokenizer.json, tokenizer_config.json,
// special_tokens_map.json and added_tokens.json; or vocab.json with merges.txt,
// vocab.txt, or sentencepiece's tokenizer.model. Ids, offsets and texts are
// equal to those of the Python packages `tokenizers` and `transformers`.
//
// A text consists of any bytes. Invalid UTF-8 is replaced by U+FFFD, as with
// Python's errors="replace". A Tokenizer is constant: any number of threads may
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

/// The range [begin, end) of the bytes of a text.
struct TextRange {
  uint32_t begin = 0, end = 0;
  bool operator==(const TextRange &) const = default;
};

/// A text, or a pair of texts, as ids. All requested lists have an element for
/// each id.
struct TextEncoding {
  std::vector<uint32_t> ids;
  /// 0 for the first text, 1 for the second, or what the post-processor says.
  std::vector<uint32_t> typeIds;
  /// Whether the post-processor added it: not whether it is a special token.
  std::vector<uint8_t> isAdded;
  /// 0 or 1: which text an offset is in.
  std::vector<uint8_t> textOf;
  /// The range of the text that an id represents, always whole characters;
  /// empty for ids that the post-processor added.
  std::vector<TextRange> offsets;
};

struct EncodeOptions {
  /// Whether the post-processor adds the special tokens of the model.
  bool addSpecialTokens = true;
  /// Whether to compute `offsets`, which takes time and memory.
  bool wantsOffsets = false;
  /// Whether special tokens in the text are treated as ordinary text.
  bool splitSpecialTokens = false;
  /// Whether the text between added tokens is first converted to lower case,
  /// as sentence-transformers does for `do_lower_case`.
  bool lowersCase = false;
};

/// A token that is searched in a text first.
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
  /// Whether a folder has a file that `load` would read a tokenizer from. An
  /// adapter's folder may have one, which is then the tokenizer to use. If it
  /// has only tokenizer_config.json, special_tokens_map.json or
  /// added_tokens.json, it has no pieces: AutoTokenizer fails there, or makes a
  /// tokenizer without a vocabulary. That is no tokenizer, and the base model's
  /// is to be used.
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

  /// The input of `fromStored`: tables that are used without a copy.
  std::string store() const;

  /// Opens the output of `store`. `bytes` must outlive the tokenizer and begin
  /// at a multiple of 8. The time does not depend on their size.
  static Expected<Tokenizer> fromStored(std::span<const std::byte> bytes,
                                        const std::string &where);

  Expected<TextEncoding> encode(std::string_view text,
                                const EncodeOptions &options = {}) const;
  Expected<TextEncoding> encode(std::string_view first, std::string_view second,
                                const EncodeOptions &options = {}) const;

  /// The text of ids. Unknown ids are skipped.
  Expected<std::string> decode(std::span<const uint32_t> ids,
                               bool skipSpecial = false) const;

  /// The text of tokens as the vocabulary writes them, as in
  /// convert_tokens_to_string of transformers.
  std::string join(std::span<const std::string> tokens) const;

  /// Decodes ids one by one. The tokenizer must outlive the stream.
  TextStream stream(bool skipSpecial = false) const;

  /// The token of an id as the vocabulary writes it, and the id of a token.
  std::optional<std::string> token(uint32_t id) const;
  std::optional<uint32_t> id(std::string_view token) const;

  /// The largest id plus 1: the least number of rows of a model's embedding.
  uint32_t idLimit() const;

  /// Added tokens by their ids.
  std::vector<AddedTokenInfo> addedTokens() const;
  bool isSpecial(uint32_t id) const;
  /// bos_token, eos_token and so on, if the folder names them.
  const std::vector<NamedToken> &namedTokens() const;
  std::optional<uint32_t> namedId(std::string_view name) const;
  /// The most tokens that the model accepts (model_max_length); 0 if not set.
  uint64_t maxLength() const;
  /// Whether too long texts lose their beginning (truncation_side).
  bool truncatesLeft() const;
  /// Whether the model gets the type of each token (token_type_ids in
  /// model_input_names).
  bool givesTypes() const;

  Tokenizer(Tokenizer &&) noexcept;
  Tokenizer &operator=(Tokenizer &&) noexcept;
  ~Tokenizer();

private:
  explicit Tokenizer(std::unique_ptr<text::TokenizerState> state);
  std::unique_ptr<text::TokenizerState> state;
};

/// Decodes ids one after the other. The results of `push` and `finish` together
/// are equal to the result of `decode` for all ids. A part is returned as soon
/// as no later id can change it, and ends with a whole character.
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
