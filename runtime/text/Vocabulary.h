//===- Vocabulary.h - Pieces and their ids ----------------------*- C++ -*-===//
//
// The pieces of a model: text to id by a trie, id to text by places in one long
// text. Ids may have holes; two pieces never share one. With byte-level texts
// the trie is of the bytes that the pieces stand for, so that a text is looked
// up as it is.
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

  /// No text, and no text but the last of several equal ones, has two ids.
  static Expected<Vocabulary> build(std::vector<Entry> entries,
                                    bool isByteLevel, const std::string &where);

  size_t size() const {
    return offsets.view.empty() ? 0 : offsets.view.size() - 1;
  }
  /// The largest id and 1.
  uint32_t limit() const;

  std::optional<std::string_view> text(uint32_t id) const;
  /// The id of a piece as it is written in the vocabulary.
  std::optional<uint32_t> id(std::string_view text) const;

  /// Texts, or bytes, to ids.
  const Trie &trie() const { return trieOfTexts; }
  bool isByteLevel() const { return byteLevel; }

  /// The i-th piece, in the order of ids.
  std::string_view textAt(size_t i) const {
    return std::string_view(blob).substr(offsets.view[i],
                                         offsets.view[i + 1] - offsets.view[i]);
  }
  uint32_t idAt(size_t i) const {
    return ids.view.empty() ? uint32_t(i) : ids.view[i];
  }

  void store(StoreWriter &writer) const;
  static Expected<Vocabulary> read(StoreReader &reader, bool isByteLevel);

private:
  Trie trieOfTexts;
  std::shared_ptr<std::string> ownedBlob;
  std::string_view blob;
  Stored<uint32_t> offsets;
  /// Sorted; none where they are 0, 1, 2 and so on.
  Stored<uint32_t> ids;
  bool byteLevel = false;
};

/// The character that stands for a byte in byte-level texts.
char32_t byteCharacter(unsigned char byte);
/// The byte that a character stands for, or -1.
int characterByte(char32_t character);
/// The bytes that a byte-level text stands for, if it is one.
std::optional<std::string> fromByteLevel(std::string_view text);

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_VOCABULARY_H
