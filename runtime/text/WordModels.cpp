//===- WordModels.cpp - WordPiece and WordLevel ---------------------------===//
//
// The models WordPiece and WordLevel of the tokenizers library, which look up
// the words of a text in a vocabulary.
//
//===----------------------------------------------------------------------===//

#include "Model.h"
#include "Unicode.h"

namespace lora_rt::text {

namespace {

constexpr uint32_t none = Trie::none;

/// Repeatedly takes the longest piece from the left. A word without such a
/// split is unknown as a whole.
class WordPieceModel final : public Model {
public:
  WordPieceModel(Vocabulary vocabulary, std::string unknown,
                 const std::string &prefix, uint64_t maxCharacters,
                 std::string where)
      : Model(std::move(vocabulary), std::move(where)),
        unknown(std::move(unknown)), maxCharacters(maxCharacters) {
    if (std::optional<uint32_t> id = pieces.id(this->unknown))
      unknownId = *id;
    if (!pieces.trie().empty())
      inner = pieces.trie().walk(prefix);
  }

  void store(StoreWriter &) const override {}

  Error tokenize(std::string_view word, ModelState &,
                 std::vector<Piece> &result) const override {
    size_t before = result.size();
    bool isKnown = word.size() <= maxCharacters || !isTooLong(word);
    const Trie &trie = pieces.trie();
    for (size_t start = 0; isKnown && start < word.size();) {
      uint32_t node = start || trie.empty() ? inner : Trie::root;
      uint32_t found = none;
      size_t end = start;
      for (size_t at = start; node != none && at < word.size();) {
        node = trie.child(node, static_cast<unsigned char>(word[at++]));
        if (node != none && trie.value(node) != none) {
          found = trie.value(node);
          end = at;
        }
      }
      isKnown = found != none;
      if (isKnown)
        result.push_back({found, uint32_t(start), uint32_t(end)});
      start = end;
    }
    if (isKnown)
      return Error::success();
    result.resize(before);
    if (unknownId == none)
      return makeError(ErrorCode::InvalidFile, where, ": the unknown token '",
                       unknown, "' is not in the vocabulary");
    result.push_back({unknownId, 0, uint32_t(word.size())});
    return Error::success();
  }

private:
  bool isTooLong(std::string_view word) const {
    uint64_t count = 0;
    for (char c : word)
      count += !isContinuation(static_cast<unsigned char>(c));
    return count > maxCharacters;
  }

  std::string unknown;
  uint64_t maxCharacters;
  uint32_t unknownId = none;
  uint32_t inner = none; ///< where pieces inside of a word begin
};

class WordLevelModel final : public Model {
public:
  WordLevelModel(Vocabulary vocabulary, std::string unknown, std::string where)
      : Model(std::move(vocabulary), std::move(where)),
        unknown(std::move(unknown)) {
    if (std::optional<uint32_t> id = pieces.id(this->unknown))
      unknownId = *id;
  }

  void store(StoreWriter &) const override {}

  Error tokenize(std::string_view word, ModelState &,
                 std::vector<Piece> &result) const override {
    uint32_t id = pieces.trie().find(word);
    if (id == none)
      id = unknownId;
    if (id == none)
      return makeError(ErrorCode::InvalidFile, where, ": the word '",
                       word.substr(0, 100),
                       "' is not in the vocabulary, nor is the unknown token '",
                       unknown, "'");
    result.push_back({id, 0, uint32_t(word.size())});
    return Error::success();
  }

private:
  std::string unknown;
  uint32_t unknownId = none;
};

} // namespace

Expected<std::unique_ptr<Model>> makeWordPiece(Vocabulary vocabulary,
                                               const std::string &unknown,
                                               const std::string &prefix,
                                               uint64_t maxCharacters,
                                               const std::string &where) {
  return std::unique_ptr<Model>(std::make_unique<WordPieceModel>(
      std::move(vocabulary), unknown, prefix, maxCharacters, where));
}

Expected<std::unique_ptr<Model>> makeWordLevel(Vocabulary vocabulary,
                                               const std::string &unknown,
                                               const std::string &where) {
  return std::unique_ptr<Model>(
      std::make_unique<WordLevelModel>(std::move(vocabulary), unknown, where));
}

} // namespace lora_rt::text
