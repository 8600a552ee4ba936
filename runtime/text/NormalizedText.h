//===- NormalizedText.h - A text with its original positions ----*- C++ -*-===//
//
// A text that normalizers change, and for each of its bytes the corresponding
// range of the original. The rules for these ranges are those of the tokenizers
// library, so offsets are equal to the library's.
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
/// n characters after that are removed.
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

  /// A part of the text as a separate text. Text that is later inserted before
  /// it has the origin of its beginning.
  NormalizedText slice(Range range) const;

  /// The range of the original for a range of bytes.
  Range original(Range range) const;

  /// Removes the first `removed` characters, and replaces the text by that of
  /// `changes`.
  void transform(std::span<const Change> changes, size_t removed = 0) {
    transformRange({0, uint32_t(bytes.size())}, changes, removed);
  }
  /// The same of a range of bytes.
  void transformRange(Range range, std::span<const Change> changes,
                      size_t removed);

  /// Replaces each of the ranges, which are in order, by `content`.
  void replace(std::span<const Range> ranges, std::string_view content);

  void prepend(std::string_view content);

  /// Removes the characters for which `keep` is false, and maps the others.
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

  /// Whether the text may grow to this many bytes: about 30 times its original
  /// size, and never more than offsets of 32 bits allow.
  bool fits(uint64_t size) const { return size <= limit; }

  /// Converts ASCII letters to lower case; returns false if there are non-ASCII
  /// characters.
  bool lowerAscii();

  /// Appends the range of another text, as it is.
  void append(const NormalizedText &other, Range range);
  /// Appends a character with the origin of the given range.
  void append(char32_t character, Range origin);
  void clear() {
    bytes.clear();
    alignments.clear();
  }
  void setTracked(bool isTracked) { tracked = isTracked; }
  Range alignment(size_t byte) const { return alignments[byte]; }
  /// The beginning of the original, which is also the origin of text inserted
  /// before it.
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
