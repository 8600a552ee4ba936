//===- PreTokenizers.cpp - The pre-tokenizers of the tokenizers library ---===//
//
// Implements PreTokenizer.h: reads the components, and refuses by name what is
// not supported.
//
//===----------------------------------------------------------------------===//

#include "Pattern.h"
#include "PreTokenizer.h"
#include "Vocabulary.h"

namespace lora_rt::text {

void splitAt(Range word, const std::vector<Range> &matches, Behavior behavior,
             bool isInverted, std::vector<Range> &out) {
  bool previous = false, isFirst = true;
  size_t begin = out.size(); // of the parts of this word
  auto emit = [&](Range part, bool isMatch) {
    isMatch ^= isInverted;
    bool joins = false;
    switch (behavior) {
    case Behavior::Removed:
      if (isMatch)
        return;
      break;
    case Behavior::Isolated:
      break;
    case Behavior::Contiguous:
      joins = isMatch == previous && !isFirst;
      break;
    case Behavior::MergedWithPrevious:
      joins = isMatch && !previous && !isFirst;
      break;
    case Behavior::MergedWithNext:
      break;
    }
    isFirst = false;
    previous = isMatch;
    if (joins && out.size() > begin && out.back().end == part.begin)
      out.back().end = part.end;
    else
      out.push_back(part);
  };
  if (behavior == Behavior::MergedWithNext) {
    // From right to left; the parts are reversed at the end.
    uint32_t end = word.end;
    auto put = [&](Range part, bool isMatch) {
      isMatch ^= isInverted;
      if (isMatch && !previous && !isFirst)
        out.back().begin = part.begin;
      else
        out.push_back(part);
      isFirst = false;
      previous = isMatch;
    };
    for (size_t i = matches.size(); i--;) {
      if (matches[i].end < end)
        put({matches[i].end, end}, false);
      put(matches[i], true);
      end = matches[i].begin;
    }
    if (word.begin < end)
      put({word.begin, end}, false);
    for (size_t i = begin, j = out.size(); i + 1 < j; ++i)
      std::swap(out[i], out[--j]);
  } else {
    uint32_t at = word.begin;
    for (Range match : matches) {
      if (at < match.begin)
        emit({at, match.begin}, false);
      emit(match, true);
      at = match.end;
    }
    if (at < word.end)
      emit({at, word.end}, false);
  }
  // Empty parts are removed.
  size_t kept = begin;
  for (size_t i = begin; i < out.size(); ++i)
    if (!out[i].empty())
      out[kept++] = out[i];
  out.resize(kept);
}

namespace {

std::string_view viewOf(const Words &words, Range range) {
  return std::string_view(words.text.text()).substr(range.begin, range.size());
}

class Sequence final : public PreTokenizer {
public:
  std::vector<std::unique_ptr<PreTokenizer>> parts;
  Error split(Words &words) const override {
    for (const auto &part : parts)
      if (Error error = part->split(words))
        return error;
    return Error::success();
  }
  bool needsOrigins(bool isChanged) const override {
    for (size_t i = 0; i < parts.size(); ++i)
      if (parts[i]->needsOrigins(isChanged || i > 0))
        return true;
    return false;
  }
};

/// Splits at characters of given kinds: 0 for characters that remain, other
/// kinds for those that are split off one by one or removed.
template <typename Kind> class ByCharacter final : public PreTokenizer {
public:
  ByCharacter(Kind kind, Behavior behavior)
      : kind(std::move(kind)), behavior(behavior) {}

  Error split(Words &words) const override {
    std::vector<Range> out, matches;
    out.reserve(words.ranges.size());
    const std::string &text = words.text.text();
    for (Range word : words.ranges) {
      std::string_view view(text.data(), word.end);
      if (behavior == Behavior::Removed || behavior == Behavior::Isolated) {
        uint32_t begin = word.begin;
        for (size_t at = word.begin; at < word.end;) {
          auto start = uint32_t(at);
          if (!kind(nextCharacter(view, at)))
            continue;
          if (begin < start)
            out.push_back({begin, start});
          if (behavior == Behavior::Isolated)
            out.push_back({start, uint32_t(at)});
          begin = uint32_t(at);
        }
        if (begin < word.end)
          out.push_back({begin, word.end});
        continue;
      }
      matches.clear();
      for (size_t at = word.begin; at < word.end;) {
        auto start = uint32_t(at);
        if (kind(nextCharacter(view, at)))
          matches.push_back({start, uint32_t(at)});
      }
      splitAt(word, matches, behavior, false, out);
    }
    words.ranges = std::move(out);
    return Error::success();
  }

private:
  Kind kind;
  Behavior behavior;
};

template <typename Kind>
std::unique_ptr<PreTokenizer> byCharacter(Kind kind, Behavior behavior) {
  return std::make_unique<ByCharacter<Kind>>(std::move(kind), behavior);
}

class ByPattern final : public PreTokenizer {
public:
  ByPattern(Pattern pattern, Behavior behavior, bool isInverted)
      : pattern(std::move(pattern)), behavior(behavior),
        isInverted(isInverted) {}

  Error split(Words &words) const override {
    std::vector<Range> out, matches;
    out.reserve(words.text.text().size() / 5);
    for (Range word : words.ranges) {
      matches.clear();
      if (Error error = pattern.findAll(viewOf(words, word), matches))
        return error;
      for (Range &match : matches) {
        match.begin += word.begin;
        match.end += word.begin;
      }
      splitAt(word, matches, behavior, isInverted, out);
    }
    words.ranges = std::move(out);
    return Error::success();
  }

private:
  Pattern pattern;
  Behavior behavior;
  bool isInverted;
};

/// Runs of word characters, and runs of others except white space.
class WhitespaceWords final : public PreTokenizer {
public:
  Error split(Words &words) const override {
    std::vector<Range> out;
    const std::string &text = words.text.text();
    for (Range word : words.ranges) {
      int last = 0; // 0 for white space, 1 for words, 2 for others
      uint32_t begin = word.begin;
      std::string_view view(text.data(), word.end);
      for (size_t at = word.begin; at < word.end;) {
        auto start = uint32_t(at);
        char32_t character = nextCharacter(view, at);
        int kind = isWord(character) ? 1 : isWhitespace(character) ? 0 : 2;
        if (kind == last)
          continue;
        if (last)
          out.push_back({begin, start});
        begin = start;
        last = kind;
      }
      if (last)
        out.push_back({begin, word.end});
    }
    words.ranges = std::move(out);
    return Error::success();
  }
};

class FixedLength final : public PreTokenizer {
public:
  explicit FixedLength(uint64_t length) : length(length) {}
  Error split(Words &words) const override {
    std::vector<Range> out;
    for (Range word : words.ranges) {
      uint32_t begin = word.begin;
      uint64_t count = 0;
      std::string_view view(words.text.text().data(), word.end);
      for (size_t at = word.begin; at < word.end;) {
        nextCharacter(view, at);
        if (++count == length || at == word.end) {
          out.push_back({begin, uint32_t(at)});
          begin = uint32_t(at);
          count = 0;
        }
      }
    }
    words.ranges = std::move(out);
    return Error::success();
  }

private:
  uint64_t length;
};

class Metaspace final : public PreTokenizer {
public:
  enum class Scheme { Always, First, Never };
  Metaspace(std::string replacement, Scheme scheme, bool isSplit)
      : replacement(std::move(replacement)), scheme(scheme), isSplit(isSplit) {}

  bool needsOrigins(bool isChanged) const override {
    return isChanged && scheme == Scheme::First;
  }

  Error split(Words &words) const override {
    const NormalizedText &text = words.text;
    Words result;
    result.text.setTracked(text.isTracked());
    result.text.setOriginalStart(text.originalStart());
    std::vector<Range> matches;
    for (Range word : words.ranges) {
      std::string_view view = viewOf(words, word);
      auto begin = uint32_t(result.text.text().size());
      uint32_t start = text.isTracked() ? text.alignment(word.begin).begin
                                        : text.originalStart() + word.begin;
      bool isPrepended = (scheme == Scheme::Always ||
                          (scheme == Scheme::First && start == 0)) &&
                         !view.starts_with(replacement) &&
                         !view.starts_with(' ');
      auto originOf = [&](uint32_t at) {
        return text.isTracked() ? text.alignment(at) : Range();
      };
      if (isPrepended)
        appendReplacement(result.text, originOf(word.begin));
      for (uint32_t at = word.begin; at < word.end;) {
        size_t space = view.find(' ', at - word.begin);
        uint32_t end = space == std::string_view::npos
                           ? word.end
                           : word.begin + uint32_t(space);
        result.text.append(text, {at, end});
        if (end < word.end)
          appendReplacement(result.text, originOf(end++));
        at = end;
      }
      if (result.text.text().size() > uint64_t(1) << 31)
        return makeError(ErrorCode::InvalidArgument,
                         "a text of more than 1 GB for a Metaspace "
                         "pre-tokenizer; give a shorter text");
      Range whole = {begin, uint32_t(result.text.text().size())};
      if (!isSplit) {
        result.ranges.push_back(whole);
        continue;
      }
      matches.clear();
      const std::string &changed = result.text.text();
      for (size_t at = begin;
           (at = changed.find(replacement, at)) != std::string::npos;
           at += replacement.size())
        matches.push_back({uint32_t(at), uint32_t(at + replacement.size())});
      splitAt(whole, matches, Behavior::MergedWithNext, false, result.ranges);
    }
    words = std::move(result);
    return Error::success();
  }

private:
  void appendReplacement(NormalizedText &text, Range origin) const {
    for (size_t at = 0; at < replacement.size();)
      text.append(nextCharacter(replacement, at), origin);
  }

  std::string replacement;
  Scheme scheme;
  bool isSplit;
};

/// The words of GPT-2, with bytes as printable characters.
class ByteLevel final : public PreTokenizer {
public:
  ByteLevel(std::unique_ptr<PreTokenizer> regex, bool addsSpace,
            bool keepsBytes)
      : regex(std::move(regex)), addsSpace(addsSpace), keepsBytes(keepsBytes) {}

  Error split(Words &words) const override {
    if (addsSpace)
      addSpaces(words);
    if (regex)
      if (Error error = regex->split(words))
        return error;
    if (!keepsBytes)
      toBytes(words);
    return Error::success();
  }

private:
  static void addSpaces(Words &words) {
    bool isAny = false;
    for (Range word : words.ranges)
      isAny |= !viewOf(words, word).starts_with(' ');
    if (!isAny)
      return;
    Words result = emptyLike(words);
    for (Range word : words.ranges) {
      auto begin = uint32_t(result.text.text().size());
      if (!viewOf(words, word).starts_with(' '))
        result.text.append(U' ', originOf(words, word.begin));
      result.text.append(words.text, word);
      result.ranges.push_back({begin, uint32_t(result.text.text().size())});
    }
    words = std::move(result);
  }

  static void toBytes(Words &words) {
    Words result = emptyLike(words);
    const std::string &text = words.text.text();
    for (Range word : words.ranges) {
      auto begin = uint32_t(result.text.text().size());
      for (uint32_t at = word.begin; at < word.end; ++at)
        result.text.append(byteCharacter(static_cast<unsigned char>(text[at])),
                           originOf(words, at));
      result.ranges.push_back({begin, uint32_t(result.text.text().size())});
    }
    words = std::move(result);
  }

  static Words emptyLike(const Words &words) {
    Words result;
    result.text.setTracked(words.text.isTracked());
    result.text.setOriginalStart(words.text.originalStart());
    return result;
  }
  static Range originOf(const Words &words, uint32_t at) {
    return words.text.isTracked() ? words.text.alignment(at) : Range();
  }

  std::unique_ptr<PreTokenizer> regex;
  bool addsSpace, keepsBytes;
};

constexpr const char *gpt2Words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

Expected<Behavior> readBehavior(Component &component,
                                std::optional<std::string> fallback) {
  std::string name = component.text("behavior", std::move(fallback));
  static constexpr std::pair<const char *, Behavior> names[] = {
      {"Removed", Behavior::Removed},
      {"Isolated", Behavior::Isolated},
      {"MergedWithPrevious", Behavior::MergedWithPrevious},
      {"MergedWithNext", Behavior::MergedWithNext},
      {"Contiguous", Behavior::Contiguous}};
  for (const auto &[known, behavior] : names)
    if (name == known)
      return behavior;
  component.fail("unknown behavior '", name, "'");
  return component.take();
}

using Made = Expected<std::unique_ptr<PreTokenizer>>;

Made makeByteLevel(Component &component, bool keepsBytes) {
  bool addsSpace = component.flag("add_prefix_space");
  bool usesRegex = component.flag("use_regex", true);
  if (component)
    return component.take();
  std::unique_ptr<PreTokenizer> regex;
  if (usesRegex) {
    Json pattern = {{"Regex", gpt2Words}};
    Expected<Pattern> words = Pattern::read(&pattern, component.place());
    if (!words)
      return words.takeError();
    regex = std::make_unique<ByPattern>(std::move(*words), Behavior::Isolated,
                                        false);
  }
  return std::unique_ptr<PreTokenizer>(
      std::make_unique<ByteLevel>(std::move(regex), addsSpace, keepsBytes));
}

Made makeMetaspace(Component &component) {
  std::string replacement;
  appendCharacter(replacement, component.character("replacement"));
  bool addsSpace = component.flag("add_prefix_space", true);
  std::string scheme =
      component.text("prepend_scheme", addsSpace ? "always" : "never");
  bool isSplit = component.flag("split", true);
  if (component.find("prepend_scheme") && component.find("add_prefix_space") &&
      !addsSpace && scheme != "never")
    component.fail("'add_prefix_space' is false, and 'prepend_scheme' is '",
                   scheme, "'");
  if (scheme != "always" && scheme != "first" && scheme != "never")
    component.fail("unknown 'prepend_scheme': '", scheme, "'");
  if (component)
    return component.take();
  auto value = scheme == "always"  ? Metaspace::Scheme::Always
               : scheme == "first" ? Metaspace::Scheme::First
                                   : Metaspace::Scheme::Never;
  return std::unique_ptr<PreTokenizer>(
      std::make_unique<Metaspace>(std::move(replacement), value, isSplit));
}

Made makeSplit(Component &component) {
  Expected<Pattern> pattern =
      Pattern::read(component.find("pattern"), component.place());
  if (!pattern)
    return pattern.takeError();
  Expected<Behavior> behavior = readBehavior(component, std::nullopt);
  if (!behavior)
    return behavior.takeError();
  bool isInverted = component.flag("invert", false);
  if (component)
    return component.take();
  return std::unique_ptr<PreTokenizer>(
      std::make_unique<ByPattern>(std::move(*pattern), *behavior, isInverted));
}

Made makeSequence(Component &component, bool keepsBytes,
                  const std::string &where) {
  auto sequence = std::make_unique<Sequence>();
  const Json &parts = component.list("pretokenizers");
  for (size_t i = 0; i < parts.size(); ++i) {
    Made one =
        makePreTokenizer(parts[i], keepsBytes && i + 1 == parts.size(), where);
    if (!one)
      return one.takeError();
    sequence->parts.push_back(std::move(*one));
  }
  if (component)
    return component.take();
  return std::unique_ptr<PreTokenizer>(std::move(sequence));
}

std::unique_ptr<PreTokenizer> bertWords() {
  auto sequence = std::make_unique<Sequence>();
  sequence->parts.push_back(byCharacter(isWhitespace, Behavior::Removed));
  sequence->parts.push_back(byCharacter(isPunctuation, Behavior::Isolated));
  return sequence;
}

} // namespace

bool endsInByteLevel(const Json &preTokenizer) {
  if (!preTokenizer.is_object())
    return false;
  Json type = preTokenizer.value("type", Json());
  if (type == "ByteLevel")
    return true;
  auto parts = preTokenizer.find("pretokenizers");
  return type == "Sequence" && parts != preTokenizer.end() &&
         parts->is_array() && !parts->empty() && endsInByteLevel(parts->back());
}

Made makePreTokenizer(const Json &json, bool keepsBytes,
                      const std::string &where) {
  Component component(json, where);
  if (component)
    return component.take();
  const std::string &type = component.type();
  if (type == "Sequence")
    return makeSequence(component, keepsBytes, where);
  if (type == "ByteLevel")
    return makeByteLevel(component, keepsBytes);
  if (type == "Metaspace")
    return makeMetaspace(component);
  if (type == "Split")
    return makeSplit(component);
  if (type == "BertPreTokenizer")
    return bertWords();
  if (type == "Whitespace")
    return std::unique_ptr<PreTokenizer>(std::make_unique<WhitespaceWords>());
  if (type == "WhitespaceSplit")
    return byCharacter(isWhitespace, Behavior::Removed);
  if (type == "UnicodeScripts")
    return makeUnicodeScripts();
  if (type == "Punctuation") {
    Expected<Behavior> behavior = readBehavior(component, "Isolated");
    if (!behavior)
      return behavior.takeError();
    return byCharacter(isPunctuation, *behavior);
  }
  if (type == "Digits") {
    bool isEach = component.flag("individual_digits");
    if (component)
      return component.take();
    return byCharacter(isNumeric,
                       isEach ? Behavior::Isolated : Behavior::Contiguous);
  }
  if (type == "CharDelimiterSplit") {
    char32_t delimiter = component.character("delimiter");
    if (component)
      return component.take();
    return byCharacter([delimiter](char32_t c) { return c == delimiter; },
                       Behavior::Removed);
  }
  if (type == "FixedLength") {
    uint64_t length = component.number("length", 5);
    if (length == 0)
      component.fail("expected a 'length' above 0");
    if (component)
      return component.take();
    return std::unique_ptr<PreTokenizer>(std::make_unique<FixedLength>(length));
  }
  return component.unknown();
}

} // namespace lora_rt::text
