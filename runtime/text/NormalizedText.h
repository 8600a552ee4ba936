//===- NormalizedText.h - A text that remembers where it is from -*- C++
//-*-===//
//
// A text that normalizers change, and for each of its bytes the part of the
// original that it stands for. The rules by which a changed character gets its
// part are those of the tokenizers library: offsets are equal to its own.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_NORMALIZEDTEXT_H
#define LORA_RUNTIME_TEXT_NORMALIZEDTEXT_H

#include "Unicode.h"

#include <span>
#include <vector>

namespace lora_rt::text {

/// A range of bytes.
struct Range {
  uint32_t begin = 0, end = 0;
  bool empty() const { return begin >= end; }
  uint32_t size() const { return end - begin; }
  bool operator==(const Range &) const = default;
};

/// A character of a changed text. `change` is 0 if it replaces the next one of
/// the text before, 1 if it is new, and -n if it replaces the next one and the
/// n behind that are removed.
struct Change {
  char32_t character;
  int32_t change;
};

class NormalizedText {
public:
  NormalizedText() = default;

  /// The part `range` of an original text, which is valid UTF-8. Without
  /// `isTracked`, only the text is kept.
  NormalizedText(std::string_view original, Range range, bool isTracked);

  const std::string &text() const { return bytes; }
  bool isTracked() const { return tracked; }

  /// A part of the text by itself. What is put in front of it later is from
  /// where it begins.
  NormalizedText slice(Range range) const;

  /// The part of the original that a range of bytes stands for.
  Range original(Range range) const;

  /// Makes the text that of `changes`, after the first `removed` characters
  /// went.
  void transform(std::span<const Change> changes, size_t removed = 0) {
    transformRange({0, uint32_t(bytes.size())}, changes, removed);
  }
  /// The same of a range of bytes.
  void transformRange(Range range, std::span<const Change> changes,
                      size_t removed);

  /// Puts `content` in the place of each of the ranges, which are in order.
  void replace(std::span<const Range> ranges, std::string_view content);

  void prepend(std::string_view content);

  /// Removes the characters that `keep` is false for, and maps the others.
  template <typename Keep, typename Map> void filter(Keep keep, Map map) {
    std::vector<Change> changes;
    size_t removedFirst = 0;
    bool isSame = true;
    for (size_t at = 0; at < bytes.size();) {
      char32_t character = nextCharacter(bytes, at);
      if (keep(character)) {
        char32_t mapped = map(character);
        isSame &= mapped == character;
        changes.push_back({mapped, 0});
      } else {
        isSame = false;
        if (changes.empty())
          ++removedFirst;
        else
          --changes.back().change;
      }
    }
    if (!isSame)
      transform(changes, removedFirst);
  }

  /// Whether a normalizer may make this many bytes of it: some 30 times what it
  /// was, and never what offsets of 32 bits do not reach.
  bool fits(uint64_t size) const { return size <= limit; }

  /// Sets ASCII letters in lower case; false where there are others.
  bool lowerAscii();

  /// Appends the range of another text, as it is.
  void append(const NormalizedText &other, Range range);
  /// Appends a character with the origin of the range that it stands for.
  void append(char32_t character, Range origin);
  void clear() {
    bytes.clear();
    alignments.clear();
  }
  void setTracked(bool isTracked) { tracked = isTracked; }
  Range alignment(size_t byte) const { return alignments[byte]; }
  /// Where the original begins: what stands in front of it counts as from here.
  uint32_t originalStart() const { return start; }
  void setOriginalStart(uint32_t place) { start = place; }

private:
  std::string bytes;
  std::vector<Range> alignments;
  static constexpr uint64_t maxBytes = uint64_t(1) << 31;
  uint64_t limit = maxBytes;
  uint32_t start = 0;
  bool tracked = false;
};

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_NORMALIZEDTEXT_H
