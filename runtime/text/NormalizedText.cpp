//===- NormalizedText.cpp - A text that remembers where it is from --------===//
//
// Implements NormalizedText.h: applies changes to a text, and keeps for each
// byte the range of the original text that it is from.
//
//===----------------------------------------------------------------------===//

#include "NormalizedText.h"

#include <algorithm>

namespace lora_rt::text {

NormalizedText::NormalizedText(std::string_view original, Range range,
                               bool isTracked)
    : bytes(original.substr(range.begin, range.size())),
      limit(std::min<uint64_t>(maxBytes, (1 << 20) + 32 * bytes.size())),
      start(range.begin), tracked(isTracked) {
  if (!tracked)
    return;
  alignments.reserve(bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    size_t begin = at;
    nextCharacter(bytes, at);
    alignments.insert(
        alignments.end(), at - begin,
        {uint32_t(range.begin + begin), uint32_t(range.begin + at)});
  }
}

NormalizedText NormalizedText::slice(Range range) const {
  NormalizedText part;
  part.tracked = tracked;
  part.limit = limit;
  part.start = tracked && !range.empty() ? alignments[range.begin].begin
                                         : start + range.begin;
  part.append(*this, range);
  return part;
}

Range NormalizedText::original(Range range) const {
  if (!tracked || range.empty() || range.end > alignments.size())
    return {};
  return {alignments[range.begin].begin, alignments[range.end - 1].end};
}

void NormalizedText::transformRange(Range range,
                                    std::span<const Change> changes,
                                    size_t removed) {
  std::string text;
  text.reserve(range.size() + 8);
  if (!tracked) {
    for (const Change &change : changes)
      appendCharacter(text, change.character);
    bytes.replace(range.begin, range.size(), text);
    return;
  }
  std::vector<Range> places;
  places.reserve(range.size() + 8);
  size_t at = range.begin;
  auto skip = [&](size_t count) {
    for (; count && at < range.end; --count)
      nextCharacter(bytes, at);
  };
  skip(removed);
  for (const Change &change : changes) {
    Range place;
    if (change.change > 0) {
      place = at < 1 ? Range{start, start} : alignments[at - 1];
    } else {
      place = at < alignments.size() ? alignments[at] : Range{start, start};
      skip(1 + size_t(-int64_t(change.change)));
    }
    size_t before = text.size();
    appendCharacter(text, change.character);
    places.insert(places.end(), text.size() - before, place);
  }
  if (range.begin == 0 && range.end == bytes.size()) {
    bytes = std::move(text);
    alignments = std::move(places);
    return;
  }
  bytes.replace(range.begin, range.size(), text);
  auto first = alignments.begin() + range.begin;
  size_t common = std::min<size_t>(range.size(), places.size());
  std::copy_n(places.begin(), common, first);
  if (places.size() > common)
    alignments.insert(first + common, places.begin() + common, places.end());
  else
    alignments.erase(first + common, first + range.size());
}

void NormalizedText::replace(std::span<const Range> ranges,
                             std::string_view content) {
  if (ranges.empty())
    return;
  std::string text;
  text.reserve(bytes.size());
  std::vector<Range> places;
  if (tracked)
    places.reserve(alignments.size());
  size_t last = 0;
  auto copyTo = [&](size_t end) {
    text.append(bytes, last, end - last);
    if (tracked)
      places.insert(places.end(), alignments.begin() + last,
                    alignments.begin() + end);
  };
  for (Range range : ranges) {
    copyTo(range.begin);
    text += content;
    if (tracked)
      places.insert(places.end(), content.size(),
                    range.end < 1 ? Range{start, start}
                                  : alignments[range.end - 1]);
    last = range.end;
  }
  copyTo(bytes.size());
  bytes = std::move(text);
  alignments = std::move(places);
}

void NormalizedText::prepend(std::string_view content) {
  if (bytes.empty() || content.empty())
    return;
  bytes.insert(0, content);
  if (tracked)
    alignments.insert(alignments.begin(), content.size(), alignments.front());
}

bool NormalizedText::lowerAscii() {
  for (char &c : bytes) {
    if (c & 0x80)
      return false;
    if (c >= 'A' && c <= 'Z')
      c = char(c + 32);
  }
  return true;
}

void NormalizedText::append(const NormalizedText &other, Range range) {
  bytes.append(other.bytes, range.begin, range.size());
  if (tracked)
    alignments.insert(alignments.end(), other.alignments.begin() + range.begin,
                      other.alignments.begin() + range.end);
}

void NormalizedText::append(char32_t character, Range origin) {
  size_t before = bytes.size();
  appendCharacter(bytes, character);
  if (tracked)
    alignments.insert(alignments.end(), bytes.size() - before, origin);
}

} // namespace lora_rt::text
