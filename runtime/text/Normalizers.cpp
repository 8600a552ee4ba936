//===- Normalizers.cpp - The normalizers of the tokenizers library --------===//
//
// Implements Normalizer.h: reads the components, and refuses by name what is
// not supported.
//
//===----------------------------------------------------------------------===//

#include "Normalizer.h"
#include "Pattern.h"
#include "Vocabulary.h"

namespace lora_rt::text {

Error tooLong(const NormalizedText &text, const std::string &where) {
  return makeError(ErrorCode::InvalidArgument, where, ": a text of ",
                   text.text().size(),
                   " bytes becomes too long by what this puts in the place of "
                   "its parts; give a shorter text");
}

void lowerCaseAll(NormalizedText &text) {
  if (text.lowerAscii())
    return;
  std::vector<Change> changes;
  changes.reserve(text.text().size());
  for (size_t at = 0; at < text.text().size();) {
    char32_t letters[2];
    size_t count = lowerCase(nextCharacter(text.text(), at), letters);
    for (size_t i = 0; i < count; ++i)
      changes.push_back({letters[i], i ? 1 : 0});
  }
  text.transform(changes);
}

namespace {

class Sequence final : public Normalizer {
public:
  std::vector<std::unique_ptr<Normalizer>> parts;
  Error normalize(NormalizedText &text) const override {
    for (const auto &part : parts)
      if (Error error = part->normalize(text))
        return error;
    return Error::success();
  }
};

/// A normalizer that is one function of a text.
template <typename Function> class Simple final : public Normalizer {
public:
  explicit Simple(Function function) : function(std::move(function)) {}
  Error normalize(NormalizedText &text) const override {
    if constexpr (std::is_void_v<decltype(function(text))>) {
      function(text);
      return Error::success();
    } else {
      return function(text);
    }
  }

private:
  Function function;
};

template <typename Function>
Expected<std::unique_ptr<Normalizer>> simple(Function function) {
  return std::unique_ptr<Normalizer>(
      std::make_unique<Simple<Function>>(std::move(function)));
}

auto same = [](char32_t c) { return c; };

void strip(NormalizedText &text, bool left, bool right) {
  const std::string &bytes = text.text();
  size_t begin = 0, end = bytes.size(), removed = 0;
  int32_t removedBehind = 0;
  for (size_t at = 0; left && at < bytes.size();) {
    if (!isWhitespace(nextCharacter(bytes, at)))
      break;
    begin = at;
    ++removed;
  }
  for (size_t at = end; right && at > begin;) {
    if (!isWhitespace(previousCharacter(bytes, at)))
      break;
    end = at;
    ++removedBehind;
  }
  if (begin == 0 && end == bytes.size())
    return;
  std::vector<Change> changes;
  for (size_t at = begin; at < end;)
    changes.push_back({nextCharacter(bytes, at), 0});
  if (!changes.empty())
    changes.back().change = -removedBehind;
  text.transform(changes, removed);
}

void separateChinese(NormalizedText &text) {
  const std::string &bytes = text.text();
  bool isAny = false;
  for (size_t at = 0; at < bytes.size() && !isAny;)
    isAny = isChinese(nextCharacter(bytes, at));
  if (!isAny)
    return;
  std::vector<Change> changes;
  for (size_t at = 0; at < bytes.size();) {
    char32_t character = nextCharacter(bytes, at);
    bool isOne = isChinese(character);
    // All three represent the character.
    if (isOne)
      changes.push_back({' ', 0});
    changes.push_back({character, isOne ? 1 : 0});
    if (isOne)
      changes.push_back({' ', 1});
  }
  text.transform(changes);
}

Expected<std::unique_ptr<Normalizer>> makeBert(Component &component) {
  bool clean = component.flag("clean_text");
  bool chinese = component.flag("handle_chinese_chars");
  bool lower = component.flag("lowercase");
  bool accents = component.flag("strip_accents", lower);
  if (component)
    return component.take();
  return simple([=](NormalizedText &text) {
    if (clean)
      text.filter(
          [](char32_t c) {
            return c == '\t' || c == '\n' || c == '\r' ||
                   !(c == 0 || c == replacementCharacter || isControl(c));
          },
          [](char32_t c) { return isWhitespace(c) ? U' ' : c; });
    if (chinese)
      separateChinese(text);
    if (accents) {
      normalizeForm(text, Form::NFD);
      text.filter([](char32_t c) { return !isNonspacingMark(c); }, same);
    }
    if (lower)
      lowerCaseAll(text);
  });
}

/// The rules of nmt_nfkc that are not in its map.
void normalizeNmt(NormalizedText &text) {
  text.filter(
      [](char32_t c) {
        return !((c >= 1 && c <= 8) || c == 0xb || (c >= 0xe && c <= 0x1f) ||
                 c == 0x7f || c == 0x8f || c == 0x9f);
      },
      [](char32_t c) {
        bool isSpace = c == 9 || c == 0xa || c == 0xc || c == 0xd ||
                       c == 0x1680 || (c >= 0x200b && c <= 0x200f) ||
                       c == 0x2028 || c == 0x2029 || c == 0x2581 ||
                       c == 0xfeff || c == replacementCharacter;
        return isSpace ? U' ' : c;
      });
}

void toByteLevel(NormalizedText &text) {
  std::vector<Change> changes;
  const std::string &bytes = text.text();
  changes.reserve(bytes.size());
  for (char byte : bytes) {
    auto b = static_cast<unsigned char>(byte);
    changes.push_back({byteCharacter(b), isContinuation(b) ? 1 : 0});
  }
  text.transform(changes);
}

Expected<std::unique_ptr<Normalizer>> makeReplace(Component &component) {
  Expected<Replacement> read = Replacement::read(component);
  if (!read)
    return read.takeError();
  return simple([replacement = std::move(*read),
                 where = component.place()](NormalizedText &text) -> Error {
    std::vector<Range> matches;
    if (Error error = replacement.pattern.findAll(text.text(), matches))
      return error;
    if (!text.fits(text.text().size() +
                   uint64_t(matches.size()) * replacement.content.size()))
      return tooLong(text, where);
    text.replace(matches, replacement.content);
    return Error::success();
  });
}

Expected<std::unique_ptr<Normalizer>> makeSequence(Component &component,
                                                   const std::string &where) {
  auto sequence = std::make_unique<Sequence>();
  for (const Json &part : component.list("normalizers")) {
    Expected<std::unique_ptr<Normalizer>> one = makeNormalizer(part, where);
    if (!one)
      return one.takeError();
    sequence->parts.push_back(std::move(*one));
  }
  if (component)
    return component.take();
  return std::unique_ptr<Normalizer>(std::move(sequence));
}

} // namespace

Expected<std::unique_ptr<Normalizer>> makeNormalizer(const Json &json,
                                                     const std::string &where) {
  Component component(json, where);
  if (component)
    return component.take();
  const std::string &type = component.type();
  if (type == "Sequence")
    return makeSequence(component, where);
  if (type == "BertNormalizer")
    return makeBert(component);
  if (type == "NFC" || type == "NFD" || type == "NFKC" || type == "NFKD") {
    Form form = type == "NFC"    ? Form::NFC
                : type == "NFD"  ? Form::NFD
                : type == "NFKC" ? Form::NFKC
                                 : Form::NFKD;
    return simple([form](NormalizedText &text) { normalizeForm(text, form); });
  }
  if (type == "Lowercase")
    return simple(lowerCaseAll);
  if (type == "Nmt")
    return simple(normalizeNmt);
  if (type == "ByteLevel")
    return simple(toByteLevel);
  if (type == "StripAccents")
    return simple([](NormalizedText &text) {
      text.filter([](char32_t c) { return !isMark(c); }, same);
    });
  if (type == "Strip") {
    bool left = component.flag("strip_left"),
         right = component.flag("strip_right");
    if (component)
      return component.take();
    return simple([=](NormalizedText &text) { strip(text, left, right); });
  }
  if (type == "Prepend") {
    std::string prefix = component.text("prepend");
    if (component)
      return component.take();
    return simple([=](NormalizedText &text) { text.prepend(prefix); });
  }
  if (type == "Replace")
    return makeReplace(component);
  if (type == "Precompiled") {
    std::optional<std::string> charsmap =
        fromBase64(component.text("precompiled_charsmap"));
    if (component)
      return component.take();
    if (!charsmap)
      return makeError(ErrorCode::InvalidFile, component.place(),
                       ": 'precompiled_charsmap' is not base64");
    return makePrecompiled(std::move(*charsmap), component.place());
  }
  return component.unknown();
}

} // namespace lora_rt::text
