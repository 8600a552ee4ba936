//===- AddedTokens.h - Tokens that are searched first -----------*- C++ -*-===//
//
// Special tokens, and other tokens that were added to a vocabulary. They are
// split from a text before or after it is normalised, and each is one piece.
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
  /// Adds a token as the library does: a token of the vocabulary has its id
  /// there, others get the next ids. Returns the id.
  Expected<uint32_t> add(const AddedToken &token, const Vocabulary &vocabulary,
                         const std::string &where);

  /// Builds the tries. Must be called after the last `add`. `normalizer` may be
  /// null.
  Error prepare(const Normalizer *normalizer);

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
  const std::string *text(uint32_t id) const {
    auto found = shown.find(id);
    return found == shown.end() ? nullptr : &found->second;
  }
  std::optional<uint32_t> id(std::string_view text) const {
    auto found = ids.find(text);
    if (found == ids.end())
      return std::nullopt;
    return found->second;
  }
  bool isSpecial(std::string_view text) const {
    return specials.find(text) != specials.end();
  }
  bool isSpecial(uint32_t id) const { return specialIds.count(id); }
  const std::map<uint32_t, AddedToken> &all() const { return byId; }
  /// In the order in which they were added.
  const std::vector<AddedToken> &added() const { return order; }

private:
  struct Matcher {
    Trie trie;
    uint64_t firstBytes[4] = {};
    bool mayBegin(unsigned char byte) const {
      return firstBytes[byte / 64] >> byte % 64 & 1;
    }
    bool isEmpty = true;
  };

  std::map<std::string, uint32_t, std::less<>> ids;
  std::map<uint32_t, AddedToken> byId;
  std::map<uint32_t, std::string> shown;
  std::set<std::string, std::less<>> specials;
  std::set<uint32_t> specialIds;
  std::vector<AddedToken> order, specialTokens, otherTokens;
  Matcher raw, normalized;
  uint32_t largest = 0;
};

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_ADDEDTOKENS_H
