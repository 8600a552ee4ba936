//===- Model.h - From a word to its pieces ----------------------*- C++ -*-===//
//
// The models of the tokenizers library: BPE, WordPiece, Unigram, WordLevel. A
// model is constant; the working memory of a thread is in a ModelState.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_MODEL_H
#define LORA_RUNTIME_TEXT_MODEL_H

#include "Vocabulary.h"

namespace lora_rt::text {

/// A piece, and the bytes of the word that it represents.
struct Piece {
  uint32_t id;
  uint32_t begin, end;
};

/// A cache of the pieces of earlier words. It is cleared when it is full, at 8
/// MB.
class WordCache {
public:
  struct Item {
    uint32_t id;
    uint32_t bytes;
  };
  static constexpr size_t maxWordBytes = 128;

  /// The pieces of a word, or an empty span.
  std::span<const Item> find(std::string_view word);
  /// Stores those of the word of the last `find`.
  void insert(std::string_view word, std::span<const Item> items);

private:
  struct Slot {
    uint64_t hash = 0;
    uint32_t at = 0;
    uint16_t wordBytes = 0;
    uint16_t count = 0;
  };
  static constexpr size_t slotCount = size_t(1) << 15;
  static constexpr size_t maxBytes = size_t(8) << 20;

  std::vector<Slot> slots;
  std::vector<uint32_t> memory;
  uint64_t lastHash = 0;
};

/// The working memory of a thread for a model; its size depends on the longest
/// word.
struct ModelState {
  WordCache cache;
  std::vector<WordCache::Item> items;

  struct Symbol {
    uint32_t id;
    uint32_t bytes;
    int32_t previous, next;
  };
  std::vector<Symbol> symbols;
  std::vector<uint64_t> queue;

  struct Node {
    double score;
    uint32_t id;
    int32_t start;
  };
  std::vector<Node> nodes;
};

class Model {
public:
  virtual ~Model() = default;

  /// Appends the pieces of a word that is not empty.
  virtual Error tokenize(std::string_view word, ModelState &state,
                         std::vector<Piece> &pieces) const = 0;

  /// The id of pieces whose text is that of the word, as for Unigram's unknown
  /// token, and not that of the vocabulary.
  virtual std::optional<uint32_t> verbatimId() const { return std::nullopt; }

  virtual void store(StoreWriter &writer) const = 0;

  const Vocabulary &vocabulary() const { return pieces; }

protected:
  explicit Model(Vocabulary vocabulary, std::string where)
      : pieces(std::move(vocabulary)), where(std::move(where)) {}

  Vocabulary pieces;
  std::string where;
};

/// A pair of pieces that is merged into one; the lowest rank is merged first.
struct Merge {
  uint32_t left, right, rank, result;
};

struct BpeOptions {
  std::optional<std::string> unknown;
  std::string prefix; ///< of each piece but a word's first
  std::string suffix; ///< of a word's last piece
  bool fuseUnknown = false;
  bool byteFallback = false;
  bool ignoreMerges = false;
};

using MergeTexts = std::vector<std::pair<std::string, std::string>>;

/// `merges` by their texts, in the order of their ranks.
Expected<std::unique_ptr<Model>> makeBpe(Vocabulary vocabulary,
                                         const MergeTexts &merges,
                                         BpeOptions options,
                                         const std::string &where);
Expected<std::unique_ptr<Model>> readBpe(Vocabulary vocabulary,
                                         StoreReader &reader,
                                         BpeOptions options,
                                         const std::string &where);

Expected<std::unique_ptr<Model>> makeWordPiece(Vocabulary vocabulary,
                                               const std::string &unknown,
                                               const std::string &prefix,
                                               uint64_t maxCharacters,
                                               const std::string &where);

/// `scores` are those of the pieces in the order of ids, which have no gaps.
Expected<std::unique_ptr<Model>> makeUnigram(Vocabulary vocabulary,
                                             Stored<double> scores,
                                             std::optional<uint32_t> unknown,
                                             bool byteFallback,
                                             const std::string &where);

Expected<std::unique_ptr<Model>> makeWordLevel(Vocabulary vocabulary,
                                               const std::string &unknown,
                                               const std::string &where);

/// The ids of the pieces "<0x0A>" for each byte; `Trie::none` for missing ones.
std::vector<uint32_t> byteFallbackIds(const Vocabulary &vocabulary);

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_MODEL_H
