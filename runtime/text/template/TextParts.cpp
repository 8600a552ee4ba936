//===- TextParts.cpp - Searching, splitting and replacing -----------------===//
//
// Implements the functions on texts in Methods.h. White space and line ends are
// Python's, which are more than those of ASCII. Searches take linear time for
// all texts, because a template is not trusted.
//
//===----------------------------------------------------------------------===//

#include "../Unicode.h"
#include "Lexer.h"
#include "Methods.h"

#include <algorithm>
#include <cstring>

namespace lora_rt::jinja {

size_t findPart(std::string_view text, std::string_view part, size_t from) {
  if (from > text.size())
    return std::string_view::npos;
  // std::string_view::find takes the product of both lengths for some texts.
  const void *found =
      memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return found ? size_t(static_cast<const char *>(found) - text.data())
               : std::string_view::npos;
}

size_t findLastPart(std::string_view text, std::string_view part) {
  if (part.size() <= 32)
    return text.rfind(part);
  std::string reversedText(text.rbegin(), text.rend());
  std::string reversedPart(part.rbegin(), part.rend());
  size_t found = findPart(reversedText, reversedPart);
  return found == std::string_view::npos ? found
                                         : text.size() - found - part.size();
}

std::string_view strip(std::string_view text, int sides,
                       const std::string_view *characters) {
  auto goes = [&](std::string_view character) {
    if (characters)
      return characters->find(character) != std::string_view::npos;
    size_t at = 0;
    return isPythonSpace(text::nextCharacter(character, at));
  };
  while ((sides & 1) && !text.empty()) {
    size_t size = text::characterBytes(static_cast<unsigned char>(text[0]));
    if (!goes(text.substr(0, size)))
      break;
    text.remove_prefix(size);
  }
  while ((sides & 2) && !text.empty()) {
    size_t begin = text.size();
    text::previousCharacter(text, begin);
    if (!goes(text.substr(begin)))
      break;
    text = text.substr(0, begin);
  }
  return text;
}

std::vector<std::string_view> splitSpace(std::string_view text, int64_t limit) {
  std::vector<std::string_view> out;
  while (true) {
    text = strip(text, 1);
    if (text.empty())
      return out;
    if (limit >= 0 && int64_t(out.size()) == limit) {
      out.push_back(text);
      return out;
    }
    size_t end = 0;
    while (end < text.size()) {
      size_t next = end;
      if (isPythonSpace(text::nextCharacter(text, next)))
        break;
      end = next;
    }
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

std::vector<std::string_view> splitLines(std::string_view text,
                                         bool keepsEnds) {
  std::vector<std::string_view> out;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    char32_t c = text::nextCharacter(text, at);
    bool isEnd = (c >= '\n' && c <= '\r') || (c >= 0x1c && c <= 0x1e) ||
                 c == 0x85 || c == 0x2028 || c == 0x2029;
    if (!isEnd)
      continue;
    if (c == '\r' && at < text.size() && text[at] == '\n')
      ++at;
    out.push_back(text.substr(begin, (keepsEnds ? at : end) - begin));
    begin = at;
  }
  if (begin < text.size())
    out.push_back(text.substr(begin));
  return out;
}

/// The number of places that str.replace() changes. An empty part is before
/// each character, and at the end.
static size_t countPlaces(std::string_view text, std::string_view part,
                          int64_t limit) {
  size_t most = limit < 0 ? SIZE_MAX : size_t(limit), count = 0;
  if (part.empty()) {
    for (char c : text)
      count += !text::isContinuation(static_cast<unsigned char>(c));
    return std::min(count + 1, most);
  }
  for (size_t at = 0; count < most; ++count) {
    size_t found = findPart(text, part, at);
    if (found == std::string_view::npos)
      break;
    at = found + part.size();
  }
  return count;
}

bool replaceAll(Runtime &runtime, std::string_view text, std::string_view from,
                std::string_view to, int64_t limit, std::string &out) {
  // The size is known before the first byte is written.
  size_t places = countPlaces(text, from, limit);
  size_t size = text.size() - places * from.size() + places * to.size();
  if (!runtime.step(text.size() / 32) || !runtime.hasRoom(size))
    return false;
  out.reserve(size);
  auto grow = [&](std::string_view part) {
    out += part;
    return runtime.step(1 + part.size() / 32);
  };
  size_t at = 0;
  for (int64_t count = 0; limit < 0 || count < limit; ++count) {
    if (from.empty()) {
      // Before each character, and at the end.
      if (!grow(to))
        return false;
      if (at == text.size())
        return true;
      size_t size = text::characterBytes(static_cast<unsigned char>(text[at]));
      if (!grow(text.substr(at, size)))
        return false;
      at += size;
      continue;
    }
    size_t found = findPart(text, from, at);
    if (found == std::string_view::npos)
      break;
    if (!grow(text.substr(at, found - at)) || !grow(to))
      return false;
    at = found + from.size();
  }
  return grow(text.substr(at));
}

std::vector<std::string_view> splitAt(std::string_view text,
                                      std::string_view mark, int64_t limit) {
  std::vector<std::string_view> out;
  while (limit < 0 || int64_t(out.size()) < limit) {
    size_t at = findPart(text, mark);
    if (at == std::string_view::npos)
      break;
    out.push_back(text.substr(0, at));
    text.remove_prefix(at + mark.size());
  }
  out.push_back(text);
  return out;
}

std::vector<std::string_view>
splitAtRight(std::string_view text, std::string_view mark, int64_t limit) {
  std::string reversed(text.rbegin(), text.rend());
  std::string reversedMark(mark.rbegin(), mark.rend());
  std::vector<std::string_view> out = splitAt(reversed, reversedMark, limit);
  for (std::string_view &part : out) {
    auto begin = size_t(part.data() - reversed.data());
    part = text.substr(text.size() - begin - part.size(), part.size());
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<std::string_view> splitSpaceRight(std::string_view text,
                                              int64_t limit) {
  std::vector<std::string_view> out;
  while (true) {
    text = strip(text, 2);
    if (text.empty())
      break;
    if (limit >= 0 && int64_t(out.size()) == limit) {
      out.push_back(text);
      break;
    }
    size_t begin = text.size();
    while (begin > 0) {
      size_t before = begin;
      if (isPythonSpace(text::previousCharacter(text, before)))
        break;
      begin = before;
    }
    out.push_back(text.substr(begin));
    text = text.substr(0, begin);
  }
  std::reverse(out.begin(), out.end());
  return out;
}

} // namespace lora_rt::jinja
