//===- UnicodeForms.cpp - NFC, NFD, NFKC and NFKD -------------------------===//
//
// utf8proc decomposes and composes. This file computes the order of marks, and
// the character of the text from which a new one comes (Unicode Standard Annex
// 15). The rules of the latter are those of the tokenizers library.
//
//===----------------------------------------------------------------------===//

#include "Normalizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <numeric>

namespace lora_rt::text {

namespace {

void decompose(std::string_view text, bool isCompatible,
               std::vector<Change> &out) {
  auto options = utf8proc_option_t(UTF8PROC_DECOMPOSE | UTF8PROC_STABLE |
                                   (isCompatible ? UTF8PROC_COMPAT : 0));
  size_t pending = 0; // where the marks that are not in order yet begin
  std::vector<std::pair<uint32_t, Change>> marks;
  auto sort = [&] {
    // By class and position, so that the order within a class is kept.
    marks.clear();
    for (size_t i = pending; i < out.size(); ++i)
      marks.push_back({uint32_t(combiningClass(out[i].character)), out[i]});
    std::vector<uint32_t> order(marks.size());
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      return marks[a].first != marks[b].first ? marks[a].first < marks[b].first
                                              : a < b;
    });
    for (size_t i = 0; i < order.size(); ++i)
      out[pending + i] = marks[order[i]].second;
    pending = out.size();
  };
  utf8proc_int32_t parts[32];
  for (size_t at = 0; at < text.size();) {
    char32_t character = nextCharacter(text, at);
    utf8proc_ssize_t count = 0;
    if (character >= 0x80) {
      int state = 0;
      count = utf8proc_decompose_char(utf8proc_int32_t(character), parts,
                                      std::size(parts), options, &state);
    }
    if (count <= 0 || count > utf8proc_ssize_t(std::size(parts))) {
      parts[0] = utf8proc_int32_t(character);
      count = 1;
    }
    for (utf8proc_ssize_t i = 0; i < count; ++i) {
      auto part = char32_t(parts[i]);
      if (combiningClass(part) == 0) {
        if (out.size() - pending > 1)
          sort();
        pending = out.size();
      }
      out.push_back({part, i ? 1 : 0});
    }
  }
  sort();
}

/// The composition of two characters, or 0.
char32_t compose(char32_t first, char32_t second) {
  // No character below is the second part of another.
  if (second < 0x300)
    return 0;
  utf8proc_int32_t pair[2] = {utf8proc_int32_t(first),
                              utf8proc_int32_t(second)};
  utf8proc_ssize_t count = utf8proc_normalize_utf32(
      pair, 2, utf8proc_option_t(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  return count == 1 ? char32_t(pair[0]) : 0;
}

/// Composes what is decomposed and in order.
void recompose(std::vector<Change> &changes) {
  constexpr size_t none = SIZE_MAX;
  size_t written = 0, starter = none;
  int lastClass = -1; // of what stands behind the starter; -1 for nothing
  for (size_t i = 0; i < changes.size(); ++i) {
    Change change = changes[i];
    int ownClass = combiningClass(change.character);
    if (starter != none && (lastClass < 0 || lastClass < ownClass)) {
      Change &first = changes[starter];
      if (char32_t whole = compose(first.character, change.character)) {
        first = {whole, first.change + change.change - 1};
        continue;
      }
    }
    if (ownClass == 0) {
      starter = written;
      lastClass = -1;
    } else if (starter != none) {
      lastClass = ownClass;
    }
    changes[written++] = change;
  }
  changes.resize(written);
}

} // namespace

void normalizeForm(NormalizedText &text, Form form) {
  bool isComposed = form == Form::NFC || form == Form::NFKC;
  bool isCompatible = form == Form::NFKC || form == Form::NFKD;
  // Characters below this one are unchanged in each form.
  char32_t first = form == Form::NFC ? 0x300 : isCompatible ? 0xa0 : 0xc0;
  const std::string &bytes = text.text();
  size_t at = 0;
  while (at < bytes.size() && nextCharacter(bytes, at) < first)
    ;
  if (bytes.empty() || (at == bytes.size() && [&] {
        size_t last = at;
        return previousCharacter(bytes, last) < first;
      }()))
    return;
  std::vector<Change> changes;
  changes.reserve(bytes.size());
  decompose(bytes, isCompatible, changes);
  if (isComposed)
    recompose(changes);
  text.transform(changes);
}

} // namespace lora_rt::text
