//===- StopTexts.h - Texts that end a text ----------------------*- C++ -*-===//
//
// Looks for several texts in a text that comes in pieces. What cannot become
// part of a match any more is given back at once; so a reader sees a stream
// with no more delay than necessary, and never a part of a stop text.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_STOPTEXTS_H
#define LORA_RUNTIME_STOPTEXTS_H

#include "lora-runtime/Error.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lora_rt {

/// Finds the match that ends first and, of those that end there, the longest.
/// The result does not depend on where the pieces end. Takes time in proportion
/// to the text (Aho and Corasick 1975). If pieces and stop texts consist of
/// whole characters, so does what is given back.
class StopTexts {
public:
  /// Fails if a text is empty, or if they have more than a MiB together. There
  /// may be none.
  static Expected<StopTexts> create(std::span<const std::string> texts);

  struct Step {
    /// What follows the text that was given back before; never a part of a stop
    /// text that was found. Valid until the next call.
    std::string_view text;
    /// The index of the stop text that was found. Further pieces are ignored.
    std::optional<size_t> stop;
  };

  /// Takes the next piece.
  Step add(std::string_view piece);

  /// At the end of the text: gives back what waited.
  std::string_view finish();

  /// Begins another text.
  void reset();

private:
  /// The beginning of a stop text, in a tree of bytes.
  struct Node {
    char byte = 0;
    uint32_t depth = 0;
    /// The first node with one more byte, and the next one with the same
    /// beginning; 0 for none.
    uint32_t child = 0, sibling = 0;
    /// The longest beginning of a stop text that this one ends with.
    uint32_t shorter = 0;
    /// The longest stop text that this beginning ends with; -1 for none.
    int32_t stop = -1;
  };

  uint32_t find(uint32_t node, char byte) const;
  uint32_t advance(uint32_t node, char byte) const;
  void link();

  std::vector<Node> nodes{1};
  std::vector<size_t> sizes;
  /// The longest beginning of a stop text that the text so far ends with.
  uint32_t current = 0;
  std::optional<size_t> found;
  /// Bytes of which the first `given` were given back.
  std::string buffer;
  size_t given = 0;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_STOPTEXTS_H
