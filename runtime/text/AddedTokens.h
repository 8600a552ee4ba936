//===- AddedTokens.h - Tokens that are searched first -----------*- C++ -*-===//
//
// Special tokens, and other tokens that were added to a vocabulary. They are
// split from a text before or after it is normalised, and each is one piece. A
// model can have thousands of them, so the tables for a search are built once,
// and used where they are stored.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_ADDEDTOKENS_H
#define LORA_RUNTIME_TEXT_ADDEDTOKENS_H

#include "Normalizer.h"
#include "Vocabulary.h"

#include <map>
#include <set>

namespace lora_rt::text {

struct AddedToken {
  std::string content;
  bool singleWord = false, lstrip = false, rstrip = false;
  bool normalized = true, special = false;
  bool operator==(const AddedToken &) const = default;
};

class AddedTokens {
public:
  /// A part of a text: an added token, or the text between two of them.
  struct Part {
    Range range;
    std::optional<uint32_t> id;
  };
  /// Splits a text by the tokens that are searched in original texts, or by
  /// those that are searched in normalised texts.
  void split(std::string_view text, bool isNormalized, bool skipsSpecial,
             std::vector<Part> &parts) const;

  /// The text of an id, as it is searched: normalised for tokens that are
  /// searched in normalised texts.
  std::optional<std::string_view> text(uint32_t id) const;
  std::optional<uint32_t> id(std::string_view content) const;
  bool isSpecial(std::string_view content) const;
  bool isSpecial(uint32_t id) const;

  /// The tokens in the order of their ids.
  size_t size() const { return records.view.size(); }
  uint32_t idAt(size_t i) const { return records.view[i].id; }
  std::string_view contentAt(size_t i) const {
    return slice(records.view[i].content);
  }

  void store(StoreWriter &writer) const;
  static Expected<AddedTokens> read(StoreReader &reader);

private:
  friend class AddedTokensBuilder;

  enum Flag : uint32_t { SingleWord = 1, LStrip = 2, RStrip = 4, Special = 8 };
  struct Record {
    uint32_t id = 0, flags = 0;
    Range content, shown; ///< in `blob`
  };
  struct Matcher {
    Trie trie; ///< to the index of a record
    Stored<uint64_t> firstBytes;
    bool mayBegin(unsigned char byte) const {
      return firstBytes.view[byte / 64] >> byte % 64 & 1;
    }
  };

  std::shared_ptr<std::string> ownedBlob;
  std::string_view blob;
  Stored<Record> records;
  Trie contents; ///< to the index of a record
  Matcher raw, normalized;

  std::string_view slice(Range range) const {
    return range.begin <= range.end && range.end <= blob.size()
               ? blob.substr(range.begin, range.size())
               : std::string_view();
  }
  const Record *find(uint32_t id) const;
  const Record *find(std::string_view content) const {
    return at(contents.find(content));
  }
  /// The record of an index; nullptr for `Trie::none`.
  const Record *at(uint32_t index) const {
    return index < records.view.size() ? &records.view[index] : nullptr;
  }
};

/// Collects the added tokens of a file, as the library does.
class AddedTokensBuilder {
public:
  /// A token of the vocabulary has its id there, others get the next ids.
  /// Returns the id.
  Expected<uint32_t> add(const AddedToken &token, const Vocabulary &vocabulary,
                         const std::string &where);

  /// `normalizer` may be null.
  Expected<AddedTokens> build(const Normalizer *normalizer);

private:
  std::map<std::string, uint32_t, std::less<>> ids;
  std::map<uint32_t, AddedToken> byId;
  std::set<std::string, std::less<>> specials;
  std::vector<AddedToken> specialTokens, otherTokens;
  uint32_t largest = 0;

  bool isSpecial(std::string_view text) const {
    return specials.find(text) != specials.end();
  }
};

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_ADDEDTOKENS_H
