//===- DecodeText.cpp - Stages that delay text ---------------------------===//
//
// The stages of a decoder that delay text until it is final.
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"
#include "Vocabulary.h"

namespace lora_rt::text {

namespace {

/// All pieces form one text; a character is output when all of its bytes are
/// there.
class ByteLevelStage final : public PieceStage {
private:
  void piece(std::string text, DecodeSink &next) override {
    if (std::optional<std::string> bytes = fromByteLevel(text))
      pending += *bytes;
    else
      pending += text;
    give(false, next);
  }
  void end(DecodeSink &next) override { give(true, next); }
  bool givesParts() const override { return true; }

  std::string pending;
  bool hasBegun = false;

  void give(bool isLast, DecodeSink &next) {
    std::string_view rest = pending;
    std::string text;
    while (!rest.empty()) {
      size_t valid = validPrefix(rest);
      text += rest.substr(0, valid);
      rest.remove_prefix(valid);
      if (rest.empty() || (!isLast && isUnfinished(rest)))
        break;
      appendCharacter(text, replacementCharacter);
      rest.remove_prefix(invalidBytes(rest, 0));
    }
    pending = std::string(rest);
    if (text.empty() && (hasBegun || !isLast))
      return;
    next.take(text, !hasBegun);
    hasBegun = true;
  }
};

/// "<0xE4>" is a byte. A run of such pieces is decoded as UTF-8, or gives one
/// replacement character for each byte. So its text is final only at its end.
class ByteFallbackStage final : public PieceStage {
private:
  void piece(std::string text, DecodeSink &next) override {
    int byte = byteOf(text);
    if (byte >= 0) {
      run += char(byte);
      return;
    }
    end(next);
    next.take(text, true);
  }

  void end(DecodeSink &next) override {
    if (run.empty())
      return;
    if (validPrefix(run) == run.size()) {
      next.take(run, true);
    } else {
      std::string replacement;
      appendCharacter(replacement, replacementCharacter);
      for (size_t i = 0; i < run.size(); ++i)
        next.take(replacement, true);
    }
    run.clear();
  }

  std::string run;

  static int byteOf(std::string_view text) {
    if (text.size() != 6 || !text.starts_with("<0x") || !text.ends_with('>'))
      return -1;
    auto digit = [](char c) {
      return c >= '0' && c <= '9'   ? c - '0'
             : c >= 'a' && c <= 'f' ? c - 'a' + 10
             : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                    : -1;
    };
    int high = text[3] == '+' ? 0 : digit(text[3]), low = digit(text[4]);
    return high < 0 || low < 0 ? -1 : 16 * high + low;
  }
};

/// Text is final before a position that no rule can extend over.
class CleanUpStage final : public DecodeStage {
public:
  void push(std::string_view text, bool, DecodeSink &next) override {
    held += text;
    size_t cut = settled();
    if (!cut)
      return;
    next.take(withoutSpaces(held.substr(0, cut), false), false);
    held.erase(0, cut);
  }
  void finish(DecodeSink &next) override {
    next.take(withoutSpaces(std::move(held), false), false);
    held.clear();
  }

  bool inParts(bool) override { return true; }

private:
  std::string held;

  /// A rule begins with a space and has at most three more characters, of which
  /// only that of " ' " ends in another space. So text is final before a space
  /// that cannot be the second space of a rule, and after four characters
  /// without a space.
  size_t settled() const {
    size_t size = held.size();
    if (size >= 4 && held.find(' ', size - 4) == std::string::npos)
      return size;
    for (size_t at = size; at-- > 1;)
      if (held[at] == ' ' && held[at - 1] != ' ' && held[at - 1] != '\'' &&
          held[at - 1] != 'n')
        return at;
    return 0;
  }
};

} // namespace

void PieceStage::push(std::string_view text, bool startsPiece,
                      DecodeSink &next) {
  if (startsPiece)
    flush(next);
  held += text;
  isHeld = true;
  if (!isInParts)
    flush(next);
}

std::unique_ptr<DecodeStage> makeByteLevelStage() {
  return std::make_unique<ByteLevelStage>();
}
std::unique_ptr<DecodeStage> makeByteFallbackStage() {
  return std::make_unique<ByteFallbackStage>();
}
std::unique_ptr<DecodeStage> makeCleanUpStage() {
  return std::make_unique<CleanUpStage>();
}

std::string withoutSpaces(std::string text, bool isWordPiece) {
  static constexpr std::pair<std::string_view, std::string_view> rules[] = {
      {" .", "."},   {" ?", "?"},     {" !", "!"},     {" ,", ","},
      {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},   {" do not", " don't"},
      {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
  };
  for (const auto &[from, to] : rules) {
    if (from == " do not" && !isWordPiece)
      continue;
    size_t at = text.find(from);
    if (at == std::string::npos)
      continue;
    std::string changed;
    size_t last = 0;
    for (; at != std::string::npos; at = text.find(from, last)) {
      changed.append(text, last, at - last);
      changed += to;
      last = at + from.size();
    }
    changed.append(text, last);
    text = std::move(changed);
  }
  return text;
}

} // namespace lora_rt::text
