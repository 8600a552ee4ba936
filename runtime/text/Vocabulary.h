//===- Vocabulary.h - Pieces and their ids ----------------------*- C++ -*-===//
//
// The pieces of a model: text to id by a trie, id to text by offsets in one
// long text. Ids may have gaps; two pieces never share an id. With byte-level
// texts the trie is of the bytes that the pieces stand for, so that texts are
// looked up without conversion.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_VOCABULARY_H
#define LORA_RUNTIME_TEXT_VOCABULARY_H

#include "NormalizedText.h"
#include "Trie.h"

namespace lora_rt::text {

class Vocabulary {
public:
  struct Entry {
    std::string text;
    uint32_t id;
  };

  /// If several texts are equal, only the last one has an id.
  static Expected<Vocabulary> build(std::vector<Entry> entries,
                                    bool isByteLevel, const std::string &where);

  size_t size() const {
    return offsets.view.empty() ? 0 : offsets.view.size() - 1;
  }
  /// The largest id plus 1.
  uint32_t limit() const;

  std::optional<std::string_view> text(uint32_t id) const;
  /// The id of a piece as it is written in the vocabulary.
  std::optional<uint32_t> id(std::string_view text) const;

  /// Texts, or bytes, to ids.
  const Trie &trie() const { return trieOfTexts; }
  bool isByteLevel() const { return byteLevel; }

  /// The i-th piece, in the order of ids. Offsets of a stored vocabulary are
  /// checked here, so that opening it does not read them all.
  std::string_view textAt(size_t i) const {
    uint32_t begin = offsets.view[i], end = offsets.view[i + 1];
    return begin <= end && end <= blob.size() ? blob.substr(begin, end - begin)
                                              : std::string_view();
  }
  uint32_t idAt(size_t i) const {
    return ids.view.empty() ? uint32_t(i) : ids.view[i];
  }

  void store(StoreWriter &writer) const;
  static Expected<Vocabulary> read(StoreReader &reader, bool isByteLevel);

private:
  Trie trieOfTexts;
  /// With byte-level texts: those that represent no bytes, as special tokens.
  Trie trieOfOthers;
  std::shared_ptr<std::string> ownedBlob;
  std::string_view blob;
  Stored<uint32_t> offsets;
  /// Sorted; empty if the ids are 0, 1, 2 and so on.
  Stored<uint32_t> ids;
  bool byteLevel = false;
};

/// The character that represents a byte in byte-level texts.
char32_t byteCharacter(unsigned char byte);
/// The byte that a character represents, or -1.
int characterByte(char32_t character);
/// The bytes that a byte-level text represents; nullopt for other texts.
std::optional<std::string> fromByteLevel(std::string_view text);

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_VOCABULARY_H
